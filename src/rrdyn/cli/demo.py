"""`rrdyn demo`"""

from __future__ import annotations

from pathlib import Path

from rrdyn.cli.command import Arguments, Outcome
from rrdyn.cli.options import Seed


class Args(Arguments):
    """A whole study from nothing, in minutes on a laptop CPU: data, training, two arms, and the fate of each puzzle.

    Stopped and started again, it continues. Every line it runs is a public command and is shown before it runs.

    1. rrdyn demo
    2. rrdyn demo --tiny --out runs/tiny
    """

    out: Path = Path("runs/demo")
    """The folder of the study."""
    tiny: bool = False
    """The same path in seconds, on 4x4 Sudoku and a model too small to mean anything."""
    seed: Seed = 0
    """Names every random stream of the study."""


def run(args: Args) -> Outcome:
    from rrdyn.cli.within import within_study
    from rrdyn.studies import demo

    size = demo.TINY if args.tiny else demo.FULL
    study = demo.run(args.out, size, args.seed, execute=within_study)
    return Outcome(data=study.data, text=study.text, next=study.next)
