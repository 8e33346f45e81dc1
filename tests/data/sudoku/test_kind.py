from __future__ import annotations

from itertools import product

import numpy as np
import pytest

from rrdyn.artifacts.errors import InputError, UsageError
from rrdyn.data.sudoku.kind import Sudoku

FULL = {4: "1234341221434321", 6: "123456456123231564564231312645645312"}


def test_tokens_are_those_of_the_published_sets():
    puzzle = Sudoku(9)
    assert puzzle.vocab_size == 11
    tokens = puzzle.encode("." * 40 + "0" * 32 + "123456789")
    assert tokens.tolist() == [1] * 72 + list(range(2, 11))
    assert puzzle.decode(tokens) == "." * 72 + "123456789"


@pytest.mark.parametrize("side", [4, 6])
def test_a_full_grid_is_valid_until_a_cell_changes(side):
    puzzle = Sudoku(side)
    full = puzzle.encode(FULL[side])[None]
    blank = np.ones_like(full)
    assert puzzle.check(blank, full) == {"valid": [True], "givens_kept": [True]}
    for cell, digit in product(range(side * side), range(side + 3)):
        changed = full.copy()
        changed[0, cell] = digit
        assert puzzle.check(blank, changed)["valid"][0] == (digit == full[0, cell])


def test_a_valid_grid_that_changes_a_given_is_no_answer():
    puzzle = Sudoku(4)
    full = puzzle.encode(FULL[4])[None]
    question = np.ones_like(full)
    question[0, 0] = 3
    flags = puzzle.check(question, full)
    assert not flags["valid"][0]
    assert not flags["givens_kept"][0]
    assert puzzle.contradicts(question, full)[0]


def test_drawing_separates_the_boxes():
    assert Sudoku(4).draw(Sudoku(4).encode("12.4" + FULL[4][4:])) == (
        " 1 2 | . 4 \n 3 4 | 1 2 \n-----+-----\n 2 1 | 4 3 \n 4 3 | 2 1 "
    )


def test_refusals():
    with pytest.raises(UsageError, match="no Sudoku of this size"):
        Sudoku(5)
    with pytest.raises(InputError, match="unknown character") as raised:
        Sudoku(4).encode("12x4" + FULL[4][4:])
    assert "'x' in row 1, column 3" in str(raised.value)
    with pytest.raises(InputError, match="wrong length"):
        Sudoku(4).encode("1234")
