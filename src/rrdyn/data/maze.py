"""Mazes: tokens, validity of a path, drawing, symmetries."""

from __future__ import annotations

import numpy as np

from rrdyn.data.dihedral import Dihedral, dihedral
from rrdyn.data.puzzle import Puzzle, register

WALL, FREE, START, GOAL, PATH = 1, 2, 3, 4, 5
IN_PLANE = np.zeros((3, 3, 3), dtype=bool)
IN_PLANE[1] = [[0, 1, 0], [1, 1, 1], [0, 1, 0]]


@register
class Maze(Puzzle):
    """Tokens: 0 padding, 1 wall "#", 2 free " ", 3 start "S", 4 goal "G", 5 a cell of the path "o"."""

    name = "maze"
    validity = "path_valid"
    answer_only = "o"

    def __init__(self, height: int = 30, width: int | None = None) -> None:
        super().__init__(height, height if width is None else width, "?# SGo")

    @property
    def symmetries(self) -> Dihedral:
        return Dihedral(self.height, self.width)

    def check(self, inputs: np.ndarray, preds: np.ndarray) -> dict[str, np.ndarray]:
        """Flags of the cells that a prediction marks "o", on the walls, start and goal of the question.

        `path_valid`: no wall is marked, and the marked cells join start to goal by steps up, down, left or right.
        `no_stray`: valid, every marked cell is joined to the start, and none is a dead end.
        `shortest`: valid, and no other path marks fewer cells.
        What a prediction says about unmarked cells is left out of account. docs/data.md shows cases.
        """
        from rrdyn.data.mazes import distances

        question = np.asarray(inputs).reshape(-1, self.height, self.width)
        marked = np.asarray(preds).reshape(question.shape) == PATH
        ends = (question == START) | (question == GOAL)
        marked &= ~ends
        on_wall = (marked & (question == WALL)).any(axis=(1, 2))
        regions = _regions(marked | ends)
        at_start = _at(regions, question == START)
        valid = ~on_wall & (at_start > 0) & (at_start == _at(regions, question == GOAL))
        joined = regions == at_start[:, None, None]
        dead_end = marked & (_neighbours(marked | ends) < 2)
        no_stray = valid & ~(marked & (~joined | dead_end)).any(axis=(1, 2))
        shortest = np.zeros_like(valid)
        candidates = np.flatnonzero(no_stray)
        if len(candidates):
            steps = distances(question[candidates])
            shortest[candidates] = marked[candidates].sum(axis=(1, 2)) + 1 == steps
        return {"path_valid": valid, "no_stray": no_stray, "shortest": shortest}

    def contradicts(self, inputs: np.ndarray, labels: np.ndarray) -> np.ndarray:
        erased = np.where(np.asarray(labels) == PATH, FREE, labels)
        return (erased != inputs).any(axis=1) | ~self.check(inputs, labels)["path_valid"]

    def difficulty(self, inputs: np.ndarray, labels: np.ndarray) -> np.ndarray:
        """Steps of a shortest path from start to goal; NaN where there is none."""
        from rrdyn.data.mazes import distances

        steps = distances(np.asarray(inputs).reshape(-1, self.height, self.width)).astype(np.float64)
        return np.where(steps < 0, np.nan, steps)

    def keys(self, inputs: np.ndarray, labels: np.ndarray) -> list[bytes]:
        """The least of the rotated and mirrored images."""
        grids = np.ascontiguousarray(inputs).reshape(-1, self.height, self.width)
        turned = [dihedral(grids, number).reshape(-1, self.seq_len) for number in self.symmetries.numbers]
        images = np.stack(turned, axis=1)
        return [min(image.tobytes() for image in row) for row in images]

    def draw(self, tokens: np.ndarray, question: np.ndarray | None = None) -> str:
        """In a frame: the border of a maze need not be wall."""
        edge = "+" + "-" * self.width + "+"
        return "\n".join([edge, *(f"|{line}|" for line in super().draw(tokens).split("\n")), edge])


def _regions(open_cells: np.ndarray) -> np.ndarray:
    """Number of the connected region of every open cell (N, H, W), 0 elsewhere."""
    from scipy.ndimage import label

    return label(open_cells, structure=IN_PLANE)[0]


def _at(regions: np.ndarray, where: np.ndarray) -> np.ndarray:
    """The region at the marked cell of each grid; 0 where there is no such cell."""
    return (regions * where).max(axis=(1, 2))


def _neighbours(cells: np.ndarray) -> np.ndarray:
    """How many of the four neighbours of each cell are set."""
    padded = np.pad(cells, ((0, 0), (1, 1), (1, 1))).astype(np.int8)
    return padded[:, :-2, 1:-1] + padded[:, 2:, 1:-1] + padded[:, 1:-1, :-2] + padded[:, 1:-1, 2:]
