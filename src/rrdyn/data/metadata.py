"""The numbers in `dataset.json`."""

from __future__ import annotations

from pathlib import Path

from pydantic import BaseModel, ConfigDict, ValidationError

from rrdyn.artifacts.errors import InputError
from rrdyn.artifacts.files import read_json


class Metadata(BaseModel):
    """`dataset.json` of one split in the published format; keys of other writers are passed over."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    pad_id: int
    """Token that pads an input."""
    ignore_label_id: int | None
    """Label that no loss or accuracy counts."""
    blank_identifier_id: int
    """Identifier of a puzzle that has no vector of its own."""
    vocab_size: int
    """Tokens, padding included."""
    seq_len: int
    """Cells of a puzzle."""
    num_puzzle_identifiers: int
    """Puzzle identifiers, the blank one included."""
    total_groups: int
    """Original puzzles, each with its augmented copies."""
    mean_puzzle_examples: float
    """Examples per puzzle (1 but for ARC)."""
    total_puzzles: int | None = None
    """Written by TRM's builders, where it counts groups; HRM's folders lack it."""
    sets: tuple[str, ...]
    """Prefixes of the array files."""


def read_metadata(path: Path) -> Metadata:
    """Read one `dataset.json`; raises InputError naming the key that is missing or wrong."""
    return as_metadata(read_json(path), path)


def as_metadata(content: object, path: Path) -> Metadata:
    """The metadata in parsed JSON `content` of the file `path`."""
    try:
        metadata = Metadata.model_validate(content)
    except ValidationError as error:
        first = error.errors()[0]
        key = ".".join(str(part) for part in first["loc"]) or "the content"
        raise InputError(f"{path}: {key} is missing or wrong", found=first["input"], expected=first["msg"]) from None
    if not metadata.sets:
        raise InputError(f"{path} names no set of arrays", found="sets: []", expected='sets: ["all"]')
    return metadata
