"""Dataset folders that several tests need."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np

from rrdyn.data.arc.kind import Arc
from rrdyn.data.folder import write_split


def arc_folder(path: Path) -> Path:
    """Three tasks in two groups; examples per task 2, 3, 1."""
    puzzle = Arc()
    inputs = np.zeros((6, 900), dtype=np.uint8)
    inputs.reshape(6, 30, 30)[:, :3, :4] = np.arange(6)[:, None, None] + 2
    inputs.reshape(6, 30, 30)[:, 3, :4] = 1
    write_split(path, "train", puzzle, inputs, inputs)
    folder = path / "train"
    np.save(folder / "all__puzzle_identifiers.npy", np.array([1, 2, 3], np.int32))
    np.save(folder / "all__puzzle_indices.npy", np.array([0, 2, 5, 6], np.int32))
    np.save(folder / "all__group_indices.npy", np.array([0, 2, 3], np.int32))
    content = json.loads((folder / "dataset.json").read_text())
    content |= {"total_groups": 2, "num_puzzle_identifiers": 4, "mean_puzzle_examples": 2.0}
    (folder / "dataset.json").write_text(json.dumps(content))
    return path
