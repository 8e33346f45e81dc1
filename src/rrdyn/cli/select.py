"""`rrdyn select`"""

from __future__ import annotations

from pathlib import Path

from rrdyn.cli.command import Outcome, Positional
from rrdyn.cli.options import BootstrapOptions, Segments


class Args(BootstrapOptions):
    """Which of K perturbed restarts to trust: selectors on the same rollouts, risk and coverage, calibration of q_halt.

    1. rrdyn select perturb.npz
    2. rrdyn select trm/perturb.npz hrm/perturb.npz --out study
    """

    files: Positional[tuple[Path, ...]]
    """perturb.npz files."""
    readout: Segments | None = None
    """Segment at which every selector looks; default: the file's own, else 16."""


def run(args: Args) -> Outcome:
    from rrdyn.analysis import select
    from rrdyn.analysis.puzzles import tags
    from rrdyn.artifacts.selection import SelectedFile, SelectedFiles
    from rrdyn.runtime.progress import each

    out = args.folder("select")
    found, wrote = [], []
    for path, tag in each(list(zip(args.files, tags(args.files))), "analysed files"):
        item = select.study(path, tag, readout=args.readout, seed=args.seed, replicates=args.replicates)
        found.append(item)
        wrote += args.tables(select.write(item, out))
        if args.figures:
            from rrdyn.plotting import plot

            wrote += plot("basin", out / f"basin_{tag}.csv", out=out).wrote
            if item.rows and item.calibrations:
                wrote += plot("selectors", out / f"select_{tag}.csv", out=out).wrote
    data = {item.tag: SelectedFile(rows=item.rows, basin=item.basin, readout=item.readout) for item in found}
    return Outcome(
        data=SelectedFiles(results=data), text="\n".join(select.summary(item) for item in found), wrote=wrote
    )
