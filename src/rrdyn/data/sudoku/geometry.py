"""Which cells of a Sudoku belong together."""

from __future__ import annotations

from math import isqrt

import numpy as np

from rrdyn.artifacts.errors import UsageError

LARGEST = 25
"""Side of a grid: 25 digits are written 1 to 9 and A to P."""
ORDINARY = 9
"""Up to this side searches come to their end; above it they are given up after so many nodes."""
BLANK = 1
"""Token of an empty cell; digit d is token d + 1."""


def usual_box(side: int) -> tuple[int, int] | None:
    """Height and width of the box of a side: the one nearest to a square, lying; None where there is none."""
    if not 4 <= side <= LARGEST:
        return None
    height = next(height for height in range(isqrt(side), 0, -1) if side % height == 0)
    return (height, side // height) if height > 1 else None


class Geometry:
    """Rows, columns and boxes of a grid of `side` x `side` cells; `square` where boxes are."""

    def __init__(self, side: int, box: tuple[int, int] | None = None) -> None:
        """`box`: height and width; default `usual_box`. Raises UsageError where there is no such grid."""
        usual = usual_box(side)
        if usual is None:
            raise UsageError(
                "there is no Sudoku of this size", found=side, expected=f"4 to {LARGEST}, not a prime number"
            )
        height, width = box or usual
        if height * width != side or min(height, width) < 2:
            raise UsageError(
                f"a {side}x{side} Sudoku has no such boxes", found=f"{height}x{width}",
                expected=f"two numbers whose product is {side}, such as {usual[0]}x{usual[1]}",
            )  # fmt: skip
        self.side = side
        self.box_height, self.box_width = height, width
        self.square = self.box_height == self.box_width
        self.units = _units(side, self.box_height, self.box_width)
        """(3 side, side) cells of every row, column and box."""
        self.box_of = np.argsort(self.units[2 * side :].ravel()) // side
        """(L,) the box of each cell."""


def _units(side: int, box_height: int, box_width: int) -> np.ndarray:
    cells = np.arange(side * side).reshape(side, side)
    boxes = cells.reshape(side // box_height, box_height, side // box_width, box_width).swapaxes(1, 2)
    return np.concatenate([cells, cells.T, boxes.reshape(side, side)])
