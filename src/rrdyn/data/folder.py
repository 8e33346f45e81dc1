"""Reading a dataset folder: the published format, with or without our record beside it.

    DIR/rrdyn.json                what it is and where it came from (only ours)
    DIR/identifiers.json          names of the puzzle identifiers
    DIR/{train,val,test}/dataset.json
    DIR/{train,val,test}/all__{inputs,labels,puzzle_identifiers,puzzle_indices,group_indices[,difficulty]}.npy

Examples [puzzle_indices[p], puzzle_indices[p + 1]) belong to puzzle p, and puzzles [group_indices[g],
group_indices[g + 1]) to group g: an original and its augmented copies.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from rrdyn.artifacts.errors import InputError
from rrdyn.artifacts.npz import read_npy
from rrdyn.artifacts.places import existing, exists, is_file, is_folder, opened, shown
from rrdyn.data.arrays import AGAIN, check_arrays, pieces
from rrdyn.data.flat import FLAT_ARRAYS, FLAT_SUFFIX, as_split, flat_description
from rrdyn.data.metadata import Metadata, read_metadata
from rrdyn.data.puzzle import Puzzle
from rrdyn.data.record import RECORD, DatasetRecord, read_identifiers, read_record
from rrdyn.data.registry import from_description, recognised
from rrdyn.data.writer import ARRAYS, DESCRIPTION, SPLITS, new_dataset, write_split

__all__ = ["PuzzleSplit", "digest_of", "new_dataset", "open_split", "split_files", "split_names", "write_split"]

SAMPLED = 1 << 20


@dataclass(frozen=True, eq=False)
class PuzzleSplit:
    """One split of a dataset. `inputs` and `labels` (N, L) are memory-mapped: uint8, or int64 where upstream's
    builder wrote it; `answers` tells what is asked. `difficulty` (N,) is None where nobody rated the puzzles.
    """

    path: Path
    split: str
    name: str
    puzzle: Puzzle
    metadata: Metadata
    inputs: np.ndarray
    labels: np.ndarray
    puzzle_identifiers: np.ndarray
    puzzle_indices: np.ndarray
    group_indices: np.ndarray
    difficulty: np.ndarray | None
    record: DatasetRecord
    """Our `rrdyn.json`: source, recipe, provenance; nothing but defaults for a foreign folder."""
    files: tuple[Path, ...]
    """The files that hold the split, its description first."""

    def __len__(self) -> int:
        return len(self.inputs)

    @property
    def groups(self) -> int:
        return len(self.group_indices) - 1

    @cached_property
    def puzzle_of(self) -> np.ndarray:
        """Number of the puzzle (N,) that each example belongs to."""
        bounds = self.puzzle_indices.astype(np.int64)
        return np.repeat(np.arange(len(self.puzzle_identifiers)), bounds[1:] - bounds[:-1])

    @cached_property
    def example_identifiers(self) -> np.ndarray:
        """Puzzle identifier (N,) int32 of each example."""
        return np.asarray(np.asarray(self.puzzle_identifiers, dtype=np.int32)[self.puzzle_of])

    @cached_property
    def originals(self) -> np.ndarray:
        """Index of the first example of each group: the puzzle before augmentation."""
        return np.asarray(self.puzzle_indices)[self.group_indices[:-1].astype(np.int64)].astype(np.int64)

    def answers(self, rows: Any) -> np.ndarray:
        """Labels (n, L) int64 of some examples, IGNORED where nothing is asked."""
        return self.metadata.asked_labels(self.labels[rows])

    @cached_property
    def asked(self) -> np.ndarray:
        """Cells (N,) int64 of each example that its label says anything about; where it is 0 nothing can be right."""
        counted = [(self.metadata.asked_labels(piece) >= 0).sum(axis=1) for piece in pieces(self.labels)]
        return np.concatenate(counted).astype(np.int64) if counted else np.zeros(0, dtype=np.int64)

    @cached_property
    def identifiers(self) -> tuple[str, ...] | None:
        """The names of the puzzle identifiers, by number; None where the folder does not hold them."""
        return read_identifiers(self.path)

    @cached_property
    def digest(self) -> str:
        """`digest_of` its files."""
        return digest_of(self.files)

    def require_match(self, *, seq_len: int | None, vocab_size: int, of: str) -> None:
        """Raise InputError where a model (named `of`) was made for another vocabulary or length."""
        if vocab_size != self.metadata.vocab_size:
            raise InputError(
                f"{of} and dataset {self.name} have different vocabularies",
                found=f"{vocab_size} tokens in the model, {self.metadata.vocab_size} in {self.path}",
                expected="the kind and size of puzzle that the model was trained on",
                run="give its dataset with --data",
            )
        if seq_len is not None and seq_len != self.metadata.seq_len:
            raise InputError(
                f"{of} and dataset {self.name} have different lengths",
                found=f"{seq_len} cells in the model, {self.metadata.seq_len} in {self.path}",
                expected="the kind and size of puzzle that the model was trained on",
                run="give its dataset with --data",
            )


def digest_of(files: Sequence[Path]) -> str:
    """sha256 over each file's name, size, first and last megabyte: cheap even for a gigabyte."""
    digest = hashlib.sha256()
    for path in files:
        with opened(path) as stream:
            size = os.fstat(stream.fileno()).st_size
            digest.update(f"{path.name} {size}\n".encode())
            digest.update(stream.read(SAMPLED))
            if size > SAMPLED:
                stream.seek(max(SAMPLED, size - SAMPLED))
                digest.update(stream.read())
    return digest.hexdigest()


