"""`rrdyn plot evolution`"""

from __future__ import annotations

from pathlib import Path

from rrdyn.cli.command import Arguments, Outcome, Positional
from rrdyn.plotting.options import FigureOptions


class Args(FigureOptions, Arguments):
    """Shares of the four cells, accuracy and the cells' exponents over the checkpoints of a run.

    1. rrdyn plot evolution analysis/evolution_trm.csv
    2. rrdyn plot evolution analysis --size page
    """

    path: Positional[Path]
    """What rrdyn evolution wrote: its folder, or one evolution_<tag>.csv."""


def run(args: Args) -> Outcome:
    from rrdyn.plotting.evolution import RUN, draw
    from rrdyn.plotting.study import tags_of

    folder, tags = tags_of(args.path, "evolution", ".csv", RUN)
    wrote = [file for tag in tags for file in draw(folder, tag, args.style, args.out)]
    return Outcome(data={"tags": tags}, text=f"drew {', '.join(tags)}", wrote=wrote)
