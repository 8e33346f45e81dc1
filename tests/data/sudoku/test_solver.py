from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pytest

from rrdyn.data.sudoku.generator import Generator
from rrdyn.data.sudoku.geometry import Geometry
from rrdyn.data.sudoku.kind import Sudoku
from rrdyn.data.sudoku.solver import PLAIN_SIDE, Solver, rate, solve, to_digits, to_tokens

HARD = Path(__file__).parents[4] / "shared" / "data" / "sudoku-hard" / "test.csv"


def plain_search(puzzle: Sudoku, digits: list[int]) -> tuple[int, int]:
    """The rating as its definition reads, by recursion: (solutions, nodes without the root)."""

    def candidates(cell: int) -> list[int]:
        seen = {digits[other] for unit in puzzle.geometry.units if cell in unit for other in unit}
        return [digit for digit in range(1, puzzle.side + 1) if digit not in seen]

    best, choices = None, None
    for cell in range(len(digits)):
        if digits[cell] == 0:
            here = candidates(cell)
            if choices is None or len(here) < len(choices):
                best, choices = cell, here
                if len(here) <= 1:
                    break
    if best is None:
        return 1, 0
    solutions, nodes = 0, 0
    for digit in choices or []:
        digits[best] = digit
        below = plain_search(puzzle, digits)
        solutions, nodes = solutions + below[0], nodes + 1 + below[1]
    digits[best] = 0
    return solutions, nodes


@pytest.mark.parametrize(("side", "clues"), [(4, 4), (6, 14), (9, 36)])
def test_rating_and_count_equal_a_plain_recursion(side, clues):
    """Also with several solutions: clues are taken off at random from a full grid."""
    puzzle = Sudoku(side)
    solver = Solver(puzzle.geometry)
    rng = np.random.default_rng(side)
    for _ in range(4):
        digits = solver.search(np.zeros(side * side), wanted=1).answer
        digits[rng.permutation(side * side)[clues:]] = 0
        found = solver.search(digits, wanted=10**9)
        assert (found.solutions, found.nodes) == plain_search(puzzle, digits.tolist())


def test_four_by_four_has_288_grids_and_six_by_six_has_28_200_960():
    """With the first row fixed there are 720 times fewer of 6x6: its digits can be renamed in 720 ways."""
    assert Solver(Geometry(4)).search(np.zeros(16), wanted=10**9).solutions == 288
    first_row = np.concatenate([np.arange(1, 7), np.zeros(30)])
    assert Solver(Geometry(6)).search(first_row, wanted=10**9).solutions == 28_200_960 // 720


@pytest.mark.parametrize("side", [4, 6])
def test_every_cell_of_a_unique_puzzle_is_forced(side):
    puzzle = Sudoku(side)
    solver = Solver(puzzle.geometry)
    made = Generator(puzzle.geometry, seed=0).make(0)
    digits, answer = to_digits(made.inputs[0]), to_digits(made.labels[0])
    assert solver.search(digits).solutions == 1
    for cell, digit in enumerate(answer):
        assert solver.search(digits, wanted=1, barred=(cell, int(digit))).solutions == int(digits[cell] > 0)


def test_solutions_are_counted_up_to_two():
    puzzle = Sudoku(4)
    one = Generator(puzzle.geometry, seed=0, clues=6).make(0).inputs
    none, many = np.ones_like(one), np.ones_like(one)
    none[0, :2] = 2  # the same digit twice in a row
    answers, counts = solve(puzzle.geometry, np.concatenate([one, none, many]))
    assert counts.tolist() == [1, 0, 2]
    assert puzzle.check(one, answers[:1])["valid"][0]
    assert (answers[1] == 0).all()


def test_a_node_limit_stops_the_search():
    found = Solver(Geometry(9)).search(np.zeros(81), wanted=10**9, node_limit=500)
    assert found.nodes == 500


def test_the_plain_and_the_compiled_search_are_one_function():
    from rrdyn.data.sudoku import solver

    assert PLAIN_SIDE < 6
    assert Solver(Geometry(4))._run is solver._search
    assert Solver(Geometry(6))._run.py_func is solver._search


@pytest.mark.skipif(not HARD.is_file(), reason="the hard Sudoku lists are not beside the repository")
def test_published_ratings_are_met_exactly():
    puzzle, rows = Sudoku(9), hard_rows()[::400]
    ratings = rate(puzzle.geometry, np.stack([puzzle.encode(row["question"]) for row in rows]))
    assert ratings.tolist() == [int(row["rating"]) for row in rows]


@pytest.mark.slow
@pytest.mark.skipif(not HARD.is_file(), reason="the hard Sudoku lists are not beside the repository")
def test_the_hard_list_is_solved_whole():
    puzzle, rows = Sudoku(9), hard_rows()
    answers, counts = solve(puzzle.geometry, np.stack([puzzle.encode(row["question"]) for row in rows]))
    assert (counts == 1).all()
    assert [puzzle.decode(answer) for answer in answers] == [row["answer"] for row in rows]
    sample = rows[::8][:500]
    ratings = rate(puzzle.geometry, np.stack([puzzle.encode(row["question"]) for row in sample]))
    assert ratings.tolist() == [int(row["rating"]) for row in sample]


def hard_rows() -> list[dict[str, str]]:
    with open(HARD, newline="") as stream:
        return list(csv.DictReader(stream))


def test_tokens_and_digits():
    assert to_digits(np.array([0, 1, 2, 10], dtype=np.uint8)).tolist() == [0, 0, 1, 9]
    assert to_tokens(np.array([0, 1, 9])).tolist() == [1, 2, 10]
