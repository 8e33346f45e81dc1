"""Solving, counting the solutions of, and rating Sudoku by one search.

The search takes the empty cell with the fewest candidates: cells in row order, ending at the first with at most one
candidate, else the first with the fewest. The rating of a puzzle is the number of nodes (placed digits) when it is
run until every branch is exhausted; it does not depend on the order in which digits are tried.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np

from rrdyn.data.compiled import compiled
from rrdyn.data.parallel import in_order
from rrdyn.data.sudoku.geometry import Geometry

NO_CELL = -1
NO_LIMIT = np.iinfo(np.int64).max
PLAIN_SIDE = 4
"""Up to this side plain Python is quicker than waiting for the compiler."""


def _search(
    digits: np.ndarray,
    boxes: np.ndarray,
    order: np.ndarray,
    barred_cell: int,
    barred_digit: int,
    wanted: int,
    node_limit: int,
    answer: np.ndarray,
) -> tuple[int, int]:
    """Search until `wanted` solutions or `node_limit` nodes; returns (solutions, nodes).

    digits (L,) int64 with 0 for empty; boxes (L,) the box of each cell; order (L, side) the digits of each cell in the
    order of trying; `barred_digit` may not stand in `barred_cell`; the first solution goes into `answer` (L,).
    """
    cells = len(digits)
    side = order.shape[1]
    full = (1 << (side + 1)) - 2
    rows, columns, blocks = np.zeros(side, np.int64), np.zeros(side, np.int64), np.zeros(side, np.int64)
    grid = digits.copy()
    for cell in range(cells):
        if grid[cell] > 0:
            bit = 1 << grid[cell]
            row, column, block = cell // side, cell % side, boxes[cell]
            if (rows[row] | columns[column] | blocks[block]) & bit:
                return 0, 0
            rows[row] |= bit
            columns[column] |= bit
            blocks[block] |= bit
    chosen, tried = np.zeros(cells + 1, np.int64), np.zeros(cells + 1, np.int64)
    solutions, nodes, depth = 0, 0, 0
    descend = True
    while depth >= 0:
        if descend:
            best, fewest = -1, side + 1
            for cell in range(cells):
                if grid[cell] == 0:
                    free = full & ~(rows[cell // side] | columns[cell % side] | blocks[boxes[cell]])
                    if cell == barred_cell:
                        free &= ~(1 << barred_digit)
                    count = 0
                    while free:
                        free &= free - 1
                        count += 1
                    if count < fewest:
                        best, fewest = cell, count
                        if count <= 1:
                            break
            if best < 0:
                if solutions == 0:
                    answer[:] = grid
                solutions += 1
                if solutions >= wanted:
                    return solutions, nodes
                depth -= 1
                descend = False
                continue
            chosen[depth], tried[depth] = best, 0
        # the next digit of the cell chosen at this depth
        cell = chosen[depth]
        row, column, block = cell // side, cell % side, boxes[cell]
        if grid[cell] > 0:
            bit = 1 << grid[cell]
            rows[row] ^= bit
            columns[column] ^= bit
            blocks[block] ^= bit
            grid[cell] = 0
        used = rows[row] | columns[column] | blocks[block]
        if cell == barred_cell:
            used |= 1 << barred_digit
        descend = False
        while tried[depth] < side:
            digit = order[cell, tried[depth]]
            tried[depth] += 1
            if not used & (1 << digit):
                grid[cell] = digit
                bit = 1 << digit
                rows[row] |= bit
                columns[column] |= bit
                blocks[block] |= bit
                nodes += 1
                descend = True
                break
        if descend:
            if nodes >= node_limit:
                return solutions, nodes
            depth += 1
        else:
            depth -= 1
    return solutions, nodes


@cache
def _compiled_search() -> Any:
    return compiled(_search)


@dataclass(frozen=True, kw_only=True)
class Found:
    """What a search came to: solutions found (at most those wanted), nodes, and the first solution as digits (L,)."""

    solutions: int
    nodes: int
    answer: np.ndarray


class Solver:
    """The search for one size of Sudoku, on digits (L,) with 0 for empty."""

    def __init__(self, geometry: Geometry) -> None:
        side = geometry.side
        self.boxes = geometry.box_of
        self.ascending = np.tile(np.arange(1, side + 1), (side * side, 1))
        self._run = _search if side <= PLAIN_SIDE else _compiled_search()

    def search(
        self,
        digits: np.ndarray,
        *,
        wanted: int = 2,
        node_limit: int = NO_LIMIT,
        order: np.ndarray | None = None,
        barred: tuple[int, int] = (NO_CELL, 0),
    ) -> Found:
        """Look for `wanted` solutions; `barred` is a (cell, digit) that no solution may hold."""
        answer = np.zeros(len(digits), dtype=np.int64)
        digits = np.ascontiguousarray(digits, dtype=np.int64)
        order = self.ascending if order is None else order
        solutions, nodes = self._run(digits, self.boxes, order, barred[0], barred[1], wanted, node_limit, answer)
        return Found(solutions=int(solutions), nodes=int(nodes), answer=answer)

    def rating(self, digits: np.ndarray, node_limit: int = NO_LIMIT) -> int:
        """Nodes of the exhaustive search, the root not counted."""
        return self.search(digits, wanted=NO_LIMIT, node_limit=node_limit).nodes


def to_digits(tokens: np.ndarray) -> np.ndarray:
    """Digits (0 for empty) from tokens (blank 1, digit d -> d + 1)."""
    return np.maximum(tokens.astype(np.int64) - 1, 0)


def to_tokens(digits: np.ndarray) -> np.ndarray:
    """Digits (0 blank) as tokens (1 blank, d + 1 for digit d), uint8."""
    return (digits + 1).astype(np.uint8)


def rate(
    geometry: Geometry, inputs: np.ndarray, workers: int | None = None, *, node_limit: int = NO_LIMIT
) -> np.ndarray:
    """Rating (N,) int64 of questions (N, L) in tokens, `node_limit` at most."""
    solver = Solver(geometry)

    def rating(digits: np.ndarray) -> int:
        return solver.rating(digits, node_limit)

    return np.fromiter(in_order(rating, to_digits(np.asarray(inputs)), workers), dtype=np.int64, count=len(inputs))


def solve(
    geometry: Geometry, inputs: np.ndarray, workers: int | None = None, *, node_limit: int = NO_LIMIT
) -> tuple[np.ndarray, np.ndarray]:
    """The first answer (N, L) uint8 of questions (N, L) in tokens, and how many they have (N,): 0, 1, or 2 for more.

    -1 where the search was given up after `node_limit` nodes before it was known.
    """
    solver = Solver(geometry)
    inputs = np.asarray(inputs)
    answers, counts = np.zeros(inputs.shape, dtype=np.uint8), np.zeros(len(inputs), dtype=np.int64)

    def search(digits: np.ndarray) -> Found:
        return solver.search(digits, node_limit=node_limit)

    for at, found in enumerate(in_order(search, to_digits(inputs), workers)):
        counts[at] = -1 if found.nodes >= node_limit and found.solutions < 2 else found.solutions
        if found.solutions:
            answers[at] = to_tokens(found.answer)
    return answers, counts
