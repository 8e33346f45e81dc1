"""Whether the arrays of a split fit each other and their metadata, row by row, in bounded memory."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

import numpy as np

from rrdyn.artifacts.errors import InputError
from rrdyn.artifacts.places import shown
from rrdyn.data.metadata import Metadata

AGAIN = "make it again with `rrdyn data`"
PIECE = 1 << 24
"""Bytes of an array that are looked at at a time."""


def check_arrays(
    folder: Path, metadata: Metadata, arrays: Mapping[str, np.ndarray], difficulty: np.ndarray | None
) -> None:
    """Raise InputError where the five arrays of a split, or its difficulty, are not what its metadata says."""
    for name, array in arrays.items():
        if array.dtype.kind not in "iu":
            raise _wrong(folder, f"{name} is of the wrong type", array.dtype, "integers")
        if array.ndim != (2 if name in ("inputs", "labels") else 1):
            raise _wrong(folder, f"{name} does not fit the rest", f"{array.ndim} dimensions", "one row an example")
    if difficulty is not None and difficulty.dtype.kind not in "iuf":
        raise _wrong(folder, "difficulty is of the wrong type", difficulty.dtype, "numbers")
    examples, puzzles = len(arrays["inputs"]), len(arrays["puzzle_identifiers"])
    _check_shapes(folder, metadata, arrays, difficulty)
    _check_bounds(folder, "puzzle_indices", arrays["puzzle_indices"], examples)
    _check_bounds(folder, "group_indices", arrays["group_indices"], puzzles)
    _check_range(folder, "inputs", arrays["inputs"], metadata.vocab_size)
    _check_range(folder, "labels", arrays["labels"], metadata.vocab_size, besides=metadata.ignore_label_id)
    low, high = extremes(arrays["puzzle_identifiers"])
    if low < 0 or high >= metadata.num_puzzle_identifiers:
        raise _wrong(
            folder, "an identifier is outside the table", low if low < 0 else high,
            f"0 to num_puzzle_identifiers - 1 = {metadata.num_puzzle_identifiers - 1}",
        )  # fmt: skip


def _check_shapes(
    folder: Path, metadata: Metadata, arrays: Mapping[str, np.ndarray], difficulty: np.ndarray | None
) -> None:
    examples, puzzles = len(arrays["inputs"]), len(arrays["puzzle_identifiers"])
    shapes: list[tuple[str, tuple[int, ...], tuple[int, ...]]] = [
        ("inputs", arrays["inputs"].shape, (examples, metadata.seq_len)),
        ("labels", arrays["labels"].shape, (examples, metadata.seq_len)),
        ("puzzle_indices", arrays["puzzle_indices"].shape, (puzzles + 1,)),
        ("group_indices", arrays["group_indices"].shape, (metadata.total_groups + 1,)),
    ]
    if difficulty is not None:
        shapes.append(("difficulty", difficulty.shape, (examples,)))
    for name, found, expected in shapes:
        if found != expected:
            raise _wrong(folder, f"{name} does not fit the rest", found, expected)


def _check_bounds(folder: Path, name: str, bounds: np.ndarray, end: int) -> None:
    """Indices rise from 0 to `end`, and none of the ranges between them is empty."""
    if int(bounds[-1]) != end:
        raise _wrong(folder, f"the end of {name} does not fit the rest", int(bounds[-1]), end)
    steps = np.diff(bounds.astype(np.int64))
    if int(bounds[0]) != 0 or (steps < 1).any():
        at = 0 if int(bounds[0]) else int(np.flatnonzero(steps < 1)[0]) + 1
        raise _wrong(folder, f"{name} does not rise from 0", f"{int(bounds[at])} at place {at}", f"0 to {end}, rising")


def _check_range(folder: Path, name: str, array: np.ndarray, vocab_size: int, besides: int | None = None) -> None:
    """Every token is in the vocabulary; `besides` may stand there too, as a label that is ignored."""
    low, high = extremes(array, but=None if besides is None or 0 <= besides < vocab_size else besides)
    if low < 0 or high >= vocab_size:
        raise InputError(
            f"{shown(folder)} holds a token outside its vocabulary",
            found=f"token {low if low < 0 else high} in {name}",
            expected=f"0 to vocab_size - 1 = {vocab_size - 1}",
            run=AGAIN,
        )


def _wrong(folder: Path, problem: str, found: object, expected: object) -> InputError:
    return InputError(f"{shown(folder)}: {problem}", found=found, expected=expected, run=AGAIN)


def extremes(array: np.ndarray, but: int | None = None) -> tuple[int, int]:
    """The least and the largest value, `but` left out; (0, 0) where there is none."""
    low, high = None, None
    for piece in pieces(array):
        values = piece if but is None else piece[piece != but]
        if not values.size:
            continue
        # an unsigned array has no other end to look at
        least = 0 if values.dtype.kind == "u" else int(values.min())
        low = least if low is None else min(low, least)
        high = int(values.max()) if high is None else max(high, int(values.max()))
    return low or 0, high or 0


def pieces(array: np.ndarray) -> Iterator[np.ndarray]:
    """Consecutive rows of an array, about PIECE bytes at a time: of a memory map no more than that is held."""
    rows = max(1, PIECE // max(1, array[:1].nbytes))
    for at in range(0, len(array), rows):
        yield np.asarray(array[at : at + rows])
