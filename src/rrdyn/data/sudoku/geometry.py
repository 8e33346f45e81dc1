"""Which cells of a Sudoku belong together."""

from __future__ import annotations

import numpy as np

from rrdyn.artifacts.errors import UsageError

BOXES = {4: (2, 2), 6: (2, 3), 9: (3, 3)}
"""Box height and width of each side."""
BLANK = 1
"""Token of an empty cell; digit d is token d + 1."""


class Geometry:
    """Rows, columns and boxes of a grid of `side` x `side` cells; `square` where boxes are."""

    def __init__(self, side: int) -> None:
        if side not in BOXES:
            raise UsageError("there is no Sudoku of this size", found=side, expected="4, 6 or 9")
        self.side = side
        self.box_height, self.box_width = BOXES[side]
        self.square = self.box_height == self.box_width
        self.units = _units(side, self.box_height, self.box_width)
        """(3 side, side) cells of every row, column and box."""
        self.box_of = np.argsort(self.units[2 * side :].ravel()) // side
        """(L,) the box of each cell."""


def _units(side: int, box_height: int, box_width: int) -> np.ndarray:
    cells = np.arange(side * side).reshape(side, side)
    boxes = cells.reshape(side // box_height, box_height, side // box_width, box_width).swapaxes(1, 2)
    return np.concatenate([cells, cells.T, boxes.reshape(side, side)])
