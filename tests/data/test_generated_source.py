from __future__ import annotations

import numpy as np
import pytest

from rrdyn.artifacts.errors import RrdynError
from rrdyn.data.generated_source import generated
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
    assert "that differ, 501 are wanted" in str(raised.value)


def test_what_no_puzzle_can_be_is_given_up(monkeypatch):
    """No 4x4 Sudoku takes ten thousand nodes."""
    monkeypatch.setattr("rrdyn.data.generated_source.EMPTY", 3)
    monkeypatch.setattr("rrdyn.data.sudoku.generator.PATIENCE", 2)
    monkeypatch.setattr("rrdyn.data.sudoku.generator.CLIMBS", 2)
    with pytest.raises(RrdynError, match="no more new puzzles"):
        generated(SudokuRecipe(source="generate", size=4, min_rating=10_000, n=1, test_n=1, val_groups=0), Sudoku)
