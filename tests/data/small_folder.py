"""A small dataset folder."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from rrdyn.data.folder import new_dataset, write_split
from rrdyn.data.sudoku.kind import Sudoku
from rrdyn.data.writer import write_record


def small(folder: Path, side: int = 4, count: int = 5, *, force: bool = False) -> Path:
    puzzle = Sudoku(side)
    inputs = np.ones((count, side * side), dtype=np.uint8)
    labels = np.full_like(inputs, 2)
    with new_dataset(folder, force=force) as staging:
        for split in ("train", "test"):
            write_split(staging, split, puzzle, inputs, labels, difficulty=np.arange(count))
        write_record(staging, name="small", puzzle=puzzle, source="test")
    return folder
