"""`rrdyn survival`"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field

from rrdyn.cli.command import Outcome, Positional
from rrdyn.cli.options import Segments, ThresholdOptions


class Args(ThresholdOptions):
    """How long puzzles that are wrong at the budget stay wrong: Kaplan-Meier, escape rates, log-rank between models.

    1. rrdyn survival rollout.npz
    2. rrdyn survival trm/rollout.npz hrm/rollout.npz --out study
    """

    files: Positional[tuple[Path, ...]]
    """rollout.npz files, one a model."""
    readout: Segments | None = None
    """Segment at which failure is judged; default: the file's budget, 16 where it names none."""
    sub_updates: tuple[Annotated[int, Field(ge=1, le=10**6)], ...] = ()
    """Module evaluations in one segment, one number a file (21 for TRM, 6 for HRM), where the file does not tell."""
    label: Literal["exact", "path_valid"] = "exact"
    """What counts as right; path_valid for mazes."""
    tau: tuple[str, ...] = ("otsu",)
    """Threshold on log10 late drift at the horizon, below which a wrong answer counts as settled: otsu, mixture, band,
    or fixed VALUE."""


def run(args: Args) -> Outcome:
    from rrdyn.analysis import survival
    from rrdyn.analysis.puzzles import tags
    from rrdyn.artifacts.errors import UsageError

    files, tau = args.files, args.threshold
    if args.sub_updates and len(args.sub_updates) != len(files):
        raise UsageError(
            "--sub-updates does not match the files", found=len(args.sub_updates), expected=f"{len(files)} numbers"
        )
    clocks = args.sub_updates or (None,) * len(files)
    rollouts = [survival.read_rollout(path, args.readout, clock, args.label) for path, clock in zip(files, clocks)]
    found = [(tag, r, survival.survive(r, tag, tau)) for tag, r in zip(tags(files), rollouts)]
    models = [model for _, _, model in found if model is not None]
    out = args.folder("survival")
    wrote = args.tables(survival.write(models, [(tag, r) for tag, r, model in found if model is None], out, tau))
    if args.figures and models:
        from rrdyn.plotting import plot

        wrote += plot("rollout", out, out=out).wrote
    record = survival.told(models)
    return Outcome(data=record, text=survival.summary(record), wrote=wrote)
