"""`rrdyn plot toy`"""

from __future__ import annotations

from pathlib import Path

from rrdyn.cli.command import Arguments, Outcome, Positional
from rrdyn.cli.options import Segments
from rrdyn.plotting.options import FigureOptions


class Args(FigureOptions, Arguments):
    """The toy model: exponents of captured and searching trajectories, AUC and success over readout times.

    1. rrdyn plot toy toy.npz
    2. rrdyn plot toy toy.npz --readout 64 --size slide
    """

    file: Positional[Path]
    """A toy.npz of rrdyn toy."""
    readout: Segments = 16
    """Readout time of the histogram."""


def run(args: Args) -> Outcome:
    from rrdyn.plotting.toy import draw

    wrote = draw(args.file, args.stem(args.file.parent, args.file.stem), args.style, readout=args.readout)
    return Outcome(text=f"drew {wrote[0]}", wrote=wrote)
