from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.sparse import lil_array
from scipy.sparse.csgraph import shortest_path

from rrdyn.data.dihedral import INVERSE, Dihedral, dihedral
from rrdyn.data.maze import FREE, GOAL, PATH, START, WALL, Maze
from rrdyn.data.mazes import Floods, Generator, carve, distances
from rrdyn.data.recipe import MazeRecipe

GOLDEN = Path(__file__).parents[1] / "golden" / "data"

# question, prediction, (path_valid, no_stray, shortest)
CASES = {
    "straight": (["S  G", "    ", "####", "    "], ["SooG", "    ", "####", "    "], (1, 1, 1)),
    "a longer way": (["S  G", "    ", "####", "    "], ["S  G", "oooo", "####", "    "], (1, 1, 0)),
    "two ways at once": (["S  G", "    ", "####", "    "], ["SooG", "oooo", "####", "    "], (1, 1, 0)),
    "an island": (["S  G", "    ", "####", "    "], ["SooG", "    ", "####", " o  "], (1, 0, 0)),
    "a dead end": (["S  G", "    ", "####", "    "], ["SooG", "o   ", "####", "    "], (1, 0, 0)),
    "a gap": (["S  G", "    ", "####", "    "], ["So G", "    ", "####", "    "], (0, 0, 0)),
    "through a wall": (["S# G", "    ", "####", "    "], ["SooG", "    ", "####", "    "], (0, 0, 0)),
    "a wall elsewhere": (["S  G", "    ", "####", "    "], ["SooG", "    ", "o###", "    "], (0, 0, 0)),
    "only corners touch": (["S   ", " G  ", "    ", "    "], ["S   ", " G  ", "    ", "    "], (0, 0, 0)),
    "side by side": (["SG  ", "    ", "    ", "    "], ["SG  ", "    ", "    ", "    "], (1, 1, 1)),
    "ends not repeated": (["S  G", "    ", "####", "    "], ["oooo", "    ", "####", "    "], (1, 1, 1)),
}


@pytest.mark.parametrize("case", CASES)
def test_path_validity(case):
    question, prediction, flags = CASES[case]
    puzzle = Maze(4)
    asked, said = puzzle.encode("".join(question))[None], tokens("".join(prediction))[None]
    found = puzzle.check(asked, said)
    assert [bool(found[name][0]) for name in ("path_valid", "no_stray", "shortest")] == [bool(flag) for flag in flags]


def tokens(text: str) -> np.ndarray:
    return np.array(["?# SGo".index(character) for character in text], dtype=np.uint8)


def test_predictions_of_another_type_or_shape_of_batch():
    puzzle = Maze(4)
    asked = puzzle.encode("S  G    ####    ")
    said = np.stack([tokens("SooG    ####    "), tokens("So G    ####    ")]).astype(np.int64)
    assert puzzle.check(np.stack([asked, asked]), said)["path_valid"].tolist() == [True, False]


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 2**32 - 1))
def test_path_validity_by_search(seed):
    """Against a plain search over marked cells, on random grids with random marks."""
    rng = np.random.default_rng(seed)
    grid = rng.choice([WALL, FREE], size=25, p=[0.2, 0.8]).astype(np.uint8)
    start, goal = rng.choice(25, size=2, replace=False)
    grid[start], grid[goal] = START, GOAL
    said = np.where(rng.random(25) < 0.6, PATH, FREE)
    puzzle = Maze(5)
    marked = (said == PATH) & (grid != START) & (grid != GOAL)
    allowed = marked | (grid == START) | (grid == GOAL)
    reached, stack = {int(start)}, [int(start)]
    while stack:
        for cell in Floods(5, 5).neighbours(stack.pop()):
            if allowed[cell] and cell not in reached:
                reached.add(cell)
                stack.append(cell)
    expected = int(goal) in reached and not (marked & (grid == WALL)).any()
    assert puzzle.check(grid[None], said[None])["path_valid"][0] == expected


def test_dihedral_maps_are_numbered_as_upstream():
    golden = np.load(GOLDEN / "augment_trm.npz")
    square = golden["square"]
    maps = Dihedral(3, 3)
    for number, expected in enumerate(golden["dihedral_square"]):
        np.testing.assert_array_equal(dihedral(square, number), expected)
        np.testing.assert_array_equal(maps.listed(number, square.reshape(1, 9))[0].reshape(3, 3), expected)
        np.testing.assert_array_equal(dihedral(expected, INVERSE[number]), square)


def test_a_random_image_is_one_of_the_listed():
    maps = Dihedral(4, 4)
    grid = np.arange(16, dtype=np.uint8)[None].repeat(64, axis=0)
    (images,) = maps.apply(np.linspace(0, 1, 64, endpoint=False)[:, None], grid)
    for at, image in enumerate(images):
        np.testing.assert_array_equal(image, maps.listed(at // 8, grid[:1])[0][0])


def test_keys_are_equal_for_all_images_and_only_for_them():
    puzzle = Maze(6)
    made = [Generator(puzzle, MazeRecipe(size=6)).make(number) for number in range(6)]
    inputs = np.concatenate([one.inputs for one in made if one])
    keys = puzzle.keys(inputs, inputs)
    assert len(set(keys)) == len(inputs)
    for number in range(8):
        assert puzzle.keys(*puzzle.symmetries.listed(number, inputs, inputs)) == keys


@pytest.mark.parametrize("method", ["carve", "density"])
@pytest.mark.parametrize("unique", [False, True])
def test_labels_are_shortest_paths(method, unique):
    """Steps and the number of shortest paths by scipy's csgraph and powers of the adjacency."""
    puzzle = Maze(12)
    recipe = MazeRecipe(size=12, method=method, unique=unique, loops=0.2, density=0.3)
    maker = Generator(puzzle, recipe)
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


def test_compiled_and_plain_search_agree():
    from rrdyn.data import mazes

    rng = np.random.default_rng(0)
    open_cells = carve(20, 20, 0.1, rng)
    start = int(np.flatnonzero(open_cells)[0])
    fast, far = Floods(20, 20).steps(open_cells, start)
    slow, queue = np.empty(400, dtype=np.int64), np.empty(400, dtype=np.int64)
    assert mazes._flood(open_cells, start, slow, queue) == far
    np.testing.assert_array_equal(fast, slow)


def test_no_way_is_no_distance():
    question = tokens("S##G#### ########"[:16])
    assert distances(question.reshape(1, 4, 4)).tolist() == [-1]
    assert np.isnan(Maze(4).difficulty(question[None], question[None])[0])


@pytest.mark.parametrize(("height", "width"), [(7, 7), (8, 8), (9, 6)])
def test_carved_mazes_are_connected_and_without_loops_a_tree(height, width):
    open_cells = carve(height, width, 0.0, np.random.default_rng(3))
    steps, _ = Floods(height, width).steps(open_cells, int(np.flatnonzero(open_cells)[0]))
    assert (steps[open_cells.ravel()] >= 0).all()
    edges = adjacency(open_cells).nnz / 2
    assert edges == open_cells.sum() - 1
