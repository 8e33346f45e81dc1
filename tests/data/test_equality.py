from __future__ import annotations

import numpy as np
import pytest

from rrdyn.artifacts.errors import Notice
from rrdyn.data.collection import Collection, joined
from rrdyn.data.equality import Known, classes, cut_validation
from rrdyn.data.generated_source import generated
from rrdyn.data.maze.kind import Maze
from rrdyn.data.maze.recipe import MazeRecipe
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
