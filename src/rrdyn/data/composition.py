"""A dataset whose puzzles have several examples and identifiers of their own, before it is written: ARC's tasks."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np


@dataclass(frozen=True, kw_only=True, eq=False)
class Composition:
    """One split of E examples, P puzzles and G groups."""

    pieces: Iterable[tuple[np.ndarray, np.ndarray]]
    """Inputs and labels (n, L) uint8 in order, E rows altogether; gone through once, when the split is written."""
    puzzle_identifiers: np.ndarray
    """(P,) int32."""
    puzzle_indices: np.ndarray
    """(P + 1,) int32: first example of each puzzle, and the end."""
    group_indices: np.ndarray
    """(G + 1,) int32: first puzzle of each group, and the end."""

    @property
    def examples(self) -> int:
        return int(self.puzzle_indices[-1])


@dataclass(frozen=True, kw_only=True, eq=False)
class Composed:
    """Splits in the order in which they are written, with the name and the origin that the dataset will carry."""

    name: str
    source: str
    splits: Mapping[str, Composition]
    identifiers: Sequence[str]
    """Names of the puzzle identifiers, by number, the blank one first."""
    origin: dict[str, object] = field(default_factory=dict)
    files: Sequence[Path] = ()
    """What was read."""
    beside: Mapping[str, object] = field(default_factory=dict)
    """Further files of the folder: name -> JSON content."""
