"""Sudoku's symmetries: digits renamed, bands, rows, stacks and columns permuted, the grid transposed.

A grid of boxes that are not square (6x6: two rows by three columns) has no transpose.
"""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np

from rrdyn.data.compiled import compiled

LARGE = 20_000
"""Cells from which on the compiled loop is worth the wait for the compiler."""


class Shuffles:
    """Random shuffles of Sudoku grids of `side` x `side` cells with boxes of `box_height` x `box_width`.

    The uniforms of one shuffle, in this order: transpose (1), digits (side), bands, rows, stacks, columns. A
    permutation is the order that sorts its uniforms.
    """

    copies: int | None = None

    def __init__(self, side: int, box_height: int, box_width: int) -> None:
        self.side, self.box_height, self.box_width = side, box_height, box_width
        self.bands, self.stacks = side // box_height, side // box_width
        self.square = box_height == box_width
        self.draws = 1 + side + self.bands + side + self.stacks + side

    def apply(self, uniforms: np.ndarray, *grids: np.ndarray) -> tuple[np.ndarray, ...]:
        """Shuffle row b of each (B, L) token array as row b of `uniforms` (B, draws) says."""
        if len(uniforms) * self.side**2 >= LARGE:
            stacked = np.stack([grid.astype(np.uint8, copy=False) for grid in grids])
            shuffled = np.empty_like(stacked)
            shape = np.array([self.box_height, self.box_width, self.square])
            _compiled_shuffle()(np.ascontiguousarray(uniforms), shape, stacked, shuffled)
            return tuple(shuffled)
        transpose, digits, rows, columns = self.choose(uniforms)
        return self.shuffle(transpose, digits, rows, columns, *grids)

    def listed(self, number: int, *grids: np.ndarray) -> tuple[np.ndarray, ...]:
        raise IndexError("Sudoku shuffles are too many to list")

    def choose(self, uniforms: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
        """The shuffle of each row of uniforms: transpose (B,) bool, digits, rows, columns (B, side), counted from 0."""
        n, bands, stacks = self.side, self.bands, self.stacks
        flag, digits, band, row, stack, column = np.split(
            uniforms[:, : self.draws], np.cumsum([1, n, bands, n, stacks]), axis=1
        )
        transpose = (flag[:, 0] < 0.5) & self.square
        return transpose, np.argsort(digits, axis=1), _lines(band, row), _lines(stack, column)

    def shuffle(
        self,
        transpose: np.ndarray,
        digits: np.ndarray,
        rows: np.ndarray,
        columns: np.ndarray,
        *grids: np.ndarray,
    ) -> tuple[np.ndarray, ...]:
        """Shuffle given the choices of `choose`: transpose, move row `rows[b, i]` to i, rename digits."""
        n = self.side
        rows, columns = rows[:, :, None], columns[:, None, :]
        cells = rows * n + columns
        if transpose.any():
            cells = np.where(transpose[:, None, None], columns * n + rows, cells)
        cells = cells.reshape(len(cells), n * n)
        names = np.empty((len(digits), n + 2), dtype=np.uint8)
        names[:, :2] = (0, 1)  # padding and blank keep their tokens
        names[:, 2:] = digits + 2
        return tuple(_rename(names, np.take_along_axis(grid, cells, axis=1)) for grid in grids)


def _lines(blocks: np.ndarray, lines: np.ndarray) -> np.ndarray:
    """Row (or column) order (B, side): the blocks permuted, and the lines within each block."""
    count, of_block = len(blocks), np.argsort(blocks, axis=1)
    within = np.argsort(lines.reshape(count, blocks.shape[1], -1), axis=2)
    return np.asarray((of_block[:, :, None] * within.shape[2] + within).reshape(count, -1))


def _rename(names: np.ndarray, grid: np.ndarray) -> np.ndarray:
    return np.take_along_axis(names, grid.astype(np.intp), axis=1).astype(grid.dtype)


def _shuffle(uniforms: np.ndarray, shape: np.ndarray, grids: np.ndarray, shuffled: np.ndarray) -> None:
    """`Shuffles.apply` as one loop: grids (G, B, L) uint8 into `shuffled`; shape is (box height, box width, square)."""
    count, cells = grids.shape[1], grids.shape[2]
    side = int(np.sqrt(cells) + 0.5)
    sizes = np.array([side, side // shape[0], side, side // shape[1], side])
    order = np.zeros((5, side), np.int64)
    lines = np.zeros((2, side), np.int64)
    name = np.zeros(side + 2, np.uint8)
    name[1] = 1
    for b in range(count):
        # digits, bands, rows, stacks, columns: each order sorts its uniforms; lines are sorted within their block
        at = 1
        for part in range(5):
            block = sizes[part]
            if part == 2:
                block = shape[0]
            elif part == 4:
                block = shape[1]
            for i in range(sizes[part]):
                first = i - i % block
                k = i
                while k > first and uniforms[b, at + order[part, k - 1]] > uniforms[b, at + i]:
                    order[part, k] = order[part, k - 1]
                    k -= 1
                order[part, k] = i
            at += sizes[part]
        for axis in range(2):
            block = shape[axis]
            for i in range(side):
                lines[axis, i] = order[1 + 2 * axis, i // block] * block + order[2 + 2 * axis, i] % block
        for digit in range(side):
            name[digit + 2] = order[0, digit] + 2
        transpose = shape[2] and uniforms[b, 0] < 0.5
        for g in range(grids.shape[0]):
            for i in range(side):
                for j in range(side):
                    if transpose:
                        source = lines[1, j] * side + lines[0, i]
                    else:
                        source = lines[0, i] * side + lines[1, j]
                    shuffled[g, b, i * side + j] = name[grids[g, b, source]]


@cache
def _compiled_shuffle() -> Any:
    return compiled(_shuffle)
