"""A maze as a graph, for scipy to judge."""

from __future__ import annotations

import numpy as np
from scipy.sparse import lil_array

from rrdyn.data.maze.solver import Floods


def adjacency(open_cells: np.ndarray) -> lil_array:
    cells = open_cells.size
    graph = lil_array((cells, cells))
    for cell in np.flatnonzero(open_cells):
        for near in Floods(*open_cells.shape).neighbours(int(cell)):
            if open_cells.flat[near]:
                graph[cell, near] = 1
    return graph


def ways(graph: lil_array, start: int, goal: int, steps: int) -> int:
    """Walks of the least length are the shortest paths."""
    matrix, walks = graph.tocsr(), np.zeros(graph.shape[0])
    walks[start] = 1
    for _ in range(steps):
        walks = matrix @ walks
    return int(walks[goal])
