"""Original puzzles in memory, and their splits."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True, eq=False)
class Collection:
    """Tokens (N, L) uint8 of questions and answers, and their difficulty (N,) float64 or None."""

    inputs: np.ndarray
    labels: np.ndarray
    difficulty: np.ndarray | None = None

    def __len__(self) -> int:
        return len(self.inputs)

    def take(self, rows: np.ndarray) -> Collection:
        difficulty = None if self.difficulty is None else self.difficulty[rows]
        return Collection(self.inputs[rows], self.labels[rows], difficulty)


@dataclass(frozen=True, kw_only=True)
class Splits:
    """The three splits of a dataset before augmentation; `val` may be None."""

    train: Collection
    val: Collection | None
    test: Collection

    def items(self) -> list[tuple[str, Collection]]:
        named = [("train", self.train), ("val", self.val), ("test", self.test)]
        return [(name, puzzles) for name, puzzles in named if puzzles is not None]


def joined(parts: Sequence[Collection]) -> Collection:
    """One after another; their difficulty is kept where all have one."""
    rated = [part.difficulty for part in parts if part.difficulty is not None]
    return Collection(
        np.concatenate([part.inputs for part in parts]),
        np.concatenate([part.labels for part in parts]),
        np.concatenate(rated) if len(rated) == len(parts) else None,
    )
