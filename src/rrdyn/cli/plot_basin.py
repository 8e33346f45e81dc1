"""`rrdyn plot basin`"""

from __future__ import annotations

from pathlib import Path

from rrdyn.cli.command import Arguments, Outcome, Positional
from rrdyn.plotting.options import FigureOptions


class Args(FigureOptions, Arguments):
    """Does a restart from a perturbed start free a failed puzzle? One restart and the best of K, over the noise.

    1. rrdyn plot basin select/
    2. rrdyn plot basin select/basin_trm.csv --dark
    """

    path: Positional[Path]
    """What rrdyn select wrote: its folder, or one basin_<tag>.csv."""


def run(args: Args) -> Outcome:
    from rrdyn.plotting.basin import RUN, draw
    from rrdyn.plotting.study import tags_of

    folder, tags = tags_of(args.path, "basin", ".csv", RUN)
    wrote = [file for tag in tags for file in draw(folder, tag, args.style, args.out)]
    return Outcome(data={"tags": tags}, text=f"drew {', '.join(tags)}", wrote=wrote)
