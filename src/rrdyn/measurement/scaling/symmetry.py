"""A symmetry of a task as what it does: which cell goes where, and which token becomes which; so that it can be undone.

Kinds of puzzle give their symmetries as maps forward only (`Puzzle.symmetries`). A map that moves cells and renames
tokens is found by what it makes of a few grids.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from rrdyn.artifacts.errors import RrdynError
from rrdyn.data.puzzle import Puzzle, Symmetries
from rrdyn.runtime.streams import generator


@dataclass(frozen=True, kw_only=True)
class Map:
    """Cell i of the image is cell `cells[i]` of the original, its token renamed."""

    cells: np.ndarray
    """(L,)"""
    names: np.ndarray
    """(V,) what each token becomes."""

    def forward(self, grid: np.ndarray) -> np.ndarray:
        """The image of tokens (..., L); what is negative (nothing asked) stays so."""
        moved = grid[..., self.cells]
        return np.where(moved < 0, moved, self.names[np.maximum(moved, 0)]).astype(grid.dtype)

    def back(self, grid: np.ndarray) -> np.ndarray:
        """The original of an image (..., L)."""
        named = np.argsort(self.names)[grid]
        return np.asarray(named[..., np.argsort(self.cells)].astype(grid.dtype))


@dataclass(frozen=True, kw_only=True)
class Maps:
    """The maps of a task, by puzzle and number; number 0 is the identity."""

    symmetries: Symmetries
    cells: int
    tokens: int
    seed: int

    @property
    def most(self) -> int | None:
        """How many there are, where they are few enough to list."""
        return self.symmetries.copies

    def of(self, idx: int, number: int) -> Map:
        """Map `number` of a puzzle: one of the list, or one drawn for (seed, puzzle, number)."""
        if number == 0:
            return Map(cells=np.arange(self.cells), names=np.arange(self.tokens))
        return found(self.symmetries, self.cells, self.tokens, self._uniforms(idx, number))

    def _uniforms(self, idx: int, number: int) -> np.ndarray | int:
        if self.symmetries.copies is not None:
            return number
        return generator(self.seed, "scale", "permute", idx, number).random(self.symmetries.draws)


def maps_of(puzzle: Puzzle, seed: int) -> Maps | None:
    """The maps of a kind of puzzle; None where it has none."""
    symmetries = puzzle.symmetries
    if symmetries is None:
        return None
    return Maps(symmetries=symmetries, cells=puzzle.seq_len, tokens=puzzle.vocab_size, seed=seed)


def found(symmetries: Symmetries, cells: int, tokens: int, which: np.ndarray | int) -> Map:
    """The map that uniforms (draws,) choose, or that has a number in the list.

    Raises RrdynError where it does more than move cells and rename tokens.
    """
    digits = max(1, (cells - 1).bit_length())
    place = np.arange(cells)
    a, b = tokens - 2, tokens - 1  # two tokens by which a cell's number is written, bit by bit
    bits = [np.where(place >> digit & 1, b, a) for digit in range(digits)]
    probes = np.stack([*(np.full(cells, token) for token in range(tokens)), *bits]).astype(np.uint8)
    if isinstance(which, int):
        (seen,) = symmetries.listed(which, probes)
    else:
        (seen,) = symmetries.apply(np.repeat(which[None], len(probes), 0), probes)
    names = seen[:tokens, 0].astype(np.int64)
    moved = sum((seen[tokens + digit] == names[b]).astype(np.int64) << digit for digit in range(digits))
    one = Map(cells=np.asarray(moved), names=names)
    sound = np.array_equal(np.sort(one.cells), place) and np.array_equal(np.sort(names), np.arange(tokens))
    if not sound or not np.array_equal(one.forward(probes), seen):
        raise RrdynError("a symmetry of this task does more than move cells and rename tokens",
                         expected="a map that can be undone", run="leave out --methods permute")  # fmt: skip
    return one
