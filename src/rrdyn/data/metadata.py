"""The numbers in `dataset.json`, and which kind of puzzle a folder without our record holds."""

from __future__ import annotations

from math import isqrt
from pathlib import Path

import numpy as np
from pydantic import BaseModel, ConfigDict, ValidationError

from rrdyn.artifacts.errors import InputError
from rrdyn.artifacts.files import read_json
from rrdyn.data.arc import Arc
from rrdyn.data.maze import GOAL, PATH, START, Maze
from rrdyn.data.puzzle import Puzzle, Tokens
from rrdyn.data.sudoku import BOXES, Sudoku

ARC_VOCABULARY, MAZE_VOCABULARY = 12, 6


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


def infer_puzzle(metadata: Metadata, inputs: np.ndarray) -> Puzzle:
    """The kind of puzzle, from its vocabulary and size; `inputs` (N, L) settle what these leave open."""
    side = isqrt(metadata.seq_len)
    if side * side == metadata.seq_len:
        may_be_maze = metadata.vocab_size == MAZE_VOCABULARY
        if side in BOXES and metadata.vocab_size == side + 2 and not (may_be_maze and _looks_like_maze(inputs)):
            return Sudoku(side)
        if may_be_maze:
            return Maze(side)
        if side == 30 and metadata.vocab_size == ARC_VOCABULARY:
            return Arc()
        return Tokens(side, side, metadata.vocab_size)
    return Tokens(1, metadata.seq_len, metadata.vocab_size)


def _looks_like_maze(inputs: np.ndarray) -> bool:
    """One start, one goal and no path in each question (a 4x4 maze has the vocabulary of a 4x4 Sudoku)."""
    head = np.asarray(inputs[:64])
    ends = ((head == START).sum(axis=1) == 1) & ((head == GOAL).sum(axis=1) == 1)
    return bool(len(head)) and bool((ends & (head != PATH).all(axis=1)).all())
