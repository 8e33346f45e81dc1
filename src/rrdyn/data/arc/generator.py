"""A handful of transformations of small grids: tasks that a small model learns on a CPU."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from rrdyn.artifacts.errors import UsageError
from rrdyn.data.arc.recipe import ArcRecipe
from rrdyn.data.arc.task import COLOURS, Pair, Task
from rrdyn.runtime.streams import generator

Transformation = Callable[[np.ndarray], np.ndarray]
FEWEST_COLOURS, MOST_COLOURS = 3, 5
"""Of one grid, black among them."""


def _swap(grid: np.ndarray) -> np.ndarray:
    table = np.arange(COLOURS, dtype=np.uint8)
    table[[1, 2]] = 2, 1
    return np.asarray(table[grid])


def _border(grid: np.ndarray) -> np.ndarray:
    made = np.full_like(grid, 3)
    made[1:-1, 1:-1] = grid[1:-1, 1:-1]
    return made


def _fall(grid: np.ndarray) -> np.ndarray:
    """Colours sink through black, column by column."""
    order = np.argsort(grid != 0, axis=0, kind="stable")
    return np.take_along_axis(grid, order, axis=0)


TRANSFORMATIONS: dict[str, Transformation] = {
    "mirror": lambda grid: grid[:, ::-1],
    "swap": _swap,
    "turn": lambda grid: np.rot90(grid),
    "border": _border,
    "half": lambda grid: grid[:, : (grid.shape[1] + 1) // 2],
    "fill": lambda grid: np.where(grid == 0, np.uint8(4), grid),
    "double": lambda grid: np.concatenate([grid, grid], axis=1),
    "shift": lambda grid: np.roll(grid, 1, axis=0),
    "transpose": lambda grid: grid.T,
    "fall": _fall,
    "round": lambda grid: grid[::-1, ::-1],
    "erase": lambda grid: np.where(grid == 1, np.uint8(0), grid),
}


def tasks(recipe: ArcRecipe) -> list[Task]:
    """The tasks of a recipe: each pair is drawn by its number alone."""
    count = recipe.test_n or len(TRANSFORMATIONS)
    if count > len(TRANSFORMATIONS):
        raise UsageError("there are not so many transformations", found=f"--test-n {count}",
                         expected=f"at most {len(TRANSFORMATIONS)}: {', '.join(TRANSFORMATIONS)}")  # fmt: skip
    made = []
    for name in list(TRANSFORMATIONS)[:count]:
        pairs = _pairs(name, recipe, recipe.pairs + recipe.test_pairs)
        made.append(Task(name, pairs[recipe.test_pairs :], pairs[: recipe.test_pairs]))
    return made


def _pairs(name: str, recipe: ArcRecipe, count: int) -> tuple[Pair, ...]:
    """Different questions, and no question whose answer is the question itself."""
    found: dict[bytes, Pair] = {}
    number = 0
    while len(found) < count:
        rng = generator(recipe.seed, "arc", name, recipe.canvas, number)
        number += 1
        most = min(max(3, recipe.canvas // 2), 8)
        height, width = rng.integers(2, most + 1, size=2)
        palette = np.append(0, 1 + rng.permutation(COLOURS - 1)[: rng.integers(FEWEST_COLOURS, MOST_COLOURS + 1) - 1])
        grid = rng.choice(palette, size=(height, width)).astype(np.uint8)
        answer = np.ascontiguousarray(TRANSFORMATIONS[name](grid))
        if not np.array_equal(answer, grid):
            found.setdefault(bytes(grid.shape) + grid.tobytes(), Pair(grid, answer))
        if number > 1000 * count:
            raise UsageError("there are not so many different grids", found=f"--pairs {recipe.pairs}",
                             expected="fewer pairs, or a larger --canvas")  # fmt: skip
    return tuple(found.values())
