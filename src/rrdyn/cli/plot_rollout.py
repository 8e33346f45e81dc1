"""`rrdyn plot rollout`"""

from __future__ import annotations

from pathlib import Path

from rrdyn.cli.command import Arguments, Outcome, Positional
from rrdyn.plotting.options import FigureOptions


class Args(FigureOptions, Arguments):
    """Accuracy against compute on a log axis, and the survival of failures on a log scale with its best fit.

    1. rrdyn plot rollout survival/
    2. rrdyn plot rollout survival/survival.json --size page
    """

    path: Positional[Path]
    """What rrdyn survival wrote: its folder, or its survival.json."""


def run(args: Args) -> Outcome:
    from rrdyn.artifacts.files import existing
    from rrdyn.plotting.rollout import RUN, draw

    path = existing(args.path, run=RUN)
    wrote = draw(path if path.is_dir() else path.parent, args.style, args.out)
    return Outcome(text=f"drew {wrote[0]}", wrote=wrote)
