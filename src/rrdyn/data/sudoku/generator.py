"""Generating Sudoku with exactly one solution: dig clues out of a random grid, then climb to a wanted difficulty."""

from __future__ import annotations

from itertools import count

import numpy as np

from rrdyn.data.collection import Collection
from rrdyn.data.sudoku.geometry import ORDINARY, Geometry
from rrdyn.data.sudoku.solver import NO_LIMIT, Solver, to_tokens
from rrdyn.data.sudoku.symmetries import Shuffles
from rrdyn.runtime.streams import generator

GRID_NODES = 2000
"""Give up on an unlucky order of digits after this many nodes."""
DIGS = 8
"""Orders of removal tried to come down to the wanted number of clues."""
GRIDS = 8
"""Orders of digits tried for a large grid before a regular one is shuffled instead."""
LARGE_NODES = 3000
"""Nodes after which a search in a large grid is given up: a clue whose need is not decided stays."""
PATIENCE = 300
"""Steps of the climb without progress before it starts from a new puzzle."""
CLIMBS = 8
"""Climbs for one puzzle before its number is given up: up to ratings of 20,000 the first one gets there."""


class Generator:
    """Puzzle number i of a seed, whatever the others are and whoever makes them."""

    def __init__(self, geometry: Geometry, *, seed: int, clues: int | None = None, min_rating: int = 0) -> None:
        """`clues` is where digging stops (None: nowhere, the puzzle is minimal); see `climb` for `min_rating`."""
        self.geometry, self.seed, self.clues, self.min_rating = geometry, seed, clues, min_rating
        self.solver = Solver(geometry)
        self.node_limit = NO_LIMIT if geometry.side <= ORDINARY else LARGE_NODES
        self.symmetries = Shuffles(geometry.side, geometry.box_height, geometry.box_width)

    def make(self, number: int) -> Collection | None:
        """Puzzle `number` as a set of one: exactly one solution, rated at least `min_rating`.

        None where CLIMBS climbs came nowhere near so hard a puzzle.
        """
        rng = generator(self.seed, "sudoku", self.geometry.side, number)
        for _ in range(CLIMBS):
            answer = self.grid(rng)
            question = self.dig(answer, rng)
            rating = self.rating(question)
            if rating < self.min_rating:
                question, rating = self.climb(question, answer, rating, rng)
            if rating >= self.min_rating:
                tokens = to_tokens(np.stack([question, answer]))
                known = float(rating) if rating < self.node_limit else np.nan
                return Collection(tokens[:1], tokens[1:], np.array([known]))
        return None

    def rating(self, question: np.ndarray) -> int:
        """Nodes of the exhaustive search; of a large grid no more than LARGE_NODES are counted."""
        return self.solver.rating(question, self.node_limit)

    def grid(self, rng: np.random.Generator) -> np.ndarray:
        """A full grid (L,): the first one a search meets that tries digits in a random order in each cell, shuffled.

        Every grid can come up, but not all equally often. A large grid that the search does not meet is a shuffle of
        the regular one, of which each row is the row above, moved on.
        """
        side = self.geometry.side
        empty = np.zeros(side * side, dtype=np.int64)
        for _ in range(GRIDS) if side > ORDINARY else count():
            order = np.argsort(rng.random((side * side, side)), axis=1) + 1
            found = self.solver.search(empty, wanted=1, node_limit=GRID_NODES, order=order)
            if found.solutions:
                uniforms = rng.random((1, self.symmetries.draws))
                (shuffled,) = self.symmetries.apply(uniforms, found.answer[None] + 1)
                grid: np.ndarray = shuffled[0] - 1
                return grid
        (shuffled,) = self.symmetries.apply(rng.random((1, self.symmetries.draws)), self.regular()[None] + 1)
        return np.asarray(shuffled[0] - 1)

    def regular(self) -> np.ndarray:
        """The grid (L,) whose row r of band b begins r box widths and b places on."""
        side, high, wide = self.geometry.side, self.geometry.box_height, self.geometry.box_width
        rows = np.arange(side)
        return np.asarray(((rows % high * wide + rows // high)[:, None] + rows).reshape(-1) % side + 1)

    def dig(self, answer: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        """Take clues away in a random order as long as the solution stays the only one.

        With `clues` it stops there; where no order of removal comes so low, the lowest is kept.
        """
        if self.clues is None:
            return self.minimise(answer.copy(), answer, rng.permutation(len(answer)))
        questions = (
            self.minimise(answer.copy(), answer, rng.permutation(len(answer)), self.clues) for _ in range(DIGS)
        )
        lowest = next(questions)
        for question in questions:
            if np.count_nonzero(lowest) <= self.clues:
                break
            lowest = min(lowest, question, key=np.count_nonzero)
        return lowest

    def minimise(self, question: np.ndarray, answer: np.ndarray, order: np.ndarray, clues: int = 0) -> np.ndarray:
        """Remove the clues of `question` in `order` where the solution stays the only one, down to `clues` of them.

        When every clue has been tried once none of those left can be removed: what could not be removed while there
        were more clues cannot be removed with fewer.
        """
        left = np.count_nonzero(question)
        for cell in order:
            if left <= clues:
                break
            if question[cell] == 0:
                continue
            question[cell] = 0
            other = self.solver.search(
                question, wanted=1, barred=(int(cell), int(answer[cell])), node_limit=self.node_limit
            )
            if other.solutions or other.nodes >= self.node_limit:
                question[cell] = answer[cell]
            else:
                left -= 1
        return question

    def climb(
        self, question: np.ndarray, answer: np.ndarray, rating: int, rng: np.random.Generator
    ) -> tuple[np.ndarray, int]:
        """Exchange clues for others of the same solution, keeping what is at least as hard, up to `min_rating`.

        Each step puts one to three clues back and minimises again, trying the new ones last. It ends short of
        `min_rating` after PATIENCE steps that brought nothing harder.
        """
        idle = 0
        while rating < self.min_rating and idle < PATIENCE:
            empty = np.flatnonzero(question == 0)
            added = rng.choice(empty, size=min(len(empty), int(rng.integers(1, 4))), replace=False)
            kept = rng.permutation(np.flatnonzero(question))
            trial = question.copy()
            trial[added] = answer[added]
            trial = self.minimise(trial, answer, np.concatenate([kept, added]))
            harder = self.rating(trial)
            idle = 0 if harder > rating else idle + 1
            if harder >= rating:
                question, rating = trial, harder
        return question, rating
