"""A few Sudoku, made once."""

from __future__ import annotations

import numpy as np

from rrdyn.data.sudoku.generator import Generator
from rrdyn.data.sudoku.geometry import Geometry


def grids(side: int, count: int, clues: int | None = None) -> tuple[np.ndarray, np.ndarray]:
    made = [Generator(Geometry(side), seed=1, clues=clues).make(number) for number in range(count)]
    return np.concatenate([one.inputs for one in made]), np.concatenate([one.labels for one in made])
