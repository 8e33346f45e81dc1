"""Generating mazes, and shortest paths in them by breadth-first search."""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np

from rrdyn.data.compiled import compiled
from rrdyn.data.maze import FREE, GOAL, PATH, START, WALL, Maze
from rrdyn.data.puzzles import Puzzles
from rrdyn.data.recipe import MazeRecipe
from rrdyn.runtime.streams import generator

ATTEMPTS = 400
"""Grids tried for one maze before its number is given up."""
SWEEPS = 3
"""How often the start is moved to the farthest cell, to find a long way through a grid."""
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
    return queue[tail - 1]


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


class Generator:
    """Maze number i of a seed, whatever the others are and whoever makes them."""

    def __init__(self, puzzle: Maze, recipe: MazeRecipe) -> None:
        self.puzzle, self.recipe = puzzle, recipe
        self.floods = Floods(puzzle.height, puzzle.width)

    def make(self, number: int) -> Puzzles | None:
        """Maze `number` as a set of one; None where ATTEMPTS grids gave none that fits."""
        rng = generator(self.recipe.seed, "maze", self.puzzle.height, number)
        lay = carve if self.recipe.method == "carve" else scatter
        amount = self.recipe.loops if self.recipe.method == "carve" else self.recipe.density
        for _ in range(ATTEMPTS):
            open_cells = lay(self.puzzle.height, self.puzzle.width, amount, rng)
            found = self._ends(open_cells, rng)
            if found is not None:
                return self._written(open_cells, found)
        return None

    def _ends(self, open_cells: np.ndarray, rng: np.random.Generator) -> list[int] | None:
        """A path long enough: from a random cell to the farthest, from there again, and so on.

        The goal is then drawn among the cells that are far enough from the last start, so that lengths spread from the
        least up to the longest. For a unique path the cells where another shortest one joins it become walls.
        """
        least = self.recipe.least_steps
        free = np.flatnonzero(open_cells)
        if len(free) < 2:
            return None
        start = int(rng.choice(free))
        for _ in range(SWEEPS):
            steps, farthest = self.floods.steps(open_cells, start)
            far = np.flatnonzero(steps >= least)
            if len(far):
                path, joining = self.floods.path(steps, int(rng.choice(far)))
                if self.recipe.unique:
                    open_cells.flat[joining] = False
                return path
            start = farthest
        return None

    def _written(self, open_cells: np.ndarray, path: list[int]) -> Puzzles:
        question = np.where(open_cells, FREE, WALL).astype(np.uint8).reshape(1, -1)
        question[0, path[0]], question[0, path[-1]] = START, GOAL
        answer = question.copy()
        answer[0, path[1:-1]] = PATH
        return Puzzles(question, answer, np.array([len(path) - 1], dtype=np.float64))


def scatter(height: int, width: int, density: float, rng: np.random.Generator) -> np.ndarray:
    """Open cells (H, W) where each cell is a wall with probability `density`."""
    return rng.random((height, width)) >= density


def carve(height: int, width: int, loops: float, rng: np.random.Generator) -> np.ndarray:
    """Open cells (H, W): a spanning tree over the cells with even row and column, grown by a depth-first walk.

    Then a part `loops` of the walls between two neighbours of the tree is opened. Where a side is even, its last row
    or column would be all wall; rows (columns) are then shifted by a random choice of leaving out the first or last.
    """
    rows, columns = (height + 1) // 2, (width + 1) // 2
    open_cells = np.zeros((2 * rows - 1, 2 * columns - 1), dtype=bool)
    open_cells[::2, ::2] = True
    _grow(open_cells, rows, columns, rng)
    walls = np.argwhere(~open_cells)
    between = walls[(walls.sum(axis=1) % 2) == 1]
    opened = between[rng.random(len(between)) < loops]
    open_cells[opened[:, 0], opened[:, 1]] = True
    whole = np.zeros((height, width), dtype=bool)
    top = int(rng.integers(0, height - open_cells.shape[0] + 1))
    left = int(rng.integers(0, width - open_cells.shape[1] + 1))
    whole[top : top + open_cells.shape[0], left : left + open_cells.shape[1]] = open_cells
    return whole


def _grow(open_cells: np.ndarray, rows: int, columns: int, rng: np.random.Generator) -> None:
    """Open the walls of a random depth-first tree."""
    visited = [[False] * columns for _ in range(rows)]
    chances = iter(rng.random(4 * rows * columns).tolist())
    stack = [(0, 0)]
    visited[0][0] = True
    while stack:
        row, column = stack[-1]
        near = [
            (r, c)
            for r, c in ((row - 1, column), (row + 1, column), (row, column - 1), (row, column + 1))
            if 0 <= r < rows and 0 <= c < columns and not visited[r][c]
        ]
        if not near:
            stack.pop()
            continue
        r, c = near[int(next(chances) * len(near))]
        visited[r][c] = True
        open_cells[row + r, column + c] = True
        stack.append((r, c))
