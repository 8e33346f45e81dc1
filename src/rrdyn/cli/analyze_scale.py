"""`rrdyn analyze-scale`"""

from __future__ import annotations

from pathlib import Path

from rrdyn.artifacts.pasting import quoted
from rrdyn.cli.command import Outcome, Positional
from rrdyn.cli.options import BootstrapOptions


class Args(BootstrapOptions):
    """What inference compute buys: methods at equal compute, paired intervals, break-even, readers, freed fates.

    1. rrdyn analyze-scale scale.npz
    2. rrdyn analyze-scale scale.npz --fate fate.npz --out study
    """

    files: Positional[tuple[Path, ...]]
    """scale.npz files."""
    fate: Path | None = None
    """A fate.npz of the same checkpoint and puzzles: which failures each method frees."""


def run(args: Args) -> Outcome:
    from rrdyn.analysis import scaling, scaling_tables
    from rrdyn.analysis.puzzles import tags

    out = args.folder("scaling")
    found, wrote = [], []
    for path, tag in zip(args.files, tags(args.files)):
        item = scaling.study(path, tag, fate=args.fate, seed=args.seed, replicates=args.replicates)
        found.append(item)
        wrote += args.tables(scaling_tables.write(item, out, [path] if args.fate is None else [path, args.fate]))
        if args.figures:
            from rrdyn.plotting import plot

            wrote += plot("scaling", out / f"scaling_{tag}.csv", out=out).wrote
    data = {item.tag: {"n": item.grid.n, "areas": [row.model_dump() for row in item.areas],
                       "targets": [row.model_dump() for row in item.targets]} for item in found}  # fmt: skip
    return Outcome(data=data, text="\n\n".join(scaling_tables.told(item) for item in found), wrote=wrote,
                   next=[f"rrdyn plot scaling {quoted(out)} --size page"])  # fmt: skip
