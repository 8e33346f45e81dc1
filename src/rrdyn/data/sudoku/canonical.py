"""One key for all Sudoku that a symmetry maps onto each other.

The key is the least image of the solution grid, and of the givens among the maps that reach it. A map that reaches it
puts some row first and permutes the columns; naming the digits so that this row reads 1, 2, 3, ... leaves only one
order of the other rows to be tried: by their first digit.
"""

from __future__ import annotations

from functools import cache
from itertools import permutations
from math import factorial
from typing import Any

import numpy as np

from rrdyn.data.compiled import compiled
from rrdyn.data.parallel import in_order
from rrdyn.data.sudoku.geometry import BLANK, Geometry

MOST_ORDERS = 100_000
"""Orders of the columns that are tried for one key."""


def _least_image(
    grid: np.ndarray, given: np.ndarray, columns: np.ndarray, box_height: int, square: bool, least: np.ndarray
) -> None:
    """Write into `least` (2 n n) the least image of a full grid (n, n) of digits from 1, then of its givens (n, n)."""
    n = len(grid)
    bands = n // box_height
    name, order, first = np.zeros(n + 1, np.int64), np.zeros(n, np.int64), np.zeros(n, np.int64)
    started = False
    for flip in range(2 if square else 1):
        if flip:
            grid, given = grid.T.copy(), given.T.copy()
        for top in range(n):
            for p in range(len(columns)):
                column = columns[p]
                for j in range(n):
                    name[grid[top, column[j]]] = j + 1
                for row in range(n):
                    first[row] = name[grid[row, column[0]]]
                # rows of each band by their first digit, bands by the first digit of their first row
                for band in range(bands):
                    for k in range(box_height):
                        row = band * box_height + k
                        at = row
                        while at > band * box_height and first[order[at - 1]] > first[row]:
                            order[at] = order[at - 1]
                            at -= 1
                        order[at] = row
                for band in range(1, bands):
                    at = band
                    while at > 0 and first[order[(at - 1) * box_height]] > first[order[at * box_height]]:
                        for k in range(box_height):
                            a, b = (at - 1) * box_height + k, at * box_height + k
                            order[a], order[b] = order[b], order[a]
                        at -= 1
                better = not started
                decided = better
                for i in range(n):
                    for j in range(n):
                        if decided:
                            break
                        difference = name[grid[order[i], column[j]]] - least[i * n + j]
                        if difference != 0:
                            decided, better = True, difference < 0
                for i in range(n):
                    for j in range(n):
                        if decided:
                            break
                        here, there = given[order[i], column[j]], least[(n + i) * n + j] > 0
                        if here != there:
                            decided, better = True, there
                if better:
                    started = True
                    for i in range(n):
                        for j in range(n):
                            least[i * n + j] = name[grid[order[i], column[j]]]
                            least[(n + i) * n + j] = 1 if given[order[i], column[j]] else 0


@cache
def _compiled_least_image() -> Any:
    return compiled(_least_image)


def sudoku_keys(geometry: Geometry, inputs: np.ndarray, labels: np.ndarray, workers: int | None = None) -> list[bytes]:
    """Keys of puzzles (N, L) in tokens with complete labels; equal exactly where a symmetry maps one onto the other.

    Of grids with more than MOST_ORDERS orders of columns (14x14, and 15x15 on) the question itself is the key.
    """
    n = geometry.side
    if _orders(n, geometry.box_width) > MOST_ORDERS:
        return [np.ascontiguousarray(row).tobytes() for row in np.asarray(inputs)]
    columns = _column_orders(n, geometry.box_width)
    run = _least_image if n <= 4 else _compiled_least_image()

    def key(pair: tuple[np.ndarray, np.ndarray]) -> bytes:
        question, answer = pair
        least = np.zeros(2 * n * n, dtype=np.int64)
        run(
            answer.reshape(n, n).astype(np.int64) - 1,
            question.reshape(n, n) > 1,
            columns,
            geometry.box_height,
            geometry.square,
            least,
        )
        return least.astype(np.uint8).tobytes()

    return list(in_order(key, zip(np.asarray(inputs), np.asarray(labels)), workers))


def _orders(side: int, box_width: int) -> int:
    return int(factorial(side // box_width) * factorial(box_width) ** (side // box_width))


@cache
def _column_orders(side: int, box_width: int) -> np.ndarray:
    """Every order of the columns that keeps stacks together, (orders, side)."""
    orders = []
    within = list(permutations(range(box_width)))
    for stacks in permutations(range(side // box_width)):
        partial: list[list[int]] = [[]]
        for stack in stacks:
            partial = [[*head, *(stack * box_width + k for k in order)] for head in partial for order in within]
        orders += partial
    return np.array(orders, dtype=np.int64)


def sudoku_sketches(geometry: Geometry, inputs: np.ndarray) -> list[bytes]:
    """Cheaper than keys, and equal wherever they are: for each given, sorted, how many givens its row, band, column,
    stack, box and digit have."""
    n, high, wide = geometry.side, geometry.box_height, geometry.box_width
    given = np.asarray(inputs).reshape(-1, n, n)
    here = (given > BLANK).astype(np.int64)
    rows, columns = here.sum(axis=2), here.sum(axis=1)
    bands = rows.reshape(-1, n // high, high).sum(axis=2).repeat(high, axis=1)
    stacks = columns.reshape(-1, n // wide, wide).sum(axis=2).repeat(wide, axis=1)
    across = np.broadcast_to((rows * 32 + bands)[:, :, None], here.shape)
    down = np.broadcast_to((columns * 32 + stacks)[:, None, :], here.shape)
    if geometry.square:  # a transpose exchanges the two
        across, down = np.minimum(across, down), np.maximum(across, down)
    boxes = here.reshape(-1, n * n)[:, geometry.units[2 * n :]].sum(axis=2)
    box = boxes[:, geometry.box_of].reshape(here.shape)
    digits = np.stack([(given == token).sum(axis=(1, 2)) for token in range(n + 2)], axis=1)
    digit = np.take_along_axis(digits, given.reshape(-1, n * n).astype(np.intp), axis=1).reshape(here.shape)
    values = (((across * 512 + down) * 16 + box) * 16 + digit) * here
    return [row.tobytes() for row in np.sort(values.reshape(-1, n * n).astype(np.int32), axis=1)]
