"""`rrdyn analyze-2x2`"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Literal

from rrdyn.artifacts.pasting import quoted
from rrdyn.cli.command import Outcome, Positional
from rrdyn.cli.options import BootstrapOptions, ThresholdOptions


class Args(BootstrapOptions, ThresholdOptions):
    """Settled x right: cells, exponents, AUCs with intervals, controls, and what lambda_1 adds to the rest.

    1. rrdyn analyze-2x2 diag.npz
    2. rrdyn analyze-2x2 runs/*/diag/diag_step*.npz --shared-tau --out study
    3. rrdyn analyze-2x2 diag.npz --tau fixed -1.0
    4. rrdyn analyze-2x2 diag.npz --settled return
    5. rrdyn analyze-2x2 diag.npz --fate fate.npz
    6. rrdyn analyze-2x2 diag.npz --compat
    """

    files: Positional[tuple[Path, ...]]
    """diag.npz files, of ours or of the source study."""
    tag: str | None = None
    """Name in the written files; default: from the file names."""
    settled: Literal["drift", "return"] = "drift"
    """What tells settled from unsettled: late drift, or the late return distance, by which a cycle has settled too."""
    shared_tau: bool = False
    """One threshold for all files, from their puzzles taken together; default: one for each training run, that of its
    last checkpoint."""
    fate: tuple[Path, ...] = ()
    """fate.npz files: what became of the puzzles then stands first in results.md, with fates_<tag>.json beside it, and
    fates and multipliers are asked what they add."""
    compat: bool = False
    """The source study's numbers by its own rules, nothing else (NaN is written as null)."""


def run(args: Args) -> Outcome:
    from rrdyn.analysis.batch import analyze_files
    from rrdyn.analysis.fates import sentences
    from rrdyn.analysis.summary import headline

    out = args.folder("analysis_2x2")
    batch = analyze_files(
        args.files,
        tag=args.tag,
        tau=args.threshold,
        shared_tau=args.shared_tau,
        settled_by=args.settled,
        compat=args.compat,
        seed=args.seed,
        replicates=args.replicates,
        fate_files=args.fate,
    )
    wrote = args.tables(batch.write(out))
    if args.figures:
        from rrdyn.plotting import plot
        from rrdyn.runtime.progress import each

        for item in each(batch.found, "drawn files"):
            wrote += plot("2x2", out / f"results_{item.tag}.json", out=out).wrote
        if batch.series is not None:
            wrote += plot("evolution", out / f"evolution_{batch.series.tag}.csv", out=out).wrote
    return Outcome(
        data=batch.record(),
        text="\n\n".join(
            [
                *(f"{tag}\n{sentences(table)}" for tag, (_, table) in batch.fates.items()),
                *(headline(item.tag, item.results) for item in batch.found),
            ]
        ),
        wrote=wrote,
        next=[
            f"rrdyn report {quoted(_above(args.files[0], out))}" if args.figures else f"rrdyn plot 2x2 {quoted(out)}"
        ],
    )


def _above(measured: Path, analysed: Path) -> Path:
    """The folder of a study that holds both a measurement and its analysis, for a report; else that of the analysis."""
    inside, out = measured.absolute().parent, analysed.absolute()
    holds = next((folder for folder in (inside, inside.parent) if folder in out.parents), out)
    return Path(os.path.relpath(holds))
