from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.data.sudoku.made_grids import grids
from tests.data.sudoku.upstream_draws import upstream_draws

from rrdyn.data.sudoku.canonical import sudoku_keys
from rrdyn.data.sudoku.geometry import Geometry
from rrdyn.data.sudoku.kind import Sudoku
from rrdyn.data.sudoku.symmetries import Shuffles

GOLDEN = Path(__file__).parents[2] / "golden" / "data"
FULL = {4: "1234341221434321", 6: "123456456123231564564231312645645312"}


def test_shuffles_equal_upstreams_for_the_same_draws():
    golden = np.load(GOLDEN / "augment_trm.npz")
    shuffles = Shuffles(9, 3, 3)
    np.random.seed(int(golden["np_seed"]))
    for board, solution in zip(golden["shuffled_boards"], golden["shuffled_solutions"]):
        choice = upstream_draws()
        ours = shuffles.shuffle(*choice, golden["board"].reshape(1, 81) + 1, golden["solution"].reshape(1, 81) + 1)
        np.testing.assert_array_equal(ours[0].reshape(9, 9), board + 1)
        np.testing.assert_array_equal(ours[1].reshape(9, 9), solution + 1)


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
    assert sudoku_keys(puzzle.geometry, moved, answers) == KEYS[side]
    assert puzzle.sketch(moved, answers) == puzzle.sketch(inputs, labels)


SAMPLES = {4: grids(4, 3, 6), 6: grids(6, 4, 12), 9: grids(9, 2)}
KEYS = {side: sudoku_keys(Geometry(side), *SAMPLES[side]) for side in SAMPLES}


def test_six_by_six_has_no_transpose():
    """Boxes of two rows by three columns become three by two: the transposed grid is no Sudoku."""
    assert not Sudoku(6).symmetries.square
    full = Sudoku(6).encode(FULL[6]).reshape(6, 6)
    assert not Sudoku(6).check(np.ones((1, 36)), full.T.reshape(1, 36))["valid"][0]
