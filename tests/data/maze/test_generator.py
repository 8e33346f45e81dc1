"""Generated mazes: their labels are shortest paths, and lengths that no maze can have are refused at once."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
from scipy.sparse.csgraph import shortest_path
from scipy.stats import chisquare
from tests.data.maze.graphs import adjacency, ways

from rrdyn.artifacts.errors import UsageError
from rrdyn.data.build import build
from rrdyn.data.maze.generator import Generator, corridors, depth_first_tree, uniform_tree
from rrdyn.data.maze.kind import Maze
from rrdyn.data.maze.recipe import MazeRecipe
from rrdyn.data.maze.solver import GOAL, PATH, START, WALL, Floods


@pytest.mark.parametrize("method", ["wilson", "carve", "density"])
@pytest.mark.parametrize("unique", [False, True])
def test_labels_are_shortest_paths(method, unique):
    """Steps and the number of shortest paths by scipy's csgraph and powers of the adjacency."""
    puzzle = Maze(12)
    recipe = MazeRecipe(size=12, method=method, unique=unique, loops=0.2, density=0.3)
    maker = Generator(12, 12, recipe)
    for number in range(8):
        made = maker.make(number)
        assert made is not None
        question, answer = made.inputs[0], made.labels[0]
        graph = adjacency(question.reshape(12, 12) != WALL)
        start, goal = int(np.flatnonzero(question == START)[0]), int(np.flatnonzero(question == GOAL)[0])
        steps = shortest_path(graph, unweighted=True, indices=start)
        assert steps[goal] == made.difficulty[0] == (answer == PATH).sum() + 1 >= recipe.least_steps
        assert puzzle.check(made.inputs, made.labels)["shortest"][0]
        assert not puzzle.contradicts(made.inputs, made.labels)[0]
        if unique:
            assert ways(graph, start, goal, int(steps[goal])) == 1


@pytest.mark.parametrize("grow", [uniform_tree, depth_first_tree])
@pytest.mark.parametrize(("height", "width"), [(7, 7), (8, 8), (9, 6)])
def test_corridors_are_connected_and_without_loops_a_tree(height, width, grow):
    open_cells = corridors(height, width, 0.0, np.random.default_rng(3), grow)
    steps, _ = Floods(height, width).steps(open_cells, int(np.flatnonzero(open_cells)[0]))
    assert (steps[open_cells.ravel()] >= 0).all()
    edges = adjacency(open_cells).nnz / 2
    assert edges == open_cells.sum() - 1


@pytest.mark.parametrize(("grow", "uniform"), [(uniform_tree, True), (depth_first_tree, False)])
def test_every_spanning_tree_is_as_likely_as_any_other(grow, uniform):
    """Of 3 x 3 cells there are 192 (by Kirchhoff's theorem); each comes up 40 times of 7680, by Pearson's test."""
    rng = np.random.default_rng(0)
    drawn = [corridors(5, 5, 0.0, rng, grow).tobytes() for _ in range(7680)]
    counts = np.array(list(Counter(drawn).values()))
    assert len(counts) <= 192
    everything = np.concatenate([counts, np.zeros(192 - len(counts))])
    assert (chisquare(everything).pvalue > 0.01) == uniform


def test_a_maze_within_given_walls_keeps_them():
    maker = Generator(7, 7, MazeRecipe(size=7))
    walls = maker.make(3).inputs == WALL
    others = [maker.within(~walls.reshape(7, 7), np.random.default_rng(seed)) for seed in range(8)]
    assert all(np.array_equal(maze.inputs == WALL, walls) for maze in others)
    assert len({maze.inputs.tobytes() for maze in others}) > 1


def test_an_impossible_length_is_refused_at_once(tmp_path):
    with pytest.raises(UsageError, match="no 5x5 maze"):
        build(MazeRecipe(source="generate", size=5, min_length=500, n=3, test_n=1), tmp_path / "m")
