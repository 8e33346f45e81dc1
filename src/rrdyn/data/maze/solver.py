"""Shortest paths in mazes by breadth-first search."""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np

from rrdyn.data.compiled import compiled

WALL, FREE, START, GOAL, PATH = 1, 2, 3, 4, 5
"""Tokens of a maze; 0 is padding."""
PLAIN_CELLS = 300
"""Up to this many cells plain Python is quicker than waiting for the compiler."""


def _flood(open_cells: np.ndarray, start: int, steps: np.ndarray, queue: np.ndarray) -> int:
    """Write the steps from `start` to every cell of `open_cells` (H, W) into `steps` (H W), -1 where there is no way.

    Returns the last cell reached, one of the farthest. Neighbours are visited up, left, right, down.
    """
    height, width = open_cells.shape
    steps[:] = -1
    steps[start] = 0
    queue[0] = start
    head, tail = 0, 1
    while head < tail:
        cell = queue[head]
        head += 1
        row, column = cell // width, cell % width
        for side in range(4):
            r = row + (side == 3) - (side == 0)
            c = column + (side == 2) - (side == 1)
            if 0 <= r < height and 0 <= c < width and open_cells[r, c] and steps[r * width + c] < 0:
                steps[r * width + c] = steps[cell] + 1
                queue[tail] = r * width + c
                tail += 1
    return int(queue[tail - 1])


@cache
def _compiled_flood() -> Any:
    return compiled(_flood)


class Floods:
    """Breadth-first search on grids of one shape."""

    def __init__(self, height: int, width: int) -> None:
        self.height, self.width = height, width
        self._run = _flood if height * width <= PLAIN_CELLS else _compiled_flood()

    def steps(self, open_cells: np.ndarray, start: int) -> tuple[np.ndarray, int]:
        """Steps (H W) from `start`, -1 where there is no way, and one of the farthest cells."""
        cells = self.height * self.width
        steps, queue = np.empty(cells, dtype=np.int64), np.empty(cells, dtype=np.int64)
        return steps, int(self._run(np.ascontiguousarray(open_cells), start, steps, queue))

    def neighbours(self, cell: int) -> list[int]:
        row, column = divmod(cell, self.width)
        near = [(row - 1, column), (row, column - 1), (row, column + 1), (row + 1, column)]
        return [r * self.width + c for r, c in near if 0 <= r < self.height and 0 <= c < self.width]

    def path(self, steps: np.ndarray, goal: int) -> tuple[list[int], list[int]]:
        """The cells of a shortest path to `goal`, both ends included, and the cells where another one would join it.

        Of several, the one is taken that goes back from the goal up before left before right before down. It is the
        only one if no other joins it, and would be if the joining cells were walls.
        """
        path, joining = [goal], []
        while steps[path[-1]] > 0:
            before = [cell for cell in self.neighbours(path[-1]) if steps[cell] == steps[path[-1]] - 1]
            path.append(before[0])
            joining += before[1:]
        return path[::-1], joining


def distances(inputs: np.ndarray) -> np.ndarray:
    """Steps (N,) of a shortest path from start to goal of questions (N, H, W) in tokens; -1 where there is none."""
    inputs = np.asarray(inputs)
    floods = Floods(*inputs.shape[1:])
    result = np.full(len(inputs), -1, dtype=np.int64)
    for at, grid in enumerate(inputs):
        start, goal = np.flatnonzero(grid == START), np.flatnonzero(grid == GOAL)
        if len(start) and len(goal):
            result[at] = floods.steps(grid != WALL, int(start[0]))[0][goal[0]]
    return result
