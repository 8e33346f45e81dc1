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
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from rrdyn.artifacts.errors import InputError
from rrdyn.artifacts.files import existing, read_json
from rrdyn.data.flat import FLAT_ARRAYS, FLAT_SUFFIX, as_split, flat_description
from rrdyn.data.metadata import Metadata, read_metadata
from rrdyn.data.puzzle import Puzzle
from rrdyn.data.registry import from_description, recognised
from rrdyn.data.writer import ARRAYS, RECORD, new_dataset, write_split

__all__ = ["PuzzleSplit", "new_dataset", "open_split", "split_names", "write_split"]

SPLITS = ("train", "val", "test")
AGAIN = "make it again with `rrdyn data`"
SAMPLED = 1 << 20


@dataclass(frozen=True, eq=False)
class PuzzleSplit:
    """One split of a dataset. `inputs` and `labels` (N, L) are memory-mapped: uint8, or int64 where upstream's
    builder wrote it. In labels 0 is ignored. `difficulty` (N,) is None where nobody rated the puzzles.
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
    record: dict[str, Any]
    """Our `rrdyn.json`: source, recipe, provenance; empty for a foreign folder."""
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
        return np.repeat(np.arange(len(self.puzzle_identifiers)), np.diff(self.puzzle_indices))

    @cached_property
    def example_identifiers(self) -> np.ndarray:
        """Puzzle identifier (N,) int32 of each example."""
        return np.asarray(self.puzzle_identifiers, dtype=np.int32)[self.puzzle_of]

    @cached_property
    def originals(self) -> np.ndarray:
        """Index of the first example of each group: the puzzle before augmentation."""
        return np.asarray(self.puzzle_indices)[np.asarray(self.group_indices[:-1])].astype(np.int64)

    @cached_property
    def digest(self) -> str:
        """sha256 over each file's name, size, first and last megabyte: cheap even for a gigabyte."""
        digest = hashlib.sha256()
        for path in self.files:
            size = path.stat().st_size
            digest.update(f"{path.name} {size}\n".encode())
            with open(path, "rb") as stream:
                digest.update(stream.read(SAMPLED))
                if size > SAMPLED:
                    stream.seek(max(SAMPLED, size - SAMPLED))
                    digest.update(stream.read())
        return digest.hexdigest()

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


def split_names(path: Path | str) -> list[str]:
    """The splits a dataset folder has."""
    return [name for name in SPLITS if (Path(path) / name / "dataset.json").is_file()]


def open_split(path: Path | str, split: str = "test") -> PuzzleSplit:
    """Open one split of a dataset folder.

    Raises InputError for a folder that is missing, half written, damaged or inconsistent, naming the file.
    """
    path = existing(path, run="rrdyn data sudoku --help")
    folder = path / split
    if not (folder / "dataset.json").is_file():
        flat = flat_description(path)
        if flat is not None:
            return _open_flat(flat, split)
        raise _no_split(path, split)
    metadata = read_metadata(folder / "dataset.json")
    files = {name: folder / f"{metadata.sets[0]}__{name}.npy" for name in ARRAYS}
    arrays = {name: _load(file) for name, file in files.items()}
    rated = folder / f"{metadata.sets[0]}__difficulty.npy"
    difficulty = _load(rated) if rated.is_file() else None
    _check(folder, metadata, arrays, difficulty)
    record = _read_record(path)
    puzzle = from_description(record["puzzle"]) if "puzzle" in record else _recognised(metadata, arrays["inputs"])
    return PuzzleSplit(
        path=path,
        split=split,
        name=str(record.get("name") or path.resolve().name),
        puzzle=puzzle,
        metadata=metadata,
        difficulty=difficulty,
        record=record,
        files=(folder / "dataset.json", *files.values()),
        **arrays,
    )


