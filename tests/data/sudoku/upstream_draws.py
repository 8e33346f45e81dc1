"""One shuffle as the published builder draws it."""

from __future__ import annotations

import numpy as np


def upstream_draws() -> tuple[np.ndarray, ...]:
    """One shuffle in the order in which the published builder draws from numpy's global generator."""
    digits = np.random.permutation(np.arange(1, 10)) - 1
    transpose = np.random.rand() < 0.5
    lines = []
    for _ in range(2):
        blocks = np.random.permutation(3)
        lines.append(np.concatenate([block * 3 + np.random.permutation(3) for block in blocks]))
    return np.array([transpose]), digits[None], lines[0][None], lines[1][None]
