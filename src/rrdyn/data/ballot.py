"""A question put to a model in several copies, whose answers are votes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True, kw_only=True, eq=False)
class Ballot:
    """C copies of one question."""

    questions: np.ndarray
    """(C, L) uint8 tokens, the question itself first."""
    identifiers: np.ndarray
    """(C,) int32 puzzle identifiers."""
    names: Sequence[str]
    """(C,) of the copies, by which answers to them are mapped back (`Puzzle.restored`)."""
    label: np.ndarray | None
    """(L,) the right answer to the question itself, where it is known."""
    known: bool
    """Whether the model was trained with identifiers of this task; else all are the blank one."""
