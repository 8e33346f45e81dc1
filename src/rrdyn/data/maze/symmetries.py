"""The eight symmetries of a square grid, numbered as in the published builders."""

from __future__ import annotations

import numpy as np

INVERSE = (0, 3, 2, 1, 4, 5, 6, 7)
"""Number of the map that undoes each map."""


def dihedral(square: np.ndarray, number: int) -> np.ndarray:
    """Map the last two axes of `square` (..., n, n): 0 identity, 1-3 quarter turns counter-clockwise, 4 left-right,
    5 up-down, 6 transpose, 7 transpose along the other diagonal.
    """
    if number < 4:
        return np.rot90(square, k=number, axes=(-2, -1))
    if number == 4:
        return square[..., ::-1]
    if number == 5:
        return square[..., ::-1, :]
    transposed = np.swapaxes(square, -1, -2)
    return transposed if number == 6 else transposed[..., ::-1, ::-1]


class Dihedral:
    """The eight maps of a square grid; a grid that is not square has the four that keep its shape."""

    draws = 1

    def __init__(self, height: int, width: int) -> None:
        self.height, self.width = height, width
        self.numbers = tuple(range(8)) if height == width else (0, 2, 4, 5)
        self.copies: int | None = len(self.numbers)
        cells = np.arange(height * width).reshape(height, width)
        self._cells = np.stack([dihedral(cells, number).ravel() for number in self.numbers])

    def apply(self, uniforms: np.ndarray, *grids: np.ndarray) -> tuple[np.ndarray, ...]:
        """Map row b of each (B, L) array by the map that `uniforms[b, 0]` chooses, each equally often."""
        cells = self._cells[(uniforms[:, 0] * len(self.numbers)).astype(np.intp)]
        return tuple(np.take_along_axis(grid, cells, axis=1) for grid in grids)

    def images(self, grids: np.ndarray) -> np.ndarray:
        """(B, maps, L): every image of each row of (B, L)."""
        return grids[:, self._cells]

    def listed(self, number: int, *grids: np.ndarray) -> tuple[np.ndarray, ...]:
        """Map every row of each (B, L) array by one map; number 0 is the identity."""
        return tuple(grid[:, self._cells[number]] for grid in grids)
