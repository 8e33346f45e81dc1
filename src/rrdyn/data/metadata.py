"""The numbers in `dataset.json`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from rrdyn.artifacts.errors import notice
from rrdyn.artifacts.places import shown
from rrdyn.artifacts.reading import read_json

Cells = Annotated[int, Field(ge=1, le=1 << 24)]
Vocabulary = Annotated[int, Field(ge=1, le=1 << 20)]
Identifiers = Annotated[int, Field(ge=1, lt=1 << 31)]
Groups = Annotated[int, Field(ge=0, le=1 << 40)]
Label = Annotated[int, Field(ge=-(1 << 31), lt=1 << 31)]
Prefix = Annotated[str, Field(pattern=r"^[^/\\\x00]+$", max_length=100)]


class Metadata(BaseModel):
    """`dataset.json` of one split in the published format; keys of other writers are passed over."""

    model_config = ConfigDict(frozen=True, extra="ignore", allow_inf_nan=False)

    pad_id: Label
    """Token that pads an input."""
    ignore_label_id: Label | None
    """Label that no loss or accuracy counts."""
    blank_identifier_id: Label
    """Identifier of a puzzle that has no vector of its own."""
    vocab_size: Vocabulary
    """Tokens, padding included."""
    seq_len: Cells
    """Cells of a puzzle."""
    num_puzzle_identifiers: Identifiers
    """Puzzle identifiers, the blank one included."""
    total_groups: Groups
    """Original puzzles, each with its augmented copies."""
    mean_puzzle_examples: Annotated[float, Field(ge=0)]
    """Examples per puzzle (1 but for ARC)."""
    total_puzzles: int | None = None
    """Written by TRM's builders, where it counts groups; HRM's folders lack it."""
    sets: Annotated[tuple[Prefix, ...], Field(min_length=1)]
    """Prefixes of the array files."""


def read_metadata(path: Path) -> Metadata:
    """Read one `dataset.json`; raises InputError naming the key that is missing or wrong."""
    metadata = read_json(path, Metadata)
    if len(metadata.sets) > 1:
        notice(f"{shown(path)} names several sets of arrays: only {metadata.sets[0]!r} is read")
    return metadata
