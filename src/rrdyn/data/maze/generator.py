"""Generating mazes."""

from __future__ import annotations

import numpy as np

from rrdyn.data.collection import Collection
from rrdyn.data.maze.recipe import MazeRecipe
from rrdyn.data.maze.solver import FREE, GOAL, PATH, START, WALL, Floods
from rrdyn.runtime.streams import generator

ATTEMPTS = 400
"""Grids tried for one maze before its number is given up."""
SWEEPS = 3
"""How often the start is moved to the farthest cell, to find a long way through a grid."""


class Generator:
    """Maze number i of a seed, whatever the others are and whoever makes them."""

    def __init__(self, height: int, width: int, recipe: MazeRecipe) -> None:
        self.height, self.width, self.recipe = height, width, recipe
        self.floods = Floods(height, width)

    def make(self, number: int) -> Collection | None:
        """Maze `number` as a set of one; None where ATTEMPTS grids gave none that fits."""
        rng = generator(self.recipe.seed, "maze", self.height, number)
        lay = carve if self.recipe.method == "carve" else scatter
        amount = self.recipe.loops if self.recipe.method == "carve" else self.recipe.density
        for _ in range(ATTEMPTS):
            open_cells = lay(self.height, self.width, amount, rng)
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

    def _written(self, open_cells: np.ndarray, path: list[int]) -> Collection:
        question = np.where(open_cells, FREE, WALL).astype(np.uint8).reshape(1, -1)
        question[0, path[0]], question[0, path[-1]] = START, GOAL
        answer = question.copy()
        answer[0, path[1:-1]] = PATH
        return Collection(question, answer, np.array([len(path) - 1], dtype=np.float64))


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


def longest_path(size: int) -> int:
    """No shortest path of a square maze has more steps: it may fill every other row, and one cell between two rows."""
    return size * size // 2 + size
