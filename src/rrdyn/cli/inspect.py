"""`rrdyn inspect`"""

from __future__ import annotations

from rrdyn.cli.command import Arguments, Outcome, Positional


class Args(Arguments):
    """What a file or folder is: an artifact, a table, a checkpoint, a run, a dataset.

    1. rrdyn inspect diag.npz
    2. rrdyn inspect runs/demo/pretrain
    3. rrdyn inspect hub://sapientinc/HRM-checkpoint-sudoku-extreme --json
    """

    path: Positional[str]
    """The file or folder, or hub://owner/repo/folder."""


def run(args: Args) -> Outcome:
    from rrdyn.studies.following import following
    from rrdyn.studies.inspection import inspect

    data, text = inspect(args.path)
    return Outcome(data=data, text=text, next=following(data, args.path))
