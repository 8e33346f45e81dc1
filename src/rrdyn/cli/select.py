"""`rrdyn select`"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from pydantic import Field

from rrdyn.cli.command import Arguments, Outcome, Positional


class Args(Arguments):
    """Which of K perturbed restarts to trust: selectors on the same rollouts, risk and coverage, calibration of q_halt.

    1. rrdyn select perturb.npz
    2. rrdyn select trm/perturb.npz hrm/perturb.npz --out study
    """

    files: Positional[tuple[Path, ...]]
    """perturb.npz files."""
    out: Path | None = None
    """Folder to write to; default: beside the first file, in select."""
    readout: Annotated[int | None, Field(ge=1)] = None
    """Segment at which every selector looks; default: the file's own, else 16."""
    figures: bool = True
    """Leave out the figures: selectors and basins."""
    replicates: Annotated[int, Field(ge=100, le=1_000_000)] = 2000
    """Bootstrap replicates."""
    seed: Annotated[int, Field(ge=0)] = 0
    """Seed of the bootstrap."""


def run(args: Args) -> Outcome:
    from rrdyn.analysis import select
    from rrdyn.analysis.puzzles import tags
    from rrdyn.artifacts.errors import UsageError

    if not args.files:
        raise UsageError("FILES is missing", expected="one perturb.npz or several", run="rrdyn perturb CKPT")
    out = args.out or args.files[0].parent / "select"
    found, wrote = [], []
    for path, tag in zip(args.files, tags(args.files)):
        item = select.study(path, tag, readout=args.readout, seed=args.seed, replicates=args.replicates)
        found.append(item)
        wrote += select.write(item, out)
        if args.figures:
            from rrdyn.plotting import basin, selectors

            wrote += basin.draw(out, tag)
            if item.rows and item.calibrations:
                wrote += selectors.draw(out, tag)
    data = {item.tag: {"rows": item.rows, "basin": item.basin, "readout": item.readout} for item in found}
    return Outcome(data=data, text="\n".join(select.summary(item) for item in found), wrote=wrote)
