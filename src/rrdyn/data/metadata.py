"""The numbers in `dataset.json`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import numpy as np
from pydantic import BaseModel, ConfigDict, Field

from rrdyn.artifacts.errors import notice
from rrdyn.artifacts.places import shown
from rrdyn.artifacts.reading import read_json

Cells = Annotated[int, Field(ge=1, le=1 << 24)]
Vocabulary = Annotated[int, Field(ge=1, le=1 << 20)]
Identifiers = Annotated[int, Field(ge=1, lt=1 << 31)]
Groups = Annotated[int, Field(ge=0, le=1 << 40)]
Label = Annotated[int, Field(ge=-(1 << 31), lt=1 << 31)]
IGNORED = -100
"""A label that nothing counts, in memory; a file has the one that its metadata names."""
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

    def asked_labels(self, labels: np.ndarray) -> np.ndarray:
        """Labels of the files as int64, IGNORED where nothing is asked."""
        labels = np.asarray(labels).astype(np.int64)
        if self.ignore_label_id is not None:
            labels[labels == self.ignore_label_id] = IGNORED
        return labels


class NanoMetadata(BaseModel):
    """`dataset.json` as nano-trm's generator writes it; what it leaves out stands in that project's code."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    num_groups: Groups
    num_puzzles: Groups
    max_grid_size: Annotated[int, Field(ge=1, le=64)]
    seq_len: Cells
    vocab_size: Vocabulary

    def published(self) -> Metadata:
        """The same in the published terms: one identifier for all puzzles, labels of -100 where nothing is asked."""
        return Metadata(
            pad_id=0, ignore_label_id=IGNORED, blank_identifier_id=0, vocab_size=self.vocab_size, seq_len=self.seq_len,
            num_puzzle_identifiers=1, total_groups=self.num_groups, mean_puzzle_examples=1.0,
            total_puzzles=self.num_puzzles, sets=("all",),
        )  # fmt: skip


def read_metadata(path: Path) -> Metadata:
    """Read one `dataset.json`; raises InputError naming the key that is missing or wrong."""
    content = read_json(path)
    if isinstance(content, dict) and "max_grid_size" in content and "pad_id" not in content:
        return read_json(path, NanoMetadata).published()
    metadata = read_json(path, Metadata)
    if len(metadata.sets) > 1:
        notice(f"{shown(path)} names several sets of arrays: only {metadata.sets[0]!r} is read")
    return metadata
