"""Paired comparisons: counts, McNemar's exact test, the interval of the difference and its coverage."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binom

from rrdyn.analysis.paired import Paired, compare, paired
from rrdyn.artifacts.errors import InputError
from rrdyn.artifacts.npz import Artifact

FATES = ["fixed", "cycle", "slow"]


def counts(both, first, second, neither):
    return Paired(name="right_end", both=both, only_first=first, only_second=second, neither=neither)


def fate_file(idx, right, fate, *, asked=None, digest="d", schema="fate"):
    asked = np.ones(len(idx), int) if asked is None else np.asarray(asked)
    arrays = {"idx": np.asarray(idx), "right_budget": np.asarray(right), "right_end": np.asarray(right)}
    arrays |= {"fate": np.asarray(fate), "asked": asked}
    meta = {"schema": schema, "fates": FATES, "dataset": {"digest": digest, "split": "test"}}
    return Artifact(path=Path("fate.npz"), schema=None, arrays=arrays, meta=meta)


def test_mcnemar_is_the_binomial_of_what_differs():
    assert counts(30, 1, 8, 20).p == pytest.approx(2 * binom.cdf(1, 9, 0.5))
    assert counts(30, 4, 4, 20).p == 1
    assert counts(30, 0, 0, 20).p == 1


def test_newcombe_as_published():
    """Newcombe (1998), table II, method 10: 36, 12, 2, 0 of 50 gives .0569 to .3404 for .2."""
    gap = counts(36, 2, 12, 0).difference
    assert gap.value == pytest.approx(0.2)
    assert (gap.low, gap.high) == (pytest.approx(0.0569, abs=2e-4), pytest.approx(0.3404, abs=2e-4))


@given(st.tuples(*[st.integers(0, 40)] * 4).filter(lambda cells: sum(cells) > 0))
def test_exchanging_the_two_turns_the_sign(cells):
    a, b, c, d = cells
    gap, turned = counts(a, b, c, d).difference, counts(a, c, b, d).difference
    assert gap.value == pytest.approx(-turned.value)
    assert (gap.low, gap.high) == (pytest.approx(-turned.high), pytest.approx(-turned.low))
    assert -1 <= gap.low <= gap.value <= gap.high <= 1
    assert 0 < counts(a, b, c, d).p <= 1


def test_the_interval_covers():
    """128 puzzles, .5 and .6 right, errors shared: at least 92% of 4,000 draws."""
    rng, held = np.random.default_rng(0), 0
    for both, first, second, neither in rng.multinomial(128, (0.45, 0.05, 0.15, 0.35), 4000):
        gap = counts(int(both), int(first), int(second), int(neither)).difference
        held += gap.low <= 0.1 <= gap.high
    assert 0.92 <= held / 4000 <= 0.98


def test_puzzles_are_matched_by_their_number_and_the_unlabelled_left_out():
    first = fate_file([1, 2, 3, 4], [1, 1, 0, 0], [0, 0, 1, 1], asked=[4, 4, 4, 0])
    second = fate_file([4, 3, 2, 9], [1, 1, 1, 1], [2, 1, 0, 0])
    found = compare(first, second)
    assert found.n == 2
    column = found.columns["right_end"]
    assert (column.both, column.only_first, column.only_second, column.neither) == (1, 0, 1, 0)
    assert found.fates == {("fixed", "fixed"): 1, ("cycle", "cycle"): 1}
    assert found.same_fate.value == 1
    assert "1 only by b, 0 only by a" in column.sentence("a", "b")
    assert found.record().columns["right_end"].only_second == 1


@pytest.mark.parametrize("other", [{"digest": "other"}, {"schema": "diag"}])
def test_what_does_not_belong_together_is_refused(other):
    with pytest.raises(InputError, match="are not of one"):
        compare(fate_file([1], [1], [0]), fate_file([1], [1], [0], **other))


def test_no_puzzle_in_common():
    with pytest.raises(InputError, match="no puzzle with a label in common"):
        compare(fate_file([1], [1], [0]), fate_file([2], [1], [0]))


def test_columns():
    column = paired("x", np.array([1, 1, 0, 0]), np.array([1, 0, 1, 0]))
    assert (column.both, column.only_first, column.only_second, column.neither) == (1, 1, 1, 1)
