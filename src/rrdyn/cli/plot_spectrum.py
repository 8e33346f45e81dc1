"""`rrdyn plot spectrum`"""

from __future__ import annotations

from pathlib import Path

from rrdyn.cli.command import Arguments, Outcome, Positional
from rrdyn.plotting.options import FigureOptions


class Args(FigureOptions, Arguments):
    """The median exponent spectrum of each cell with its intervals, one panel for each analysed file.

    1. rrdyn plot spectrum analysis/
    2. rrdyn plot spectrum analysis/results_trm.json
    """

    path: Positional[Path]
    """What rrdyn analyze-2x2 wrote: its folder (every tag in it), or one results_<tag>.json."""


def run(args: Args) -> Outcome:
    from rrdyn.plotting.spectrum import draw
    from rrdyn.plotting.study import RUN, tags_of

    folder, tags = tags_of(args.path, "results", ".json", RUN)
    name = f"spectrum_{tags[0]}" if len(tags) == 1 else "spectrum"
    wrote = draw(folder, tags, args.stem(folder, name), args.style)
    return Outcome(data={"tags": tags}, text=f"drew {wrote[0]}", wrote=wrote)
