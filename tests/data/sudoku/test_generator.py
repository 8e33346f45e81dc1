from __future__ import annotations

import numpy as np
import pytest

from rrdyn.data.sudoku.generator import Generator
from rrdyn.data.sudoku.kind import Sudoku
from rrdyn.data.sudoku.solver import Solver, to_digits


@pytest.mark.parametrize(("side", "clues"), [(4, None), (4, 6), (6, None), (6, 10), (9, None), (9, 30)])
def test_generated_puzzles_have_one_solution_and_their_rating(side, clues):
    puzzle = Sudoku(side)
    solver, maker = Solver(puzzle.geometry), Generator(puzzle.geometry, seed=3, clues=clues)
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
    digits = to_digits(Generator(puzzle.geometry, seed=0).make(1).inputs[0])
    for cell in np.flatnonzero(digits):
        fewer = digits.copy()
        fewer[cell] = 0
        assert Solver(puzzle.geometry).search(fewer).solutions == 2


def test_a_puzzle_depends_on_its_seed_and_number_only():
    puzzle = Sudoku(6)
    again = Generator(puzzle.geometry, seed=0).make(7)
    maker = Generator(puzzle.geometry, seed=0)
    for number in (3, 7):
        made = maker.make(number)
    np.testing.assert_array_equal(made.inputs, again.inputs)
    assert (Generator(puzzle.geometry, seed=1).make(7).inputs != again.inputs).any()


def test_climbing_reaches_the_rating_and_keeps_the_puzzle_sound():
    puzzle = Sudoku(9)
    maker = Generator(puzzle.geometry, seed=0, min_rating=3000)
    for number in range(3):
        made = maker.make(number)
        assert made.difficulty[0] >= 3000
        assert Solver(puzzle.geometry).search(to_digits(made.inputs[0])).solutions == 1
