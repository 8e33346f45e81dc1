from __future__ import annotations

import numpy as np
import pytest

from rrdyn.artifacts.errors import RrdynError
from rrdyn.data.recipe import SudokuRecipe
from rrdyn.data.solver import Solver, to_digits
from rrdyn.data.sources import generated
from rrdyn.data.sudoku import Sudoku
from rrdyn.data.sudokus import Generator


@pytest.mark.parametrize(("side", "clues"), [(4, None), (4, 6), (6, None), (6, 10), (9, None), (9, 30)])
def test_generated_puzzles_have_one_solution_and_their_rating(side, clues):
    puzzle = Sudoku(side)
    solver, maker = Solver(puzzle), Generator(puzzle, seed=3, clues=clues)
    for number in range(5):
        made = maker.make(number)
        digits = to_digits(made.inputs[0])
        found = solver.search(digits)
        assert found.solutions == 1
        np.testing.assert_array_equal(found.answer, to_digits(made.labels[0]))
        assert not puzzle.contradicts(made.inputs, made.labels)[0]
        assert made.difficulty[0] == solver.rating(digits)
        if clues:
            assert np.count_nonzero(digits) >= clues


@pytest.mark.parametrize("side", [4, 6, 9])
def test_no_clue_of_a_minimal_puzzle_can_be_spared(side):
    puzzle = Sudoku(side)
    digits = to_digits(Generator(puzzle, seed=0).make(1).inputs[0])
    for cell in np.flatnonzero(digits):
        fewer = digits.copy()
        fewer[cell] = 0
        assert Solver(puzzle).search(fewer).solutions == 2


def test_a_puzzle_depends_on_its_seed_and_number_only():
    puzzle = Sudoku(6)
    again = Generator(puzzle, seed=0).make(7)
    maker = Generator(puzzle, seed=0)
    for number in (3, 7):
        made = maker.make(number)
    np.testing.assert_array_equal(made.inputs, again.inputs)
    assert (Generator(puzzle, seed=1).make(7).inputs != again.inputs).any()


def test_climbing_reaches_the_rating_and_keeps_the_puzzle_sound():
    puzzle = Sudoku(9)
    maker = Generator(puzzle, seed=0, min_rating=3000)
    for number in range(3):
        made = maker.make(number)
        assert made.difficulty[0] >= 3000
        assert Solver(puzzle).search(to_digits(made.inputs[0])).solutions == 1


@pytest.mark.parametrize("workers", [1, 3])
def test_any_number_of_workers_makes_the_same_puzzles(workers):
    recipe = SudokuRecipe(source="generate", size=6, n=30, test_n=10, val_groups=5, clues=10)
    one = generated(recipe).splits
    other = generated(recipe.model_copy(update={"workers": workers})).splits
    for (_, a), (_, b) in zip(one.items(), other.items()):
        np.testing.assert_array_equal(a.inputs, b.inputs)


def test_splits_share_no_puzzle_up_to_symmetry_and_more_training_leaves_the_test_split():
    recipe = SudokuRecipe(source="generate", size=4, clues=6, n=60, test_n=30, val_groups=10)
    small, puzzle = generated(recipe).splits, Sudoku(4)
    keys = [key for _, puzzles in small.items() for key in puzzle.keys(puzzles.inputs, puzzles.labels)]
    assert len(keys) == len(set(keys)) == 100
    large = generated(recipe.model_copy(update={"n": 80})).splits
    np.testing.assert_array_equal(small.test.inputs, large.test.inputs)
    np.testing.assert_array_equal(small.train.inputs, large.train.inputs[:60])


def test_a_kind_that_is_used_up_says_how_many_there_were(monkeypatch):
    monkeypatch.setattr("rrdyn.data.sources.FRUITLESS", 60)
    with pytest.raises(RrdynError, match="no more new puzzles") as raised:
        generated(SudokuRecipe(source="generate", size=4, clues=4, n=500, test_n=1, val_groups=0))
    assert "that differ, 501 are wanted" in str(raised.value)
