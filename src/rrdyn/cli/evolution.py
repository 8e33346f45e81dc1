"""`rrdyn evolution`"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from pydantic import Field

from rrdyn.cli.command import Arguments, Outcome, Positional


class Args(Arguments):
    """Cell fractions, lambda_1 per cell and accuracy over the checkpoints of a run, under one threshold.

    1. rrdyn evolution diag_step_*.npz
    2. rrdyn evolution diag_step_*.npz --tau fixed -1.0 --tag hrm --out study
    """

    files: Positional[tuple[Path, ...]] = ()
    """diag.npz files, one a checkpoint; missing ones are skipped. Steps come from the files or their names."""
    out: Path | None = None
    """Folder to write to; default: beside the first file, in evolution."""
    tag: str = "series"
    """Name in the written files."""
    tau: tuple[str, ...] = ("otsu",)
    """Threshold on log10 late drift: otsu, mixture, band, or fixed VALUE."""
    per_checkpoint: bool = False
    """A threshold for each checkpoint (its fractions cannot be compared with the next one's); default: one for all."""
    compat: bool = False
    """The source study's columns and rules: files in the order given, Otsu for each."""
    figures: bool = True
    """Leave out the figures: the series."""
    replicates: Annotated[int, Field(ge=100, le=1_000_000)] = 2000
    """Bootstrap replicates."""
    seed: Annotated[int, Field(ge=0)] = 0
    """Seed of the bootstrap."""


def run(args: Args) -> Outcome:
    from rrdyn.analysis import evolution
    from rrdyn.analysis.thresholds import from_words
    from rrdyn.artifacts.errors import UsageError

    tau, more = from_words(args.tau)
    files = [*args.files, *map(Path, more)]
    if not files:
        raise UsageError("FILES is missing", expected="several diag.npz", run="rrdyn diagnose CKPT")
    out = args.out or files[0].parent / "evolution"
    series = evolution.read_series(files, keep_all=args.compat)
    if args.compat:
        found = evolution.evolve_as_source(series, args.tag)
    else:
        found = evolution.evolve(
            series, args.tag, tau=tau, per_checkpoint=args.per_checkpoint, seed=args.seed, replicates=args.replicates
        )
    wrote = evolution.write(found, out)
    if args.figures:
        from rrdyn.plotting import evolution as figures

        wrote += figures.draw(out, args.tag)
    return Outcome(data={"tag": args.tag, "rows": found.rows}, text=evolution.table(found), wrote=wrote)
