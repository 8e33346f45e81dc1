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
    from rrdyn.artifacts.scaling import ScaledFile, ScaledFiles
    from rrdyn.runtime.progress import each

    out = args.folder("scaling")
    found, wrote = [], []
    for path, tag in each(list(zip(args.files, tags(args.files))), "analysed files"):
        item = scaling.study(path, tag, fate=args.fate, seed=args.seed, replicates=args.replicates)
        found.append(item)
        wrote += args.tables(scaling_tables.write(item, out, [path] if args.fate is None else [path, args.fate]))
        if args.figures:
            from rrdyn.plotting import plot

            wrote += plot("scaling", out / f"scaling_{tag}.csv", out=out).wrote
    data = {item.tag: ScaledFile(n=item.grid.n, areas=item.areas, targets=item.targets) for item in found}
    return Outcome(
        data=ScaledFiles(results=data), text="\n\n".join(map(scaling_tables.told, found)), wrote=wrote,
        next=[f"rrdyn plot scaling {quoted(out)} --size page"],
    )  # fmt: skip
