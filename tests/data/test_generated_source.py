from __future__ import annotations

import numpy as np
import pytest

from rrdyn.artifacts.errors import RrdynError
from rrdyn.data.collection import Collection
from rrdyn.data.generated_source import generated
from rrdyn.data.maze.kind import Maze
from rrdyn.data.maze.recipe import MazeRecipe
from rrdyn.data.maze.solver import WALL
from rrdyn.data.sudoku.kind import Sudoku
from rrdyn.data.sudoku.recipe import SudokuRecipe


@pytest.mark.parametrize("workers", [1, 3])
def test_any_number_of_workers_makes_the_same_puzzles(workers):
    recipe = SudokuRecipe(source="generate", size=6, n=30, test_n=10, val_groups=5, clues=10)
    one = generated(recipe, Sudoku).splits
    other = generated(recipe.model_copy(update={"workers": workers}), Sudoku).splits
    for (_, a), (_, b) in zip(one.items(), other.items()):
        np.testing.assert_array_equal(a.inputs, b.inputs)


def test_splits_share_no_puzzle_up_to_symmetry_and_more_training_leaves_the_test_split():
    recipe = SudokuRecipe(source="generate", size=4, clues=6, n=60, test_n=30, val_groups=10)
    small, puzzle = generated(recipe, Sudoku).splits, Sudoku(4)
    keys = [key for _, puzzles in small.items() for key in puzzle.keys(puzzles.inputs, puzzles.labels)]
    assert len(keys) == len(set(keys)) == 100
    large = generated(recipe.model_copy(update={"n": 80}), Sudoku).splits
    np.testing.assert_array_equal(small.test.inputs, large.test.inputs)
    np.testing.assert_array_equal(small.train.inputs, large.train.inputs[:60])


def test_a_kind_that_is_used_up_says_how_many_there_were(monkeypatch):
    monkeypatch.setattr("rrdyn.data.generated_source.FRUITLESS", 60)
    with pytest.raises(RrdynError, match="no more new puzzles") as raised:
        generated(SudokuRecipe(source="generate", size=4, clues=4, n=500, test_n=1, val_groups=0), Sudoku)
    assert "that differ; 501 are wanted" in str(raised.value)


def test_what_no_puzzle_can_be_is_given_up(monkeypatch):
    """No 4x4 Sudoku takes ten thousand nodes."""
    monkeypatch.setattr("rrdyn.data.generated_source.EMPTY", 3)
    monkeypatch.setattr("rrdyn.data.sudoku.generator.PATIENCE", 2)
    monkeypatch.setattr("rrdyn.data.sudoku.generator.CLIMBS", 2)
    with pytest.raises(RrdynError, match="no more new puzzles"):
        generated(SudokuRecipe(source="generate", size=4, min_rating=10_000, n=1, test_n=1, val_groups=0), Sudoku)


def least_images(grids: np.ndarray) -> list[bytes]:
    """By numpy's own rotations, of grids (N, 7, 7)."""
    turned = [[np.rot90(side, k).tobytes() for side in (grid, grid.T) for k in range(4)] for grid in grids]
    return [min(images) for images in turned]


def layouts_and_puzzles(puzzles: Collection) -> tuple[set[bytes], set[bytes], set[bytes]]:
    """Least images of the walls, of the questions, and of the questions with start and goal exchanged."""
    grids = puzzles.inputs.reshape(-1, 7, 7)
    exchanged = np.choose(grids, [0, 1, 2, 4, 3, 5]).astype(np.uint8)
    return set(least_images(grids == WALL)), set(least_images(grids)), set(least_images(exchanged))


@pytest.mark.parametrize("loops", [0.0, 0.05])
def test_no_maze_of_training_has_the_walls_of_a_test_maze(loops):
    recipe = MazeRecipe(source="generate", size=7, loops=loops, n=120, test_n=60, val_groups=20)
    splits = generated(recipe, Maze).splits
    (layouts, puzzles, exchanged) = zip(*(layouts_and_puzzles(one) for _, one in splits.items()))
    assert [len(splits.train), len(splits.val), len(splits.test)] == [120, 20, 60]
    assert not layouts[0] & layouts[1]
    assert not layouts[0] & layouts[2]
    assert not layouts[1] & layouts[2]
    assert sum(map(len, puzzles)) == len(set().union(*puzzles)) == 200
    assert not [at for at, one in enumerate(exchanged) if one & set().union(*puzzles) - puzzles[at]]
    larger = generated(recipe.model_copy(update={"n": 130}), Maze).splits
    np.testing.assert_array_equal(splits.test.inputs, larger.test.inputs)
    np.testing.assert_array_equal(splits.train.inputs, larger.train.inputs[:120])


def test_mazes_of_the_older_recipe_share_their_walls():
    recipe = MazeRecipe(source="generate", size=7, loops=0.0, n=100, test_n=50, val_groups=0, method="carve")
    splits = generated(recipe.model_copy(update={"split_by": "puzzle"}), Maze).splits
    layouts = [layouts_and_puzzles(one)[0] for one in (splits.train, splits.test)]
    assert layouts[0] & layouts[1]


def test_walls_that_are_used_up_by_the_test_split_are_told(monkeypatch):
    """Few trees are grown depth first on 3 x 3 cells."""
    monkeypatch.setattr("rrdyn.data.generated_source.FRUITLESS", 200)
    recipe = MazeRecipe(source="generate", size=5, loops=0.0, n=100, test_n=60, val_groups=0, method="carve")
    with pytest.raises(RrdynError, match="no more new puzzles") as raised:
        generated(recipe, Maze)
    assert "no layout of walls in two splits" in str(raised.value)
    assert "--method" in str(raised.value)


def test_small_sudoku_say_that_their_solutions_are_images_of_each_other(capsys):
    """Of 4x4 there are two solution grids up to symmetry."""
    recipe = SudokuRecipe(source="generate", size=4, clues=6, n=40, test_n=20, val_groups=0)
    splits = generated(recipe, Sudoku).splits
    assert "the solution grid of 20 of 20 test puzzles is that of a training puzzle, up to symmetry (2 different" in (
        capsys.readouterr().err
    )
    assert len(set(Sudoku(4).families(splits.train.inputs, splits.train.labels))) == 2
    assert Sudoku(9).families(np.ones((1, 81), np.uint8), np.ones((1, 81), np.uint8)) is None