def split_files(path: Path | str, split: str) -> tuple[Path, ...]:
    """The files that hold a split of a dataset folder, its description first; only that is read."""
    folder = Path(path) / split
    first = read_metadata(folder / DESCRIPTION).sets[0]
    return (folder / DESCRIPTION, *(folder / f"{first}__{name}.npy" for name in ARRAYS))


def split_names(path: Path | str) -> list[str]:
    """The splits a dataset folder has."""
    return [name for name in SPLITS if is_file(Path(path) / name / DESCRIPTION)]


def open_split(path: Path | str, split: str = "test") -> PuzzleSplit:
    """Open one split of a dataset folder.

    Raises InputError for a folder that is missing, half written, damaged or inconsistent, naming the file.
    """
    path = existing(path, run="rrdyn data sudoku --help")
    folder = path / split
    if not exists(folder / DESCRIPTION):
        flat = flat_description(path)
        if flat is not None:
            return _open_flat(flat, split)
        raise _no_split(path, split)
    metadata = read_metadata(folder / DESCRIPTION)
    files = split_files(path, split)
    arrays = {name: _load(file) for name, file in zip(ARRAYS, files[1:], strict=True)}
    rated = folder / f"{metadata.sets[0]}__difficulty.npy"
    difficulty = _load(rated) if exists(rated) else None
    check_arrays(folder, metadata, arrays, difficulty)
    record = read_record(path)
    puzzle = _recorded(path, record, metadata) or _recognised(metadata, arrays["inputs"])
    return PuzzleSplit(
        path=path,
        split=split,
        name=record.name or folder_name(path),
        puzzle=puzzle,
        metadata=metadata,
        difficulty=difficulty,
        record=record,
        files=files,
        **arrays,
    )


def _open_flat(description: Path, split: str) -> PuzzleSplit:
    """The layout in which the source study published its test puzzles; see `rrdyn.data.flat`."""
    task = description.name.removesuffix(FLAT_SUFFIX)
    if split != "test":
        raise InputError(f"{shown(description)} describes no {split} split", found="test", run="use --split test")
    files = {name: description.with_name(f"{task}_test_{name}.npy") for name in FLAT_ARRAYS}
    loaded = {name: _load(file) for name, file in files.items()}
    metadata, arrays = as_split(description, loaded)
    check_arrays(description.parent, metadata, arrays, None)
    return PuzzleSplit(
        path=description.parent,
        split=split,
        name=f"{task}-study",
        puzzle=_recognised(metadata, arrays["inputs"]),
        metadata=metadata,
        difficulty=None,
        record=DatasetRecord(),
        files=(description, *files.values()),
        **arrays,
    )


def folder_name(path: Path) -> str:
    """What a folder is called, also where it was given as "."."""
    return Path(os.path.abspath(path)).name


def _recorded(path: Path, record: DatasetRecord, metadata: Metadata) -> Puzzle | None:
    """The puzzle that a dataset says it holds."""
    if record.puzzle is None:
        return None
    puzzle = from_description(record.puzzle, shown(path / RECORD))
    sizes = puzzle.seq_len, puzzle.vocab_size
    if sizes != (metadata.seq_len, metadata.vocab_size):
        raise InputError(
            f"{shown(path / RECORD)} does not fit the splits",
            found=f"{puzzle.name} of {sizes[0]} cells and {sizes[1]} tokens",
            expected=f"{metadata.seq_len} cells and {metadata.vocab_size} tokens",
            run=AGAIN,
        )
    return puzzle


def _recognised(metadata: Metadata, inputs: np.ndarray) -> Puzzle:
    return recognised(metadata.seq_len, metadata.vocab_size, inputs)


def _no_split(path: Path, split: str) -> InputError:
    if is_file(path / DESCRIPTION):
        return InputError(
            f"{shown(path)} is one split of a dataset",
            expected="the folder that holds it",
            run=f"give {shown(path.parent)}",
        )
    present = split_names(path)
    if not present:
        return InputError(
            f"{shown(path)} is not a puzzle dataset",
            found="no train/dataset.json, no test/dataset.json" if is_folder(path) else "a file",
            expected="a folder with train/ and test/, each with dataset.json and all__*.npy",
            run=AGAIN,
        )
    return InputError(f"{shown(path)} has no {split} split", found=", ".join(present), run=f"use --split {present[-1]}")


def _load(path: Path) -> np.ndarray:
    if not exists(path):
        raise InputError(
            f"{shown(path.parent)} is half written", found=f"no {path.name}", expected="all its arrays", run=AGAIN
        )
    # memory maps are for the large arrays; the others are read once and kept
    return read_npy(path, mmap=path.name.endswith(("_inputs.npy", "_labels.npy")), run=AGAIN)
