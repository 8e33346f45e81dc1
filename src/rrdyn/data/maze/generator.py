"""Generating mazes."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np

from rrdyn.data.collection import Collection
from rrdyn.data.maze.recipe import MazeRecipe
from rrdyn.data.maze.solver import FREE, GOAL, PATH, START, WALL, Floods
from rrdyn.runtime.streams import generator

ATTEMPTS = 400
"""Grids tried for one maze before its number is given up."""
Grow = Callable[[np.ndarray, int, int, np.random.Generator], None]
"""Opens walls between the cells (2 r, 2 c) of a grid, by rows and columns of these cells, so that they are a tree."""
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
        for _ in range(ATTEMPTS):
            maze = self.within(self._laid_out(rng), rng)
            if maze is not None:
                return maze
        return None

    def within(self, open_cells: np.ndarray, rng: np.random.Generator) -> Collection | None:
        """A maze with these walls, as a set of one; None where they have no path that is long enough.

        open_cells : (height, width) bool; where a path is to be unique, some become walls.
        """
        path = self._ends(open_cells, rng)
        return None if path is None else self._written(open_cells, path)

    def _laid_out(self, rng: np.random.Generator) -> np.ndarray:
        recipe = self.recipe
        if recipe.method == "density":
            return scatter(self.height, self.width, recipe.density, rng)
        grow = uniform_tree if recipe.method == "wilson" else depth_first_tree
        return corridors(self.height, self.width, recipe.loops, rng, grow)

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


def corridors(height: int, width: int, loops: float, rng: np.random.Generator, grow: Grow) -> np.ndarray:
    """Open cells (H, W): a spanning tree over the cells with even row and column, as `grow` makes it.

    Then a part `loops` of the walls between two neighbours of the tree is opened. Where a side is even, its last row
    or column would be all wall; rows (columns) are then shifted by a random choice of leaving out the first or last.
    """
    rows, columns = (height + 1) // 2, (width + 1) // 2
    open_cells = np.zeros((2 * rows - 1, 2 * columns - 1), dtype=bool)
    open_cells[::2, ::2] = True
    grow(open_cells, rows, columns, rng)
    walls = np.argwhere(~open_cells)
    between = walls[(walls.sum(axis=1) % 2) == 1]
    opened = between[rng.random(len(between)) < loops]
    open_cells[opened[:, 0], opened[:, 1]] = True
    whole = np.zeros((height, width), dtype=bool)
    top = int(rng.integers(0, height - open_cells.shape[0] + 1))
    left = int(rng.integers(0, width - open_cells.shape[1] + 1))
    whole[top : top + open_cells.shape[0], left : left + open_cells.shape[1]] = open_cells
    return whole


def uniform_tree(open_cells: np.ndarray, rows: int, columns: int, rng: np.random.Generator) -> None:
    """Open the walls of a spanning tree, each as likely as any other.

    Wilson's algorithm (STOC 1996, "Generating random spanning trees more quickly than the cover time"): from each cell
    in turn a random walk until it meets the tree, which at first is one random cell; its loops are erased.
    """
    near = [
        [r * columns + c for r, c in _beside(cell // columns, cell % columns) if 0 <= r < rows and 0 <= c < columns]
        for cell in range(rows * columns)
    ]
    chances = _chances(rng)
    in_tree = [False] * len(near)
    in_tree[int(next(chances) * len(near))] = True
    onward = [0] * len(near)
    for first in range(len(near)):
        cell = first
        while not in_tree[cell]:  # the way out of a cell that is met again is forgotten: that erases the loop
            onward[cell] = near[cell][int(next(chances) * len(near[cell]))]
            cell = onward[cell]
        cell = first
        while not in_tree[cell]:
            in_tree[cell] = True
            (r, c), (s, d) = divmod(cell, columns), divmod(onward[cell], columns)
            open_cells[r + s, c + d] = True
            cell = onward[cell]


def _chances(rng: np.random.Generator) -> Iterator[float]:
    while True:
        yield from rng.random(1024).tolist()


def _beside(row: int, column: int) -> list[tuple[int, int]]:
    return [(row - 1, column), (row + 1, column), (row, column - 1), (row, column + 1)]


def depth_first_tree(open_cells: np.ndarray, rows: int, columns: int, rng: np.random.Generator) -> None:
    """Open the walls of a random depth-first tree, from the first cell on: long corridors, and few of all trees."""
    visited = [[False] * columns for _ in range(rows)]
    chances = iter(rng.random(4 * rows * columns).tolist())
    stack = [(0, 0)]
    visited[0][0] = True
    while stack:
        row, column = stack[-1]
        near = [(r, c) for r, c in _beside(row, column) if 0 <= r < rows and 0 <= c < columns and not visited[r][c]]
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
