"""`rrdyn hub pull`"""

from __future__ import annotations

from pathlib import Path

from rrdyn.artifacts.pasting import quoted
from rrdyn.cli.command import Arguments, Outcome, Positional


class Args(Arguments):
    """Fetch a checkpoint or an artifact from the Hugging Face Hub; prints where it lies.

    1. rrdyn hub pull hub://blackhao0426/recursive-reasoning-chaos/trm_sudoku
    2. rrdyn hub pull sapientinc/HRM-checkpoint-sudoku-extreme --out checkpoints/hrm
    3. rrdyn hub pull https://huggingface.co/owner/repo/blob/v1.0/diag.npz
    """

    place: Positional[str]
    """hub://owner/repo/folder, hub://owner/repo@revision/folder, or the address of its page."""
    out: Path | None = None
    """Copy it here as plain files; default: leave it in the Hub's cache."""


def run(args: Args) -> Outcome:
    from rrdyn.cli.results import PullResult
    from rrdyn.runtime import hub

    ref = hub.parse(args.place)
    path = hub.pull(ref)
    if args.out is not None:
        path = hub.copy_out(path, ref, args.out)
    members = sorted(p for p in path.rglob("*") if p.is_file()) if path.is_dir() else [path]
    data = PullResult(place=str(ref), path=str(path), files=[str(member) for member in members])
    return Outcome(data=data, text=str(path), next=[f"rrdyn inspect {quoted(path)}"])
