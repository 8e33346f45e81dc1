"""What any source of puzzles gives."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from rrdyn.data.collection import Splits
from rrdyn.data.puzzle import Puzzle


@dataclass(frozen=True, kw_only=True)
class Gathered:
    """Puzzles in their splits, with the name and the origin that the dataset will carry."""

    puzzle: Puzzle
    splits: Splits
    name: str
    source: str
    origin: dict[str, object]
    files: Sequence[Path] = field(default_factory=tuple)
