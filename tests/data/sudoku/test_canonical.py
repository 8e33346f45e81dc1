from __future__ import annotations

from itertools import product

import numpy as np
from tests.data.sudoku.made_grids import grids

from rrdyn.data.sudoku.canonical import sudoku_keys
from rrdyn.data.sudoku.kind import Sudoku


def test_keys_tell_apart_what_no_symmetry_joins():
    """By brute force over all 128 row and column orders, the transpose and first-come digit names of 4x4."""
    puzzle = Sudoku(4)
    inputs, labels = grids(4, 60, 7)
    keys = sudoku_keys(puzzle.geometry, inputs, labels)
    brute = [min(images(question, answer)) for question, answer in zip(inputs, labels)]
    for one in range(60):
        for other in range(one):
            assert (keys[one] == keys[other]) == (brute[one] == brute[other])


def images(question: np.ndarray, answer: np.ndarray) -> list[tuple[int, ...]]:
    orders = [a + b for pair in (((0, 1), (2, 3)), ((2, 3), (0, 1))) for a in swaps(pair[0]) for b in swaps(pair[1])]
    result = []
    for q, a in ((question.reshape(4, 4), answer.reshape(4, 4)), (question.reshape(4, 4).T, answer.reshape(4, 4).T)):
        for rows, columns in product(orders, orders):
            moved, solved = q[np.ix_(rows, columns)].ravel(), a[np.ix_(rows, columns)].ravel()
            names: dict[int, int] = {}
            named = [names.setdefault(int(digit), len(names) + 1) for digit in solved]
            result.append((*named, *(moved > 1).astype(int).tolist()))
    return result


def swaps(pair: tuple[int, int]) -> list[tuple[int, int]]:
    return [pair, pair[::-1]]
