"""Writing a dataset folder, so that its final name never holds half of one."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from rrdyn.artifacts.errors import InputError, UsageError
from rrdyn.artifacts.files import make_folder, replacing_folder, sha256, write_json
from rrdyn.artifacts.places import entries, existing, is_file, is_folder, shown
from rrdyn.data.composition import Composition
from rrdyn.data.puzzle import Puzzle
from rrdyn.data.record import IDENTIFIERS, RECORD, VERSION

SPLITS = ("train", "val", "test")
ARRAYS = ("inputs", "labels", "puzzle_identifiers", "puzzle_indices", "group_indices")
DESCRIPTION = "dataset.json"
PREFIX = "all"
BLANK = "<blank>"
"""The name of the identifier of a puzzle that has none."""
MOST_EXAMPLES = (1 << 31) - 1
"""The published format counts examples with 32 bits."""


@contextmanager
def new_dataset(path: Path | str, *, force: bool = False) -> Iterator[Path]:
    """Yield a hidden folder beside `path`; on success it becomes `path`, on failure it is removed.

    Raises UsageError where `path` is taken, unless `force` says to replace it; and even then where what lies there is
    no dataset.
    """
    path = Path(path)
    if is_folder(path):
        path = Path(os.path.realpath(path))  # of a link, what it leads to is filled, and the link stays
    taken = os.path.lexists(path) and not (is_folder(path) and not entries(path))
    if taken and not force:
        raise UsageError(f"{shown(path)} exists already", expected="a new folder", run="give another --out, or --force")
    if taken and not is_dataset(path):
        raise UsageError(
            f"{shown(path)} is no dataset and is not replaced",
            found="a folder of something else" if is_folder(path) else "a file",
            expected="a new folder, or a dataset",
            run="give another --out",
        )
    with replacing_folder(path) as staging:
        yield staging


def copy_dataset(source: Path | str, target: Path | str) -> Path:
    """A copy of a dataset folder: its splits, its record and the names of its identifiers; a finished copy is kept.

    Raises InputError where `source` is no dataset in the published format, UsageError where `target` is taken.
    """
    source, target = existing(source), Path(target)
    names = [path.relative_to(source) for folder in (source, *(source / split for split in SPLITS))
             for path in (entries(folder) if is_folder(folder) else [])
             if is_file(path) and path.suffix in (".json", ".npy")]  # fmt: skip
    if not any(name.name == DESCRIPTION and len(name.parts) == 2 for name in names):
        raise InputError(f"{shown(source)} cannot be copied", found="no train/ and test/ in it",
                         expected="a dataset folder", run="rrdyn inspect")  # fmt: skip
    if is_folder(target) and all(is_file(target / name) and sha256(target / name) == sha256(source / name)
                                 for name in names):  # fmt: skip
        return target
    with new_dataset(target) as staging:
        for name in names:
            make_folder((staging / name).parent)
            shutil.copyfile(source / name, staging / name)
    return target


def is_dataset(path: Path) -> bool:
    """Whether a folder is a whole dataset in the published format, or was one of ours."""
    return is_file(path / RECORD) or any(is_file(path / split / DESCRIPTION) for split in SPLITS)


def write_record(
    folder: Path, *, name: str, puzzle: Puzzle, source: str, identifiers: Sequence[str] = (BLANK,), **more: Any
) -> None:
    """Write what the dataset is (`rrdyn.json`) and the names of its puzzle identifiers."""
    record = {
        "schema": "rrdyn.dataset",
        "version": VERSION,
        "name": name,
        "source": source,
        "puzzle": puzzle.describe(),
    }
    write_json(folder / RECORD, {**record, **more})
    write_json(folder / IDENTIFIERS, list(identifiers))


def write_split(
    folder: Path | str,
    split: str,
    puzzle: Puzzle,
    inputs: np.ndarray | Iterable[tuple[np.ndarray, np.ndarray]],
    labels: np.ndarray | None = None,
    *,
    examples: int | None = None,
    group_size: int = 1,
    difficulty: np.ndarray | None = None,
) -> Path:
    """Write one split of puzzles with one example each, `group_size` consecutive puzzles to a group.

    `inputs` and `labels` are token arrays (N, L); or `inputs` is an iterable of pairs of them, `examples` rows
    altogether, which are written as they come. `difficulty` (N,) is optional.
    """
    target = make_folder(Path(folder) / split)
    if labels is not None:
        inputs, examples = [(np.asarray(inputs), labels)], len(labels)
    assert examples is not None, "examples is needed where arrays come in pieces"
    _write_pieces(target, inputs, examples, puzzle.seq_len)
    groups = examples // group_size
    save = {
        "puzzle_identifiers": np.zeros(examples, dtype=np.int32),
        "puzzle_indices": np.arange(examples + 1, dtype=np.int32),
        "group_indices": np.arange(groups + 1, dtype=np.int32) * np.int32(group_size),
    }
    if difficulty is not None:
        save["difficulty"] = np.asarray(difficulty, dtype=np.float64)
    _write_rest(target, puzzle, save, identifiers=1, total_puzzles=groups)
    return target


def write_composition(
    folder: Path | str, split: str, puzzle: Puzzle, composition: Composition, identifiers: int
) -> Path:
    """Write one split of puzzles with several examples; `identifiers`: how many puzzle identifiers the dataset has."""
    target = make_folder(Path(folder) / split)
    _write_pieces(target, composition.pieces, composition.examples, puzzle.seq_len)
    names = ("puzzle_identifiers", "puzzle_indices", "group_indices")
    save = {name: getattr(composition, name) for name in names}
    _write_rest(target, puzzle, save, identifiers=identifiers, total_puzzles=len(composition.puzzle_identifiers))
    return target


def _write_rest(
    target: Path, puzzle: Puzzle, save: Mapping[str, np.ndarray], *, identifiers: int, total_puzzles: int
) -> None:
    """The small arrays of a split and its description."""
    for name, array in save.items():
        np.save(target / f"{PREFIX}__{name}.npy", array)
    puzzles = len(save["puzzle_identifiers"])
    write_json(
        target / DESCRIPTION,
        {
            "pad_id": puzzle.ignored,
            "ignore_label_id": puzzle.ignored,
            "blank_identifier_id": 0,
            "vocab_size": puzzle.vocab_size,
            "seq_len": puzzle.seq_len,
            "num_puzzle_identifiers": identifiers,
            "total_groups": len(save["group_indices"]) - 1,
            "mean_puzzle_examples": int(save["puzzle_indices"][-1]) / puzzles if puzzles else 1.0,
            "total_puzzles": total_puzzles,
            "sets": [PREFIX],
        },
    )


def _write_pieces(target: Path, pieces: Iterable[Any], examples: int, seq_len: int) -> None:
    """Stream pairs of token arrays, `examples` rows altogether, into inputs and labels."""
    header = {"descr": "|u1", "fortran_order": False, "shape": (examples, seq_len)}
    written = 0
    with (
        open(target / f"{PREFIX}__inputs.npy", "wb") as first,
        open(target / f"{PREFIX}__labels.npy", "wb") as second,
    ):
        for stream in (first, second):
            np.lib.format.write_array_header_1_0(stream, header)
        for inputs, labels in pieces:
            first.write(np.ascontiguousarray(inputs, dtype=np.uint8).data)
            second.write(np.ascontiguousarray(labels, dtype=np.uint8).data)
            written += len(inputs)
    assert written == examples, f"{written} examples came where {examples} were announced"
