"""The layout in which the source study published its test puzzles: four files of a task in one folder.

DIR/TASK_meta.json, DIR/TASK_test_{inputs,labels,pid}.npy       `pid` is the puzzle identifier of each example
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from rrdyn.artifacts.errors import InputError
from rrdyn.artifacts.files import read_json
from rrdyn.data.metadata import Metadata, as_metadata

FLAT_SUFFIX = "_meta.json"
FLAT_ARRAYS = ("inputs", "labels", "pid")


def flat_description(path: Path) -> Path | None:
    """The TASK_meta.json that `path` is, or that the folder `path` holds; None where there is none.

    Raises InputError where a folder holds those of several tasks.
    """
    if path.name.endswith(FLAT_SUFFIX):
        return path
    found = sorted(path.glob(f"*{FLAT_SUFFIX}")) if path.is_dir() else []
    if len(found) > 1:
        raise InputError(
            f"{path} holds the puzzles of several tasks",
            found=", ".join(file.name for file in found),
            expected="one of them",
            run=f"give {found[0]}",
        )
    return found[0] if found else None


def as_split(description: Path, loaded: dict[str, np.ndarray]) -> tuple[Metadata, dict[str, np.ndarray]]:
    """Metadata and arrays in the terms of the published folders: each example is a puzzle and a group of its own."""
    count = len(loaded["inputs"])
    content = read_json(description)
    stated = content if isinstance(content, dict) else {}
    usual = {"pad_id": 0, "ignore_label_id": 0, "blank_identifier_id": 0}
    fixed = {"total_groups": count, "total_puzzles": count, "mean_puzzle_examples": 1.0, "sets": ["test"]}
    metadata = as_metadata({**usual, **stated, **fixed}, description)
    labels = loaded["labels"]
    if labels.dtype.kind == "i" and count and int(labels.min()) < 0:
        labels = np.where(labels < 0, 0, labels).astype(np.uint8)  # ignored labels as -100
        metadata = metadata.model_copy(update={"ignore_label_id": 0})
    arrays = {
        "inputs": loaded["inputs"],
        "labels": labels,
        "puzzle_identifiers": np.asarray(loaded["pid"], dtype=np.int32).reshape(-1),
        "puzzle_indices": np.arange(count + 1, dtype=np.int32),
        "group_indices": np.arange(count + 1, dtype=np.int32),
    }
    return metadata, arrays
