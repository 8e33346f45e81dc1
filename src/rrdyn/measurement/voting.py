"""Votes over the copies of a question: every copy of a task is asked, its answer is mapped back to the original.

A copy is a puzzle of the task's group with an identifier, and so a vector, of its own; the question is the one that the
published evaluator of ARC asks. Which answer wins is read from the votes by `rrdyn.analysis.votes`.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import replace
from typing import Annotated, Literal

import numpy as np
import torch
from pydantic import Field

from rrdyn.analysis.votes import rankings
from rrdyn.artifacts.errors import InputError
from rrdyn.artifacts.schemas import VOTES
from rrdyn.data.folder import PuzzleSplit, open_split
from rrdyn.data.puzzle import Puzzle
from rrdyn.dynamics.trajectory import follow
from rrdyn.measurement.judging import judge
from rrdyn.measurement.measurement import Cost, Measurement, MeasurementConfig, register
from rrdyn.measurement.parts import Arrays
from rrdyn.measurement.subject import Questions
from rrdyn.runtime.streams import generator

ATTEMPTS = 2
"""Answers that a submission may give to a question."""


class VotesConfig(MeasurementConfig):
    """Who votes, on what."""

    n: Annotated[int, Field(ge=0)] = 0
    """Tasks, drawn from the split without replacement; 0: all."""
    copies: Annotated[int, Field(ge=0)] = 0
    """Copies of each task that vote, the original first; 0: all."""
    identifiers: Literal["own", "blank", "trained", "held-out"] = "own"
    """own: every copy under its identifier; blank: all under the blank one; trained, held-out: only copies whose
    identifier stands in the training split, or only the others."""
    segments: Annotated[int, Field(ge=0, le=1 << 20)] = 0
    """The budget; 0: the model's own (halt_max_steps)."""


@register
class Votes(Measurement[VotesConfig]):
    """The columns of every vote."""

    name, config, schema = "votes", VotesConfig, VOTES

    @property
    def group(self) -> int:
        return 16

    def resolved(self, config: VotesConfig) -> VotesConfig:
        split = self.subject.split
        if split.puzzle.restored([""], np.zeros((1, split.puzzle.seq_len), dtype=np.uint8)) is None:
            raise InputError(f"{split.name} has no copies that could vote", found=f"{split.puzzle.name} puzzles",
                             expected="ARC tasks, whose copies have names")  # fmt: skip
        if split.identifiers is None or len(split.identifiers) < split.metadata.num_puzzle_identifiers:
            raise InputError(f"{split.path} does not name all its puzzle identifiers", found="none, or too few",
                             expected="identifiers.json with a name for every copy")  # fmt: skip
        return config.model_copy(update={"segments": config.segments or self.subject.model.budget})

    def told(self) -> str:
        return f"{self.settings.segments} segments"

    def choose(self) -> np.ndarray:
        split, config = self.subject.split, self.settings
        groups = groups_of(split)
        order = generator(config.seed, "puzzles").permutation(split.groups)
        chosen = np.sort(order[: config.n or split.groups])
        numbers = np.arange(len(split.puzzle_identifiers)) - split.group_indices[:-1].astype(np.int64)[groups]
        keep = np.isin(groups, chosen)
        if config.copies:
            keep &= numbers < config.copies
        if config.identifiers in ("trained", "held-out"):
            trained = np.unique(open_split(split.path, "train").puzzle_identifiers)
            keep &= np.isin(split.puzzle_identifiers, trained) == (config.identifiers == "trained")
        if not keep.any():
            raise InputError(f"{split.path}: no copy is left to vote", found=f"--identifiers {config.identifiers}",
                             expected="a dataset made with --held-out K")  # fmt: skip
        return np.flatnonzero(keep[split.puzzle_of]).astype(np.int64)

    def cost(self) -> Cost:
        model, segments = self.subject.model, self.settings.segments
        work = model.state_elements * segments * model.sub_updates_per_segment
        return Cost(memory=model.activation_bytes(), work=work)

    def observe(self, questions: Questions) -> Arrays:
        split, model, idx = self.subject.split, self.subject.model, questions.idx
        if self.settings.identifiers == "blank":
            blank = torch.full_like(questions.identifiers, split.metadata.blank_identifier_id)
            questions = replace(questions, identifiers=blank)
        recurrence = model.recurrence(model.embed(questions.inputs, questions.identifiers))
        readout = model.read(follow(recurrence, model.initial(len(idx)), self.settings.segments))
        judged = judge(readout.logits, questions.labels)
        preds, q_halt = judged.preds.cpu().numpy(), readout.q_halt.double().cpu().numpy()
        return {**cast(split, idx, preds, q_halt), "exact": judged.exact.cpu().numpy()}

    def about(self, arrays: Arrays) -> dict[str, object]:
        split = self.subject.split
        return {"task_names": names_of(split, split.puzzle_identifiers[split.group_indices[:-1].astype(np.int64)])}


def cast(split: PuzzleSplit, idx: np.ndarray, preds: np.ndarray, q_halt: np.ndarray) -> Arrays:
    """The votes that answers (N, L) to the examples `idx` (N,) of a split are, with their halt logits (N,)."""
    names, puzzles = names_of(split, split.example_identifiers[idx]), split.puzzle_of[idx]
    answers, labels = (restored(split.puzzle, names, one) for one in (preds, np.asarray(split.labels[idx])))
    asked = (split.answers(idx) >= 0).any(axis=1)
    return {
        "task": groups_of(split)[puzzles],
        "question": idx - split.puzzle_indices.astype(np.int64)[puzzles],
        "identifier": split.example_identifiers[idx].astype(np.int64),
        "answer": digests(answers),
        "right": (answers == labels).all(axis=1) & asked,
        "q_halt": q_halt,
        "preds": answers,
        "idx": idx,
    }


def groups_of(split: PuzzleSplit) -> np.ndarray:
    """(P,) the group of each puzzle of a split."""
    bounds = split.group_indices.astype(np.int64)
    return np.repeat(np.arange(split.groups), bounds[1:] - bounds[:-1])


def names_of(split: PuzzleSplit, identifiers: np.ndarray) -> list[str]:
    """The names of identifiers (N,), of a split that names them."""
    assert split.identifiers is not None
    return [split.identifiers[number] for number in identifiers.tolist()]


def restored(puzzle: Puzzle, names: Sequence[str], tokens: np.ndarray) -> np.ndarray:
    """Answers (N, L) to copies of these names as answers to their originals, of a kind whose copies have names."""
    answers = puzzle.restored(names, tokens)
    assert answers is not None
    return answers


def digests(answers: np.ndarray) -> np.ndarray:
    """(N,) int64, equal for equal rows."""
    found = [hashlib.blake2b(row.tobytes(), digest_size=8).digest() for row in np.ascontiguousarray(answers)]
    return np.frombuffer(b"".join(found), dtype=np.int64)


def submission(arrays: Arrays, tasks: Sequence[str], puzzle: Puzzle) -> dict[str, list[dict[str, object]]]:
    """The first answers to every question by task, in the form of the ARC prize; a single answer stands twice."""
    found: dict[str, list[dict[str, object]]] = {}
    for ranking in rankings(arrays):
        grids = [puzzle.plain(arrays["preds"][row]) for row in ranking.rows[:ATTEMPTS]]
        attempts = {f"attempt_{number + 1}": grids[min(number, len(grids) - 1)] for number in range(ATTEMPTS)}
        found.setdefault(tasks[ranking.task], []).append(attempts)
    return found
