"""`rrdyn hub push`"""

from __future__ import annotations

from rrdyn.cli.command import Arguments, Outcome, Positional


class Args(Arguments):
    """Send a checkpoint or an artifact to the Hugging Face Hub (needs `hf auth login`).

    1. rrdyn hub push runs/sudoku-trm-multi4/2026-01-01-s0/checkpoints/best owner/repo/trm_sudoku --license mit
    2. rrdyn hub push diag.npz owner/repo/artifacts --private
    """

    path: Positional[str]
    """A folder or a file. Of a checkpoint the training state is left out."""
    place: Positional[str]
    """owner/repo or owner/repo/folder; the repository is made if it is not there."""
    license: str | None = None
    """Under which licence the weights may be used, by the Hub's name of it: mit, apache-2.0, other; a checkpoint needs
    one for its card."""
    card: bool = True
    """Write a model card (README.md) beside a checkpoint from what it says of itself, where there is none yet."""
    private: bool = False
    """A new repository is private."""
    message: str | None = None
    """The commit's message."""


def run(args: Args) -> Outcome:
    from rrdyn.artifacts.files import existing
    from rrdyn.cli.results import PushResult
    from rrdyn.runtime import hub
    from rrdyn.studies.model_card import card_of

    ref = hub.parse(args.place)
    card = card_of(existing(args.path), str(ref), args.license) if args.card else None
    url = hub.push(args.path, ref, private=args.private, message=args.message, card=card)
    return Outcome(data=PushResult(place=str(ref), commit=url), text=url, next=[f"rrdyn hub pull {ref}"])
