"""A board as a figure shows it, in words that no plotting library is needed for."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

SHADES = ("wall", "path", "start", "goal", *"0123456789")
"""What the ground of a cell may be: parts of a picture, or colours by number. A style says how each looks."""


@dataclass(frozen=True, eq=False, kw_only=True)
class Drawing:
    """L cells, row by row."""

    letters: tuple[str, ...]
    """(L,) what is written into each cell; "" for nothing."""
    bold: np.ndarray
    """(L,) bool: what the question gave."""
    shades: tuple[str, ...] | None
    """(L,) the ground of each cell, one of SHADES, or "" for bare ground; None where the board is no picture."""
    boxes: tuple[int, int] | None
    """Rows and columns between heavier lines."""
