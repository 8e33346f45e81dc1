from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rrdyn.data.maze.generator import Generator
from rrdyn.data.maze.kind import Maze
from rrdyn.data.maze.recipe import MazeRecipe
from rrdyn.data.maze.solver import FREE, GOAL, PATH, START, WALL, Floods

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


def test_keys_are_equal_for_all_images_and_only_for_them():
    puzzle = Maze(6)
    made = [Generator(6, 6, MazeRecipe(size=6)).make(number) for number in range(6)]
    inputs = np.concatenate([one.inputs for one in made if one])
    keys = puzzle.keys(inputs, inputs)
    assert len(set(keys)) == len(inputs)
    for number in range(8):
        assert puzzle.keys(*puzzle.symmetries.listed(number, inputs, inputs)) == keys


def test_a_maze_with_start_and_goal_exchanged_is_the_same_puzzle():
    puzzle = Maze(4)
    texts = ("S #G    ####    ", "G #S    ####    ", "S # G   ####    ")
    one, exchanged, other = (puzzle.encode(text)[None] for text in texts)
    assert puzzle.keys(one, one) == puzzle.keys(exchanged, exchanged) != puzzle.keys(other, other)
    turned = puzzle.symmetries.listed(3, exchanged)[0]
    assert puzzle.keys(turned, turned) == puzzle.keys(one, one)
    assert puzzle.families(one, one) == puzzle.families(turned, turned) == puzzle.families(other, other)
    older = Maze(4, layouts_apart=False)
    assert older.keys(one, one) != older.keys(exchanged, exchanged)
