from __future__ import annotations

import json

import numpy as np
import pytest

from rrdyn.artifacts.errors import Notice
from rrdyn.data.build import build, made_from
from rrdyn.data.collection import Collection, joined
from rrdyn.data.equality import Known, classes, cut_validation
from rrdyn.data.generated_source import generated
from rrdyn.data.maze.kind import Maze
from rrdyn.data.maze.recipe import MazeRecipe
from rrdyn.data.maze.solver import FREE, GOAL, PATH, START
from rrdyn.data.sudoku.kind import Sudoku
from rrdyn.data.sudoku.recipe import SudokuRecipe

TINY = SudokuRecipe(source="generate", size=4, clues=6, n=40, test_n=10, val_groups=4)


def some_mazes(count: int) -> Collection:
    return generated(MazeRecipe(source="generate", size=5, n=count, test_n=1, val_groups=0), Maze).splits.train


def test_validation_shares_no_puzzle_with_training_even_when_rotated():
    puzzle, mazes = Maze(5), some_mazes(30)
    turned = puzzle.symmetries.listed(1, mazes.inputs, mazes.labels)
    twice = Collection(np.concatenate([mazes.inputs, turned[0]]), np.concatenate([mazes.labels, turned[1]]))
    splits = cut_validation(puzzle, twice, mazes.take(np.arange(0)), n=None, val_groups=6, rng=np.random.default_rng(0))
    assert splits.val is not None
    assert len(splits.val) == 6
    kept = set(puzzle.keys(splits.train.inputs, splits.train.labels))
    assert not kept & set(puzzle.keys(splits.val.inputs, splits.val.labels))
    assert len(splits.train) + len(splits.val) < 60


def test_validation_is_at_most_a_tenth_and_training_keeps_its_number():
    puzzle, mazes = Maze(5), some_mazes(30)
    none = mazes.take(np.arange(0))
    splits = cut_validation(puzzle, mazes, none, n=10, val_groups=128, rng=np.random.default_rng(0))
    assert splits.val is not None
    assert (len(splits.train), len(splits.val)) == (10, 3)
    whole = cut_validation(puzzle, mazes, none, n=None, val_groups=0, rng=np.random.default_rng(0))
    assert whole.val is None
    np.testing.assert_array_equal(whole.train.inputs, mazes.inputs)


def test_test_puzzles_in_the_training_file_are_told():
    mazes = some_mazes(12)
    with pytest.warns(Notice, match="3 test puzzles stand in the training split"):
        cut_validation(Maze(5), mazes, mazes.take(np.arange(3)), n=None, val_groups=0, rng=np.random.default_rng(0))


@pytest.mark.parametrize("limit", [1_000_000, 3])
def test_classes_are_those_of_the_keys(limit, monkeypatch):
    """Collection with shuffled and literal copies; above the limit only the literal ones are joined."""
    monkeypatch.setattr("rrdyn.data.equality.COMPARED", limit)
    puzzle, train = Sudoku(4), generated(TINY, Sudoku).splits.train
    moved = puzzle.symmetries.apply(
        np.random.default_rng(0).random((40, puzzle.symmetries.draws)), train.inputs, train.labels
    )
    everything = joined([train, train, Collection(*moved)])
    number = classes(puzzle, everything)
    np.testing.assert_array_equal(number[:40], number[40:80])
    assert len(np.unique(number[:40])) == 40
    if limit > 3:
        np.testing.assert_array_equal(number[:40], number[80:])
    assert len(classes(puzzle, train.take(np.arange(0)))) == 0


def test_known_puzzles_are_told_by_their_keys_where_sketches_agree():
    puzzle, train = Sudoku(4), generated(TINY, Sudoku).splits.train
    known = Known(puzzle)
    assert all(known.add(train.take(np.array([at])), b"the same for all") for at in range(10))
    moved = puzzle.symmetries.apply(
        np.random.default_rng(1).random((40, puzzle.symmetries.draws)), train.inputs, train.labels
    )
    assert not any(known.add(Collection(*moved).take(np.array([at])), b"the same for all") for at in range(10))
    assert known.add(Collection(*moved).take(np.array([10])), b"the same for all")


def test_validation_shares_no_walls_with_training_and_shared_walls_of_the_test_file_are_told():
    """Every maze of the file stands there with its goal moved by a step, too."""
    puzzle, mazes = Maze(5), some_mazes(30)
    moved = mazes.inputs.copy()
    goals = np.argmax(moved == GOAL, axis=1)
    before = [int(np.flatnonzero((label == PATH) | (label == START))[-1]) for label in mazes.labels]
    moved[np.arange(30), goals] = FREE
    moved[np.arange(30), before] = GOAL
    twice = Collection(np.concatenate([mazes.inputs, moved]), np.concatenate([mazes.labels, mazes.labels]))
    rng = np.random.default_rng(0)
    with pytest.warns(Notice, match="test puzzles have the layout of walls of a training puzzle"):
        splits = cut_validation(puzzle, twice, some_mazes(40).take(np.arange(30, 40)), n=None, val_groups=6, rng=rng)
    walls = [set(puzzle.families(one.inputs, one.labels)) for one in (splits.train, splits.val)]
    assert not walls[0] & walls[1]
    assert len(splits.val) == 6


def test_an_older_way_of_splitting_mazes_is_kept_by_its_datasets(tmp_path):
    """A record without `split_by` is one of before there was a choice."""
    recipe = MazeRecipe(source="generate", size=5, method="carve", n=8, test_n=2, val_groups=0, split_by="puzzle")
    path = build(recipe, tmp_path / "m")
    record = json.loads((path / "rrdyn.json").read_text())
    del record["recipe"]["split_by"]
    (path / "rrdyn.json").write_text(json.dumps(record))
    assert made_from(path, recipe)
    assert not made_from(path, recipe.model_copy(update={"split_by": "layout"}))
