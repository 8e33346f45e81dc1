"""One puzzle through a model: its answer after each segment, with the halt logit, and whether it is right.

Right is what the puzzle's own rules say (a completed grid that keeps the givens, a path from start to goal), so that a
puzzle without a known answer can be judged, and a puzzle without any answer is called impossible.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from math import isqrt
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch

from rrdyn.artifacts.errors import InputError, UsageError
from rrdyn.data.folder import open_split
from rrdyn.data.maze import FREE, PATH, Maze
from rrdyn.data.mazes import distances
from rrdyn.data.puzzle import Puzzle, Tokens
from rrdyn.data.solver import Solver, to_digits, to_tokens
from rrdyn.data.sudoku import BLANK, BOXES, Sudoku
from rrdyn.dynamics.trajectory import follow
from rrdyn.measurement.answers import Answers
from rrdyn.models import Model

NODE_LIMIT = 2_000_000
Solutions = Literal["none", "one", "several", "unknown"]


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
    solutions: Solutions
    """How many answers the puzzle has."""
    solution: np.ndarray | None
    """(L,) the only answer, where there is only one and it is known."""
    checks: dict[str, np.ndarray]
    """(T,) flags of the puzzle's own checks."""
    right: np.ndarray | None
    """(T,) whether the answer solves the puzzle; None where the puzzle has no checker and its answer is not known."""

    def wrong_cells(self, segment: int) -> np.ndarray:
        """(L,) bool: cells of the answer after `segment` (from 1) that cannot be so."""
        answer = self.answers[segment - 1]
        if self.solution is not None:
            return answer != self.solution
        if isinstance(self.puzzle, Sudoku):
            return _clashes(self.puzzle, self.question, answer)
        if isinstance(self.puzzle, Maze):
            return (self.question != FREE) & (answer != self.question)
        return np.zeros(len(answer), dtype=bool)


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
    device = model.inner.H_init.device
    inputs = torch.from_numpy(np.asarray(question, dtype=np.int32)[None]).to(device)
    recurrence = model.recurrence(model.embed(inputs, torch.tensor([puzzle_id], device=device)))
    seen = Answers(model, torch.zeros_like(inputs), keep=("preds", "q_halt"), host=True)
    follow(recurrence, model.initial(1), segments, [seen])
    columns = seen.table.columns()
    rows, q_halt = columns["preds"][0].long().numpy(), columns["q_halt"][0].double().numpy()
    halts_at = int(seen.halted_at(0)) or None
    solutions, solution = solve(puzzle, question, label)
    checks = puzzle.check(np.repeat(np.asarray(question)[None], segments, axis=0), rows)
    right = None
    if puzzle.validity is not None:
        right = checks[puzzle.validity]
    elif solution is not None:
        right = (rows == solution).all(axis=1)
    return Attempt(
        puzzle=puzzle, question=np.asarray(question), answers=rows, q_halt=q_halt, halts_at=halts_at,
        solutions=solutions, solution=solution, checks=checks, right=right,
    )  # fmt: skip


def solve(puzzle: Puzzle, question: np.ndarray, label: np.ndarray | None = None) -> tuple[Solutions, np.ndarray | None]:
    """How many answers a question has, and the only one."""
    if isinstance(puzzle, Sudoku):
        found = Solver(puzzle).search(to_digits(question), node_limit=NODE_LIMIT)
        if found.nodes >= NODE_LIMIT and found.solutions < 2:
            return "unknown", label
        kinds: tuple[Solutions, ...] = ("none", "one", "several")
        return kinds[found.solutions], to_tokens(found.answer) if found.solutions == 1 else None
    if isinstance(puzzle, Maze):
        steps = distances(np.asarray(question).reshape(1, puzzle.height, puzzle.width))[0]
        return ("none", None) if steps < 0 else ("unknown", None)  # there may be more ways than one
    return "unknown", label


def _clashes(puzzle: Sudoku, question: np.ndarray, answer: np.ndarray) -> np.ndarray:
    """Cells that change a given, hold no digit, or share their digit with a row, column or box."""
    wrong = (question != BLANK) & (answer != question) | (answer <= BLANK)
    for unit in puzzle.units:
        tokens, counts = np.unique(answer[unit], return_counts=True)
        wrong[unit] |= np.isin(answer[unit], tokens[counts > 1])
    return wrong


def puzzle_of(model: Model, data: Path | None, text: str) -> Puzzle:
    """The kind of puzzle: of the dataset where it is here, else by the model's sizes and the characters of `text`."""
    named = data or (model.source.dataset if model.source else None)
    config = model.config
    if named is not None and (data is not None or Path(named).exists()):
        split = open_split(named)
        split.require_match(seq_len=config.seq_len, vocab_size=config.vocab_size, of="the checkpoint")
        return split.puzzle
    side = isqrt(config.seq_len)
    square = side * side == config.seq_len
    if square and side in BOXES and config.vocab_size == side + 2 and not set(text) & set("#SG"):
        return Sudoku(side)
    if square and config.vocab_size == 6:
        return Maze(side)
    return Tokens(side if square else 1, config.seq_len // (side if square else 1), config.vocab_size)


def read_puzzle(text: str) -> str:
    """The puzzle itself, or the content of the file it names."""
    if len(text) < 1024 and "\n" not in text and Path(text).is_file():
        try:
            return Path(text).read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise InputError(f"{text} is not a text file", found=error) from None
    if re.search(r"/|\.[A-Za-z]+$", text):
        raise InputError(f"{text} does not exist", expected="a text file with a puzzle, or the puzzle itself")
    return text


def question_of(puzzle: Puzzle, text: str) -> np.ndarray:
    """Tokens (L,) of a puzzle written in text: one line, or a line a row.

    Sudoku: digits and "." or 0, whatever rules lie between; maze: "# SG", rows padded with free cells on the right.
    Raises InputError for another length or an unknown character.
    """
    if isinstance(puzzle, Maze):
        lines = text.strip("\n").split("\n")
        if len(lines) > 1:
            text = "".join(line.rstrip("\r").ljust(puzzle.width) for line in lines)
        elif "\n" in text:
            text = lines[0]
        question = puzzle.encode(text.replace(puzzle.tokens[PATH], " "))
        for name, character in (("start", "S"), ("goal", "G")):
            if text.count(character) != 1:
                raise InputError(
                    f"a maze has one {name}", found=f"{text.count(character)} cells {character!r}", expected="one"
                )
        return question
    if isinstance(puzzle, Sudoku):
        text = "".join(c for c in text if not c.isspace() and c not in "|+-")
    return puzzle.encode(text.strip("\n"))


def series(tried: Attempt) -> list[dict[str, Any]]:
    """A record a segment: halt logit, cells changed, wrong cells, right or not."""
    rows = []
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
    named = data or (model.source.dataset if model.source else None)
    if not named:
        raise InputError(
            "the checkpoint names no dataset", expected="one to take the puzzle from", run="add --data FOLDER"
        )
    puzzles = open_split(named, split)
    puzzles.require_match(seq_len=model.config.seq_len, vocab_size=model.config.vocab_size, of="the checkpoint")
    if index >= len(puzzles):
        raise UsageError("--idx is out of range", found=index, expected=f"less than {len(puzzles)}")
    return puzzles.puzzle, np.asarray(puzzles.inputs[index]), np.asarray(puzzles.labels[index]), int(
        puzzles.example_identifiers[index]
    )  # fmt: skip
