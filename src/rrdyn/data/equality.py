"""Which puzzles are equal up to symmetry, and keeping equal ones out of different splits."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

import numpy as np

from rrdyn.artifacts.errors import notice
from rrdyn.data.collection import Collection, Splits, joined
from rrdyn.data.puzzle import Puzzle
from rrdyn.runtime.progress import each

COMPARED = 1_000_000
"""Above this many puzzles only literally equal ones are found, not those equal up to symmetry."""

PIECE = 20_000
"""Puzzles sketched at a time, to bound the memory."""


class Known:
    """Puzzles met so far, to tell whether another equals one of them up to symmetry.

    Keys are costly (2 ms for a 9x9 Sudoku): they are computed only where the sketches of two puzzles are equal.
    """

    def __init__(self, puzzle: Puzzle) -> None:
        self.puzzle = puzzle
        self._met: dict[bytes, Collection | set[bytes]] = {}

    def add(self, one: Collection, sketch: bytes) -> bool:
        """Note a set of one puzzle; False where an equal one was noted before."""
        met = self._met.get(sketch)
        if met is None:
            self._met[sketch] = one
            return True
        keys = met if isinstance(met, set) else set(self.puzzle.keys(met.inputs, met.labels))
        self._met[sketch] = keys
        key = self.puzzle.keys(one.inputs, one.labels)[0]
        if key in keys:
            return False
        keys.add(key)
        return True


def classes(puzzle: Puzzle, puzzles: Collection) -> np.ndarray:
    """A number (N,) for each puzzle, the same for two exactly where they are equal up to symmetry.

    Above COMPARED puzzles only literally equal ones get the same number.
    """
    if len(puzzles) > COMPARED:
        return np.unique(puzzles.inputs, axis=0, return_inverse=True)[1].reshape(-1)
    names: list[bytes] = []
    pieces = range(0, len(puzzles), PIECE)
    for at in each(pieces, "comparing puzzles", total=len(puzzles), size=lambda at: min(PIECE, len(puzzles) - at)):
        names += puzzle.sketch(puzzles.inputs[at : at + PIECE], puzzles.labels[at : at + PIECE])
    seen = Counter(names)
    doubtful = np.array([at for at, name in enumerate(names) if seen[name] > 1], dtype=np.int64)
    if len(doubtful):
        for at, key in zip(doubtful, puzzle.keys(puzzles.inputs[doubtful], puzzles.labels[doubtful])):
            names[at] = b"key" + key
    numbers: dict[bytes, int] = {}
    return np.array([numbers.setdefault(name, len(numbers)) for name in names], dtype=np.int64)


def cut_validation(
    puzzle: Puzzle, train: Collection, test: Collection, *, n: int | None, val_groups: int, rng: np.random.Generator
) -> Splits:
    """Draw `n` training puzzles (None: all that are left) and `val_groups` validation puzzles from `train`.

    At most a tenth of `train` becomes validation. No validation puzzle equals a training puzzle, nor shares its family
    with one where the kind keeps families apart: where a drawn one has such in the rest, these are left out of
    training. Test puzzles in the training split are told, not removed.
    """
    val_count = min(val_groups, len(train) // 10)
    wanted = len(train) if n is None else min(len(train), n + val_count)
    # without validation and without a limit the order of the file is kept
    rows = np.arange(len(train)) if wanted == len(train) and not val_count else rng.permutation(len(train))[:wanted]
    drawn = train.take(rows)
    everything = joined([drawn, test])
    what = "up to symmetry" if len(everything) <= COMPARED else "literally"
    kept = np.arange(val_count, len(drawn))
    told = []
    for words, number in _likenesses(puzzle, everything):
        of_drawn, of_test = number[: len(drawn)], number[len(drawn) :]
        kept = kept[~np.isin(of_drawn[kept], of_drawn[:val_count])]
        told.append((words, of_drawn, of_test))
    said = np.zeros(len(test), dtype=bool)  # who is in training whole has its family there too
    for words, of_drawn, of_test in told:
        shared = np.isin(of_test, of_drawn[kept]) & ~said
        said |= shared
        if shared.any():
            notice(f"{shared.sum()} test puzzles {words} ({what}); the files are kept as they are")
    val = drawn.take(np.arange(val_count)) if val_count else None
    return Splits(train=drawn.take(kept), val=val, test=test)


def _likenesses(puzzle: Puzzle, puzzles: Collection) -> Iterator[tuple[str, np.ndarray]]:
    """What puzzles of two splits must not have in common: in words, and as numbers (N,), the same where they have."""
    yield "stand in the training split too", classes(puzzle, puzzles)
    if puzzle.families_apart and len(puzzles) <= COMPARED:
        names = puzzle.families(puzzles.inputs, puzzles.labels)
        if names is not None:
            numbers: dict[bytes, int] = {}
            yield (
                f"have the {puzzle.family} of a training puzzle",
                np.array([numbers.setdefault(name, len(numbers)) for name in names], dtype=np.int64),
            )
