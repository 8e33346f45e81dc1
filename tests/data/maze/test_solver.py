from __future__ import annotations

import numpy as np

from rrdyn.data.maze import solver
from rrdyn.data.maze.generator import corridors, depth_first_tree
from rrdyn.data.maze.kind import Maze
from rrdyn.data.maze.solver import Floods, distances


def tokens(text: str) -> np.ndarray:
    return np.array(["?# SGo".index(character) for character in text], dtype=np.uint8)


def test_compiled_and_plain_search_agree():
    rng = np.random.default_rng(0)
    open_cells = corridors(20, 20, 0.1, rng, depth_first_tree)
    start = int(np.flatnonzero(open_cells)[0])
    fast, far = Floods(20, 20).steps(open_cells, start)
    slow, queue = np.empty(400, dtype=np.int64), np.empty(400, dtype=np.int64)
    assert solver._flood(open_cells, start, slow, queue) == far
    np.testing.assert_array_equal(fast, slow)


def test_no_way_is_no_distance():
    question = tokens("S##G#### ########"[:16])
    assert distances(question.reshape(1, 4, 4)).tolist() == [-1]
    assert np.isnan(Maze(4).difficulty(question[None], question[None])[0])
