"""One puzzle through a model: its answer after each segment, with the halt logit, and whether it is right.

Right is what the puzzle's own rules say (a completed grid that keeps the givens, a path from start to goal), so that a
puzzle without a known answer can be judged, and a puzzle without any answer is called impossible.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from rrdyn.artifacts.errors import InputError, UsageError
from rrdyn.artifacts.places import exists, is_file
from rrdyn.artifacts.reading import read_text
from rrdyn.artifacts.record import Row
from rrdyn.data.folder import open_split
from rrdyn.data.metadata import IGNORED
from rrdyn.data.puzzle import Puzzle
from rrdyn.data.record import read_identifiers
from rrdyn.data.registry import recognised
from rrdyn.dynamics.trajectory import follow
from rrdyn.measurement.answers import Answers
from rrdyn.measurement.subject import dataset_of
from rrdyn.models import Model

LARGEST_PUZZLE = 1 << 20
"""Bytes of a file with one puzzle."""


@dataclass(frozen=True, kw_only=True)
class Attempt:
    """A model's answers to one puzzle. T segments, L cells."""

    puzzle: Puzzle
    question: np.ndarray
    """(L,) tokens given."""
    answers: np.ndarray
    """(T,L) predicted tokens after each segment."""
    q_halt: np.ndarray
    """(T,) halt logit."""
    halts_at: int | None
    """First segment, from 1, at which the model would halt; None if it never would."""
    solutions: str
    """"none", "one", "several" or "unknown": how many answers the puzzle has."""
    solution: np.ndarray | None
    """(L,) the only answer, where there is only one and it is known; negative where nothing is asked."""
    right: np.ndarray | None
    """(T,) whether the answer solves the puzzle; None where the puzzle has no checker and its answer is not known."""

    def wrong_cells(self, segment: int) -> np.ndarray:
        """(L,) bool: cells of the answer after `segment` (from 1) that cannot be so."""
        answer = self.answers[segment - 1]
        if self.solution is not None:
            return np.asarray((answer != self.solution) & (self.solution >= 0))
        return self.puzzle.wrong_cells(self.question, answer)


@torch.inference_mode()
def attempt(
    model: Model,
    puzzle: Puzzle,
    question: np.ndarray,
    *,
    segments: int,
    puzzle_id: int = 0,
    label: np.ndarray | None = None,
) -> Attempt:
    """Run the model on one question (L,) of tokens for `segments` segments; `label` (L,) where the answer is known."""
    device = model.device
    model.require_identifiers(puzzle_id)
    inputs = torch.from_numpy(np.asarray(question, dtype=np.int32)[None]).to(device)
    recurrence = model.recurrence(model.embed(inputs, torch.tensor([puzzle_id], device=device)))
    seen = Answers(model, torch.full_like(inputs, IGNORED), keep=("preds", "q_halt"), host=True)
    follow(recurrence, model.initial(1), segments, [seen])
    columns = seen.table.columns()
    rows, q_halt = columns["preds"][0].long().numpy(), columns["q_halt"][0].double().numpy()
    halts_at = int(seen.halted_at(0)) or None
    solutions = puzzle.solutions(np.asarray(question), label)
    right = puzzle.solved(np.repeat(np.asarray(question)[None], segments, axis=0), rows)
    if right is None and solutions.answer is not None:
        right = ((rows == solutions.answer) | (solutions.answer < 0)).all(axis=1)
    return Attempt(
        puzzle=puzzle, question=np.asarray(question), answers=rows, q_halt=q_halt, halts_at=halts_at,
        solutions=solutions.number, solution=solutions.answer, right=right,
    )  # fmt: skip


def puzzle_of(model: Model, data: Path | None, text: str) -> Puzzle:
    """The kind of puzzle: of the dataset where it is here, else by the model's sizes and the characters of `text`."""
    named = _dataset(model, data)
    config = model.config
    if named is not None:
        split = open_split(named)
        split.require_match(seq_len=config.seq_len, vocab_size=config.vocab_size, of="the checkpoint")
        return split.puzzle
    return recognised(config.seq_len, config.vocab_size, text)


def identifiers_of(model: Model, data: Path | None) -> tuple[str, ...]:
    """The names of the puzzle identifiers of the dataset, as far as it is here and the model has vectors for them."""
    named = _dataset(model, data)
    names = (read_identifiers(Path(named)) or ()) if named is not None else ()
    return names[: model.config.num_puzzle_identifiers]


def _dataset(model: Model, data: Path | None) -> Path | str | None:
    """`data`, or the dataset that the model names where it is here."""
    named = data or (dataset_of(model, None) if model.source and model.source.dataset else None)
    return named if named is not None and (data is not None or exists(named)) else None


def read_puzzle(text: str) -> str:
    """The puzzle itself, or the content of the file it names."""
    if len(text) < 1024 and is_file(text):
        return read_text(text, most=LARGEST_PUZZLE)
    if re.search(r"/|\.[A-Za-z]+$", text):
        raise InputError(f"{text} does not exist", expected="a text file with a puzzle, or the puzzle itself")
    return text


def series(tried: Attempt) -> list[Row]:
    """A record a segment: halt logit, cells changed, wrong cells, right or not."""
    rows: list[Row] = []
    for segment in range(1, len(tried.answers) + 1):
        answer = tried.answers[segment - 1]
        changed = int((answer != tried.answers[segment - 2]).sum()) if segment > 1 else None
        rows.append(
            {
                "segment": segment,
                "q_halt": float(tried.q_halt[segment - 1]),
                "changed": changed,
                "right": None if tried.right is None else bool(tried.right[segment - 1]),
                "wrong_cells": int(tried.wrong_cells(segment).sum()),
                "answer": tried.puzzle.decode(answer),
            }
        )
    return rows


def chosen(model: Model, data: Path | None, split: str, index: int) -> tuple[Puzzle, np.ndarray, np.ndarray, int]:
    """Puzzle `index` of the dataset: its kind, question (L,), label (L,) and identifier."""
    named = dataset_of(model, data)
    if not named:
        raise InputError(
            "the checkpoint names no dataset", expected="one to take the puzzle from", run="add --data FOLDER"
        )
    puzzles = open_split(named, split)
    puzzles.require_match(seq_len=model.config.seq_len, vocab_size=model.config.vocab_size, of="the checkpoint")
    if index >= len(puzzles):
        raise UsageError("--idx is out of range", found=index, expected=f"less than {len(puzzles)}")
    return puzzles.puzzle, np.asarray(puzzles.inputs[index]), puzzles.answers(index), int(
        puzzles.example_identifiers[index]
    )  # fmt: skip
