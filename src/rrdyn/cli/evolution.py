"""`rrdyn evolution`"""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from rrdyn.cli.command import Outcome, Positional
from rrdyn.cli.options import BootstrapOptions, ThresholdOptions


class Args(BootstrapOptions, ThresholdOptions):
    """Cell fractions, lambda_1 per cell and accuracy over the checkpoints of a run, under one threshold.

    1. rrdyn evolution diag_step_*.npz
    2. rrdyn evolution diag_step_*.npz --tau fixed -1.0 --tag hrm --out study
    """

    files: Positional[tuple[Path, ...]]
    """diag.npz files, one a checkpoint; missing ones are skipped. Steps come from the files or their names."""
    tag: str = "series"
    """Name in the written files."""
    per_checkpoint: bool = False
    """A threshold for each checkpoint (fractions of two cannot be compared); default: that of the last checkpoint."""
    settled: Literal["drift", "return"] = "drift"
    """What tells settled from unsettled: late drift, or the late return distance, by which a cycle has settled too."""
    compat: bool = False
    """The source study's columns and rules: files in the order given, Otsu for each."""


def run(args: Args) -> Outcome:
    from rrdyn.analysis import evolution
    from rrdyn.cli.results import EvolutionResult

    out, tag = args.folder("evolution"), evolution.checked_tag(args.tag)
    series = evolution.read_series(args.files, compat=args.compat, settled_by="drift" if args.compat else args.settled)
    if args.compat:
        found = evolution.evolve_as_source(series, tag)
    else:
        found = evolution.evolve(
            series, tag, tau=args.threshold, per_checkpoint=args.per_checkpoint, seed=args.seed,
            replicates=args.replicates,
        )  # fmt: skip
    wrote = args.tables(evolution.write(found, out))
    if args.figures:
        from rrdyn.plotting import plot

        wrote += plot("evolution", out / f"evolution_{tag}.csv", out=out).wrote
    return Outcome(data=EvolutionResult(tag=tag, rows=found.rows), text=evolution.table(found), wrote=wrote)
