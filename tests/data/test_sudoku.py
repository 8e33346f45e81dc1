from __future__ import annotations

from itertools import product
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rrdyn.artifacts.errors import InputError, UsageError
from rrdyn.data.canonical import sudoku_keys
from rrdyn.data.shuffles import Shuffles
from rrdyn.data.sudoku import Sudoku
from rrdyn.data.sudokus import Generator

GOLDEN = Path(__file__).parents[1] / "golden" / "data"
FULL = {4: "1234341221434321", 6: "123456456123231564564231312645645312"}


def grids(side: int, count: int, clues: int | None = None) -> tuple[np.ndarray, np.ndarray]:
    made = [Generator(Sudoku(side), seed=1, clues=clues).make(number) for number in range(count)]
    return np.concatenate([one.inputs for one in made]), np.concatenate([one.labels for one in made])


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


def test_shuffles_equal_upstreams_for_the_same_draws():
    golden = np.load(GOLDEN / "augment_trm.npz")
    shuffles = Shuffles(9, 3, 3)
    np.random.seed(int(golden["np_seed"]))
    for board, solution in zip(golden["shuffled_boards"], golden["shuffled_solutions"]):
        choice = upstream_draws()
        ours = shuffles.shuffle(*choice, golden["board"].reshape(1, 81) + 1, golden["solution"].reshape(1, 81) + 1)
        np.testing.assert_array_equal(ours[0].reshape(9, 9), board + 1)
        np.testing.assert_array_equal(ours[1].reshape(9, 9), solution + 1)


def upstream_draws() -> tuple[np.ndarray, ...]:
    """One shuffle in the order in which the published builder draws from numpy's global generator."""
    digits = np.random.permutation(np.arange(1, 10)) - 1
    transpose = np.random.rand() < 0.5
    lines = []
    for _ in range(2):
        blocks = np.random.permutation(3)
        lines.append(np.concatenate([block * 3 + np.random.permutation(3) for block in blocks]))
    return np.array([transpose]), digits[None], lines[0][None], lines[1][None]


@pytest.mark.parametrize("side", [4, 6, 9])
def test_the_compiled_loop_equals_the_array_form(side):
    rng = np.random.default_rng(side)
    shuffles = Sudoku(side).symmetries
    count = 20_000 // side**2 + 1
    tokens = rng.integers(0, side + 2, (count, side * side)).astype(np.uint8)
    uniforms = rng.random((count, shuffles.draws))
    by_loop = shuffles.apply(uniforms, tokens, tokens[::-1])
    by_array = shuffles.shuffle(*shuffles.choose(uniforms), tokens, tokens[::-1])
    for one, other in zip(by_loop, by_array):
        np.testing.assert_array_equal(one, other)


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 2**32 - 1), side=st.sampled_from([4, 6, 9]))
def test_a_shuffle_keeps_validity_clues_and_key(seed, side):
    puzzle = Sudoku(side)
    inputs, labels = SAMPLES[side]
    uniforms = np.random.default_rng(seed).random((len(inputs), puzzle.symmetries.draws))
    moved, answers = puzzle.symmetries.apply(uniforms, inputs, labels)
    assert puzzle.check(moved, answers)["valid"].all()
    np.testing.assert_array_equal((moved > 1).sum(axis=1), (inputs > 1).sum(axis=1))
    assert sudoku_keys(puzzle, moved, answers) == KEYS[side]
    assert puzzle.sketch(moved, answers) == puzzle.sketch(inputs, labels)


SAMPLES = {4: grids(4, 3, 6), 6: grids(6, 4, 12), 9: grids(9, 2)}
KEYS = {side: sudoku_keys(Sudoku(side), *SAMPLES[side]) for side in SAMPLES}


def test_six_by_six_has_no_transpose():
    """Boxes of two rows by three columns become three by two: the transposed grid is no Sudoku."""
    assert not Sudoku(6).symmetries.square
    full = Sudoku(6).encode(FULL[6]).reshape(6, 6)
    assert not Sudoku(6).check(np.ones((1, 36)), full.T.reshape(1, 36))["valid"][0]


def test_keys_tell_apart_what_no_symmetry_joins():
    """By brute force over all 128 row and column orders, the transpose and first-come digit names of 4x4."""
    puzzle = Sudoku(4)
    inputs, labels = grids(4, 60, 7)
    keys = sudoku_keys(puzzle, inputs, labels)
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
