"""The layout in which the source study published its test puzzles: four files of a task in one folder.

DIR/TASK_meta.json, DIR/TASK_test_{inputs,labels,pid}.npy       `pid` is the puzzle identifier of each example
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from pydantic import BaseModel, ConfigDict

from rrdyn.artifacts.errors import InputError
from rrdyn.artifacts.places import entries, is_folder, shown
from rrdyn.artifacts.reading import read_json
from rrdyn.data.arrays import AGAIN, extremes, pieces
from rrdyn.data.metadata import IGNORED, Cells, Identifiers, Label, Metadata, Vocabulary

FLAT_SUFFIX = "_meta.json"
FLAT_ARRAYS = ("inputs", "labels", "pid")


class FlatSizes(BaseModel):
    """What TASK_meta.json states."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    seq_len: Cells
    vocab_size: Vocabulary
    num_puzzle_identifiers: Identifiers
    pad_id: Label = 0
    ignore_label_id: Label | None = 0
    blank_identifier_id: Label = 0


def flat_description(path: Path) -> Path | None:
    """The TASK_meta.json that `path` is, or that the folder `path` holds; None where there is none.

    Raises InputError where a folder holds those of several tasks.
    """
    if path.name.endswith(FLAT_SUFFIX):
        return path
    found = [file for file in entries(path) if file.name.endswith(FLAT_SUFFIX)] if is_folder(path) else []
    if len(found) > 1:
        raise InputError(
            f"{shown(path)} holds the puzzles of several tasks",
            found=", ".join(file.name for file in found),
            expected="one of them",
            run=f"give {shown(found[0])}",
        )
    return found[0] if found else None


def as_split(description: Path, loaded: dict[str, np.ndarray]) -> tuple[Metadata, dict[str, np.ndarray]]:
    """Metadata and arrays in the terms of the published folders: each example is a puzzle and a group of its own."""
    sizes = read_json(description, FlatSizes)
    for name, array in loaded.items():
        if array.dtype.kind not in "iu" or array.ndim == 0:
            raise InputError(
                f"{shown(description.parent)}: {name} is of the wrong type", found=array.dtype,
                expected="integers, one row an example", run=AGAIN,
            )  # fmt: skip
    labels, ignored = loaded["labels"], sizes.ignore_label_id
    if labels.dtype.kind == "i" and any((piece == IGNORED).any() for piece in pieces(labels)):
        if ignored == 0:  # both say the same
            low, high = extremes(labels, but=IGNORED)
            small = np.uint8 if low >= 0 and high < 256 else labels.dtype
            labels = np.where(labels == IGNORED, 0, labels).astype(small)
        else:
            ignored = IGNORED
    count = len(loaded["inputs"])
    metadata = Metadata(
        **{**sizes.model_dump(), "ignore_label_id": ignored},
        total_groups=count, total_puzzles=count, mean_puzzle_examples=1.0, sets=("test",),
    )  # fmt: skip
    arrays = {
        "inputs": loaded["inputs"],
        "labels": labels,
        "puzzle_identifiers": loaded["pid"].reshape(-1),
        "puzzle_indices": np.arange(count + 1, dtype=np.int32),
        "group_indices": np.arange(count + 1, dtype=np.int32),
    }
    return metadata, arrays
