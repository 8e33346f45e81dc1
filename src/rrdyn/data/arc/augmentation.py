"""Copies of a task: its grids turned or mirrored and its colours renamed, black kept; named and undone.

Maps, their numbers and the names of copies are those of the published builder.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from rrdyn.data.arc.task import COLOURS, Task
from rrdyn.data.maze.symmetries import INVERSE, dihedral

TURNS = len(INVERSE)
TRIES = 5
"""Draws for each copy that is asked for, before a task counts as having no more different ones."""
NAMED = re.compile(r"(.*?)\|\|\|t([0-7])\|\|\|([0-9]{10})", re.DOTALL)


@dataclass(frozen=True)
class Augmentation:
    """Map `turn` of `dihedral`, after colour c has become `colours[c]`."""

    turn: int = 0
    colours: bytes = bytes(range(COLOURS))

    @cached_property
    def _lookup(self) -> tuple[np.ndarray, np.ndarray]:
        there = np.frombuffer(self.colours, dtype=np.uint8)
        return there, np.argsort(there).astype(np.uint8)

    def apply(self, grid: np.ndarray) -> np.ndarray:
        """The copy's grid of an original (h, w)."""
        return dihedral(self._lookup[0][grid], self.turn)

    def undo(self, grid: np.ndarray) -> np.ndarray:
        """The original grid of a copy's (h, w)."""
        return np.asarray(self._lookup[1][dihedral(grid, INVERSE[self.turn])])

    def of(self, task: str) -> str:
        """The name of the copy of a task."""
        return f"{task}|||t{self.turn}|||{''.join(map(str, self.colours))}"


IDENTITY = Augmentation()


def named(name: str) -> tuple[str, Augmentation]:
    """Task and augmentation of a copy's name; any other name is that of an original."""
    found = NAMED.fullmatch(name)
    if found is None or len(set(found[3])) < COLOURS:
        return name, IDENTITY
    return found[1], Augmentation(int(found[2]), bytes(map(int, found[3])))


def draw_copies(task: Task, count: int, rng: np.random.RandomState) -> list[Augmentation]:
    """The identity, and up to `count` augmentations that make different tasks, drawn as the published builder does.

    Two copies are the same where they have the same pairs, in whatever order.
    """
    if count == 0:
        return [IDENTITY]
    images = _Images(task)
    found, known = [IDENTITY], {images.key(IDENTITY)}
    black, others = bytes(1), np.arange(1, COLOURS, dtype=np.uint8)
    for _ in range(TRIES * count):
        turn = int(rng.randint(0, TURNS))
        drawn = Augmentation(turn, black + rng.permutation(others).tobytes())
        key = images.key(drawn)
        if key not in known:
            known.add(key)
            found.append(drawn)
            if len(found) > count:
                break
    return found


class _Images:
    """The pairs of a task under the eight turns, as bytes that colours are renamed in at once."""

    def __init__(self, task: Task) -> None:
        self.turned: list[list[tuple[bytes, bytes]]] = []
        for turn in range(TURNS):
            grids = [[dihedral(grid, turn) for grid in (pair.question, pair.answer)] for pair in task.pairs]
            self.turned.append([(bytes(q.shape + a.shape), q.tobytes() + a.tobytes()) for q, a in grids])

    def key(self, augmentation: Augmentation) -> bytes:
        """Equal for equal copies."""
        table = augmentation.colours + bytes(256 - COLOURS)
        pairs = sorted(sizes + cells.translate(table) for sizes, cells in self.turned[augmentation.turn])
        return hashlib.blake2b(b"".join(pairs), digest_size=16).digest()
