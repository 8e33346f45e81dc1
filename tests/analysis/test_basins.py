from __future__ import annotations

import numpy as np
import pytest

from rrdyn.analysis.basins import basins, share_of
from rrdyn.artifacts.rates import wilson

NAMES = ["fixed", "cycle", "chaotic"]


def test_shares_of_restarts_by_the_fate_of_the_clean_trajectory():
    arrays = {
        "fate": np.array([0, 0, 1]), "restart_fate": np.array([[0, 0], [0, 1], [1, 2]]),
        "restart_right_end": np.array([[1, 1], [1, 0], [0, 0]]), "asked": np.array([9, 9, 9]),
    }  # fmt: skip
    fixed, cycle = basins(arrays, NAMES).rows
    assert {name: share.value for name, share in fixed.shares.items()} == {"fixed": 0.75, "cycle": 0.25}
    assert fixed.right.value == 0.75
    assert {name: share.value for name, share in cycle.shares.items()} == {"cycle": 0.5, "chaotic": 0.5}
    assert "fixed" in basins(arrays, NAMES).told("simple")
    assert basins({"fate": np.array([0])}, NAMES) is None


def test_restarts_that_go_one_way_count_once_a_puzzle():
    flags = np.repeat([[True], [False], [True], [True]], 50, axis=1)
    share = share_of(flags)
    assert share.n == 4
    assert (share.low, share.high) == pytest.approx(wilson(0.75, 4))


def test_independent_restarts_count_all():
    flags = np.random.default_rng(0).random((200, 20)) < 0.3
    assert share_of(flags).n > 3000


def test_coverage_with_puzzles_of_different_basins():
    """60 puzzles of 8 restarts, each with its own chance: at least 90% of 2,000 draws hold the mean .6."""
    rng, held = np.random.default_rng(0), 0
    for _ in range(2000):
        chance = rng.beta(1.2, 0.8, 60)
        share = share_of(rng.random((60, 8)) < chance[:, None])
        held += share.low <= 0.6 <= share.high
    assert 0.92 <= held / 2000 <= 0.98
