"""`rrdyn plot 2x2`"""

from __future__ import annotations

from pathlib import Path

from rrdyn.cli.command import Arguments, Outcome, Positional
from rrdyn.plotting.options import FigureOptions


class Args(FigureOptions, Arguments):
    """The four figures of the 2x2 analysis: drift histogram, exponent by cell, drift against exponent, spectra.

    1. rrdyn plot 2x2 runs/demo/analysis
    2. rrdyn plot 2x2 analysis/results_trm.json --size page --dark
    """

    path: Positional[Path]
    """What rrdyn analyze-2x2 wrote: its folder (every tag in it), or one results_<tag>.json."""


def run(args: Args) -> Outcome:
    from rrdyn.plotting.study import RUN, tags_of
    from rrdyn.plotting.two_by_two import draw

    folder, tags = tags_of(args.path, "results", ".json", RUN)
    wrote = [file for tag in tags for file in draw(folder, tag, args.style, args.out)]
    return Outcome(data={"tags": tags}, text=f"drew {', '.join(tags)}", wrote=wrote)
