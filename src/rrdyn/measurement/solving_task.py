"""A task typed in: its questions are asked in several copies, and the two answers with the most votes are shown."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import zip_longest

import numpy as np
import torch

from rrdyn.analysis.votes import confident, ranked
from rrdyn.data.ballot import Ballot
from rrdyn.data.puzzle import Puzzle
from rrdyn.dynamics.trajectory import follow
from rrdyn.measurement.voting import ATTEMPTS, digests, restored
from rrdyn.models import Model

GAP = "     "


@dataclass(frozen=True, kw_only=True, eq=False)
class Answered:
    """A question and its answers, the winner first."""

    question: np.ndarray
    """(L,) tokens."""
    answers: list[np.ndarray]
    """At most ATTEMPTS of them, (L,) tokens each."""
    votes: list[int]
    confidence: list[float]
    """Mean of sigmoid(q_halt) over those who gave each."""
    right: list[bool] | None
    """None where the answer is not known."""
    copies: int
    known: bool


@torch.inference_mode()
def answered(model: Model, puzzle: Puzzle, ballot: Ballot, *, segments: int) -> Answered:
    """Ask every copy for `segments` segments."""
    model.require_identifiers(int(ballot.identifiers.max()))
    inputs = torch.from_numpy(ballot.questions.astype(np.int32)).to(model.device)
    recurrence = model.recurrence(model.embed(inputs, torch.from_numpy(ballot.identifiers).to(model.device)))
    readout = model.read(follow(recurrence, model.initial(len(inputs)), segments))
    answers = restored(puzzle, ballot.names, readout.logits.argmax(-1).cpu().numpy())
    rows, votes, confidence = ranked(digests(answers), confident(readout.q_halt.double().cpu().numpy()))
    first = [answers[row] for row in rows[:ATTEMPTS]]
    label = ballot.label
    return Answered(
        question=restored(puzzle, ballot.names[:1], ballot.questions[:1])[0], answers=first,
        votes=votes[:ATTEMPTS].tolist(), confidence=confidence[:ATTEMPTS].tolist(),
        right=None if label is None else [bool((one == label).all()) for one in first],
        copies=len(inputs), known=ballot.known,
    )  # fmt: skip


def page(puzzle: Puzzle, questions: Sequence[Answered]) -> str:
    """Each question with its attempts side by side, votes and verdicts under them."""
    lines = []
    for number, asked in enumerate(questions):
        plates = [[f"question {number + 1}", *puzzle.draw(asked.question).split("\n")]]
        for rank, answer in enumerate(asked.answers):
            verdict = "" if asked.right is None else "  right" if asked.right[rank] else "  wrong"
            head = f"attempt {rank + 1}: {asked.votes[rank]} of {asked.copies} votes{verdict}"
            plates.append([head, *(puzzle.draw(answer).split("\n") if answer.any() else ["no grid"])])
        wide = [max(map(len, plate)) for plate in plates]
        lines += [GAP.join(f"{cell:<{width}}" for cell, width in zip(row, wide)).rstrip()
                  for row in zip_longest(*plates, fillvalue="")]  # fmt: skip
        lines.append("")
    if not questions[0].known:
        lines += [
            "the model was not trained on this task: it is asked under the blank identifier, in its eight turns",
            "",
        ]
    return "\n".join(lines).rstrip()
