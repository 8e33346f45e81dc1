"""`rrdyn analyze-2x2`"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from pydantic import Field

from rrdyn.cli.command import Arguments, Outcome, Positional


class Args(Arguments):
    """Settled x right: cells, exponents, AUCs with intervals, controls, and what lambda_1 adds to drift and q_halt.

    1. rrdyn analyze-2x2 diag.npz
    2. rrdyn analyze-2x2 runs/*/diag/diag_step*.npz --shared-tau --out study
    3. rrdyn analyze-2x2 diag.npz --tau fixed -1.0
    4. rrdyn analyze-2x2 diag.npz --compat
    """

    files: Positional[tuple[Path, ...]] = ()
    """diag.npz files, of ours or of the source study."""
    out: Path | None = None
    """Folder to write to; default: beside the first file, in analysis_2x2."""
    tag: str | None = None
    """Name in the written files; default: from the file names."""
    tau: tuple[str, ...] = ("otsu",)
    """Threshold on log10 late drift: otsu, mixture, band, or fixed VALUE."""
    shared_tau: bool = False
    """One threshold for all files, from their puzzles taken together."""
    compat: bool = False
    """The source study's numbers by its own rules, nothing else (NaN is written as null)."""
    figures: bool = True
    """Leave out the figures: the four figures of each file, and the series where there are several."""
    replicates: Annotated[int, Field(ge=100, le=1_000_000)] = 2000
    """Bootstrap replicates; above 100,000 puzzles closed forms take their place for AUCs."""
    seed: Annotated[int, Field(ge=0)] = 0
    """Seed of the bootstrap and of the cross-validation folds."""


def run(args: Args) -> Outcome:
    from rrdyn.analysis.batch import analyze_files
    from rrdyn.analysis.summary import headline
    from rrdyn.analysis.thresholds import from_words
    from rrdyn.artifacts.errors import UsageError

    tau, more = from_words(args.tau)
    files = [*args.files, *map(Path, more)]
    if not files:
        raise UsageError("FILES is missing", expected="one diag.npz or several", run="rrdyn diagnose CKPT")
    out = args.out or files[0].parent / "analysis_2x2"
    batch = analyze_files(
        files,
        out,
        tag=args.tag,
        tau=tau,
        shared_tau=args.shared_tau,
        compat=args.compat,
        seed=args.seed,
        replicates=args.replicates,
    )
    wrote = list(batch.wrote)
    if args.figures:
        from rrdyn.plotting import evolution, two_by_two

        for item in batch.found:
            wrote += two_by_two.draw(out, item.tag)
        if batch.series is not None:
            wrote += evolution.draw(out, batch.series)
    return Outcome(
        data={"results": {item.tag: item.results for item in batch.found}},
        text="\n\n".join(headline(item.tag, item.results) for item in batch.found),
        wrote=wrote,
        next=[] if args.figures else [f"rrdyn plot 2x2 {out}"],
    )