def _open_flat(description: Path, split: str) -> PuzzleSplit:
    """The layout in which the source study published its test puzzles; see `rrdyn.data.flat`."""
    task = description.name.removesuffix(FLAT_SUFFIX)
    if split != "test":
        raise InputError(f"{description} describes no {split} split", found="test", run="use --split test")
    files = {name: description.with_name(f"{task}_test_{name}.npy") for name in FLAT_ARRAYS}
    loaded = {name: _load(file) for name, file in files.items()}
    metadata, arrays = as_split(description, loaded)
    _check(description.parent, metadata, arrays, None)
    return PuzzleSplit(
        path=description.parent,
        split=split,
        name=f"{task}-study",
        puzzle=_recognised(metadata, arrays["inputs"]),
        metadata=metadata,
        difficulty=None,
        record={},
        files=(description, *files.values()),
        **arrays,
    )


def _recognised(metadata: Metadata, inputs: np.ndarray) -> Puzzle:
    return recognised(metadata.seq_len, metadata.vocab_size, inputs)


def _no_split(path: Path, split: str) -> InputError:
    if (path / "dataset.json").is_file():
        return InputError(
            f"{path} is one split of a dataset", expected="the folder that holds it", run=f"give {path.parent}"
        )
    present = split_names(path)
    if not present:
        found = "a file" if path.is_file() else "no train/dataset.json, no test/dataset.json"
        return InputError(
            f"{path} is not a puzzle dataset",
            found=found,
            expected="a folder with train/ and test/, each with dataset.json and all__*.npy",
            run=AGAIN,
        )
    return InputError(f"{path} has no {split} split", found=", ".join(present), run=f"use --split {present[-1]}")


def _load(path: Path) -> np.ndarray:
    if not path.is_file():
        raise InputError(
            f"{path.parent} is half written", found=f"no {path.name}", expected="all its arrays", run=AGAIN
        )
    try:
        # memory maps are for the large arrays; the others are read once and kept
        large = path.name.endswith(("_inputs.npy", "_labels.npy"))
        return np.load(path, mmap_mode="r" if large else None, allow_pickle=False)
    except (ValueError, OSError, EOFError) as error:
        raise InputError(f"{path} is damaged or not an array", found=error, run=AGAIN) from None


def _check(folder: Path, metadata: Metadata, arrays: dict[str, np.ndarray], difficulty: np.ndarray | None) -> None:
    for name, array in arrays.items():
        if array.dtype.kind not in "iu":
            raise InputError(
                f"{folder}: {name} is of the wrong type", found=array.dtype, expected="integers", run=AGAIN
            )
    inputs, labels = arrays["inputs"], arrays["labels"]
    examples, puzzles = len(inputs), len(arrays["puzzle_identifiers"])
    shapes = [
        ("inputs", inputs.shape, (examples, metadata.seq_len)),
        ("labels", labels.shape, (examples, metadata.seq_len)),
        ("puzzle_indices", arrays["puzzle_indices"].shape, (puzzles + 1,)),
        ("group_indices", arrays["group_indices"].shape, (metadata.total_groups + 1,)),
        ("the end of puzzle_indices", int(arrays["puzzle_indices"][-1]), examples),
        ("the end of group_indices", int(arrays["group_indices"][-1]), puzzles),
    ]
    if difficulty is not None:
        shapes.append(("difficulty", difficulty.shape, (examples,)))
    for name, found, expected in shapes:
        if found != expected:
            raise InputError(f"{folder}: {name} does not fit the rest", found=found, expected=expected, run=AGAIN)
    largest = max((int(array[:256].max()) for array in (inputs, labels) if array.size), default=0)
    if largest >= metadata.vocab_size:
        raise InputError(
            f"{folder} holds a token outside its vocabulary",
            found=f"token {largest}",
            expected=f"less than vocab_size = {metadata.vocab_size}",
            run=AGAIN,
        )


def _read_record(path: Path) -> dict[str, Any]:
    if not (path / RECORD).is_file():
        return {}
    record = read_json(path / RECORD)
    return record if isinstance(record, dict) else {}
