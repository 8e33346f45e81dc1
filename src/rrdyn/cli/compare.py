"""`rrdyn compare`"""

from __future__ import annotations

from pathlib import Path

from rrdyn.cli.command import Outcome, Positional
from rrdyn.cli.options import BootstrapOptions, ThresholdOptions


class Args(BootstrapOptions, ThresholdOptions):
    """Two measurements of the same puzzles, puzzle by puzzle: answers, cells or fates, exponents, drift, AUCs.

    1. rrdyn compare none/diag.npz multi4/diag.npz
    2. rrdyn compare fate_none.npz fate_multi4.npz --names none multi4
    3. rrdyn compare rollout_a.npz rollout_b.npz --out study/compare --json
    """

    files: Positional[tuple[Path, ...]]
    """Two files of one kind and dataset: diag.npz, fate.npz, rollout.npz or perturb.npz. Differences are second minus
    first."""
    names: tuple[str, ...] = ()
    """What the two are called, in their order; by default from the file names."""
    tau: tuple[str, ...] = ("otsu",)
    """Threshold on log10 late drift for the cells of diag.npz files: otsu, mixture, band, or fixed VALUE."""


def run(args: Args) -> Outcome:
    from rrdyn.analysis import comparison
    from rrdyn.analysis.measured import read_measured
    from rrdyn.analysis.puzzles import tags
    from rrdyn.artifacts.errors import UsageError

    if len(args.files) != 2:
        raise UsageError("compare takes two files", found=len(args.files), expected="rrdyn compare A.npz B.npz")
    if len(args.names) not in (0, 2):
        raise UsageError("--names takes two names", found=len(args.names), expected="one for each file")
    one, other = args.names or tags(args.files)
    first, second = read_measured(args.files, args.threshold)
    found = comparison.compare(first, second, seed=args.seed, replicates=args.replicates)
    out = args.folder("comparison")
    record, written = comparison.write(found, (one, other), out, seed=args.seed)
    wrote = args.tables(written)
    if args.figures:
        from rrdyn.plotting import plot

        wrote += plot("compare", out, out=out).wrote
    return Outcome(data=record, text=comparison.told(record), wrote=wrote)
