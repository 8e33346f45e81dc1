"""`rrdyn merge`"""

from __future__ import annotations

from pathlib import Path

from rrdyn.artifacts.pasting import quoted
from rrdyn.artifacts.places import existing
from rrdyn.cli.command import Arguments, Outcome, Positional


class Args(Arguments):
    """Files of disjoint puzzles as one: pieces that several machines measured.

    Checkpoint, dataset, estimator and settings must be equal; rows come out sorted by puzzle, as one run writes them.

    1. rrdyn merge diag_0.npz diag_1.npz --out diag.npz
       (made by `rrdyn diagnose ckpt.pt --piece 0/2 --out diag_0.npz` and the same with 1/2)
    2. rrdyn merge pieces/rollout_*.npz --out rollout.npz
    """

    files: Positional[tuple[Path, ...]]
    """Files of one measurement: diag.npz, rollout.npz, perturb.npz, fate.npz, or a plug-in's."""
    out: Path
    """File to write."""

    def check_names(self) -> None:
        for path in self.files:
            existing(path)


def run(args: Args) -> Outcome:
    from rrdyn.cli.results import MergeResult
    from rrdyn.measurement.measurement import measurement_named
    from rrdyn.measurement.merging import merge

    merged = merge(args.files, args.out)
    n, kind = len(merged["idx"]), merged.meta["schema"]
    following = measurement_named(kind).following or "inspect"
    return Outcome(
        data=MergeResult(kind=kind, n=n, files=len(args.files)),
        text=f"{n} puzzles of {len(args.files)} files",
        wrote=[args.out],
        next=[f"rrdyn {following} {quoted(args.out)}"],
    )
