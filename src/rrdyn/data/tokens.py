"""A grid of tokens about which nothing is known: what a folder holds whose kind nobody recognises."""

from __future__ import annotations

from math import isqrt

import numpy as np

from rrdyn.artifacts.errors import UsageError
from rrdyn.data.puzzle import Puzzle

MOST = 1 << 20
"""Tokens: as many as a model may have."""
LETTERS = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"


class Tokens(Puzzle):
    """No checker, no symmetries; tokens beyond the letters are written "?"."""

    name = "tokens"

    def __init__(self, height: int, width: int, vocab_size: int) -> None:
        if vocab_size > MOST:
            raise UsageError("a vocabulary is too large", found=vocab_size, expected=f"at most {MOST:,} tokens")
        super().__init__(height, width, "".join(LETTERS[t] if t < len(LETTERS) else "?" for t in range(vocab_size)))

    def check(self, inputs: np.ndarray, preds: np.ndarray) -> dict[str, np.ndarray]:
        return {}

    def describe(self) -> dict[str, object]:
        return {**super().describe(), "vocab_size": self.vocab_size}


def unknown_grid(cells: int, vocab_size: int) -> Tokens:
    """A square where the cells make one, else a row."""
    side = isqrt(cells)
    height = side if side * side == cells else 1
    return Tokens(height, cells // height, vocab_size)
