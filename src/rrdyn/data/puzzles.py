"""A set of original puzzles in memory, and keeping equal ones out of different splits."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from rrdyn.artifacts.errors import notice
from rrdyn.data.puzzle import Puzzle

COMPARED = 60_000
"""Above this many puzzles only literally equal ones are found, not those equal up to symmetry."""


@dataclass(frozen=True, eq=False)
class Puzzles:
    """Tokens (N, L) uint8 of questions and answers, and their difficulty (N,) float64 or None."""

    inputs: np.ndarray
    labels: np.ndarray
    difficulty: np.ndarray | None = None

    def __len__(self) -> int:
        return len(self.inputs)

    def take(self, rows: np.ndarray) -> Puzzles:
        difficulty = None if self.difficulty is None else self.difficulty[rows]
        return Puzzles(self.inputs[rows], self.labels[rows], difficulty)


@dataclass(frozen=True, kw_only=True)
class Splits:
    """The three splits of a dataset before augmentation; `val` may be None."""

    train: Puzzles
    val: Puzzles | None
    test: Puzzles

    def items(self) -> list[tuple[str, Puzzles]]:
        named = [("train", self.train), ("val", self.val), ("test", self.test)]
        return [(name, puzzles) for name, puzzles in named if puzzles is not None]


def class_keys(puzzle: Puzzle, puzzles: Puzzles, *, symmetric: bool) -> list[bytes]:
    """One key per puzzle, equal for equal puzzles: up to symmetry, or literally."""
    if symmetric:
        return puzzle.keys(puzzles.inputs, puzzles.labels)
    return [row.tobytes() for row in puzzles.inputs]


def cut_validation(
    puzzle: Puzzle, train: Puzzles, test: Puzzles, *, n: int | None, val_groups: int, rng: np.random.Generator
) -> Splits:
    """Draw `n` training puzzles (None: all that are left) and `val_groups` validation puzzles from `train`.

    At most a tenth of `train` becomes validation. No validation puzzle equals a training puzzle: where a drawn one has
    equals in the rest, these are left out of training. Equality is up to symmetry for sets of up to COMPARED puzzles.
    """
    val_count = min(val_groups, len(train) // 10)
    wanted = len(train) if n is None else min(len(train), n + val_count)
    # without validation and without a limit the order of the file is kept
    rows = np.arange(len(train)) if wanted == len(train) and not val_count else rng.permutation(len(train))[:wanted]
    drawn = train.take(rows)
    symmetric = len(drawn) + len(test) <= COMPARED
    keys = class_keys(puzzle, drawn, symmetric=symmetric)
    held = set(keys[:val_count])
    kept = np.array([at for at in range(val_count, len(drawn)) if keys[at] not in held], dtype=np.int64)
    val = drawn.take(np.arange(val_count)) if val_count else None
    _tell_overlap(puzzle, [keys[at] for at in kept], test, symmetric=symmetric)
    return Splits(train=drawn.take(kept), val=val, test=test)


def _tell_overlap(puzzle: Puzzle, train_keys: list[bytes], test: Puzzles, *, symmetric: bool) -> None:
    shared = len(set(train_keys) & set(class_keys(puzzle, test, symmetric=symmetric)))
    if shared:
        what = "up to symmetry" if symmetric else "literally"
        notice(f"{shared} test puzzles stand in the training split too ({what}); the files are kept as they are")
