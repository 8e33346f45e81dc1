"""Paired yes-or-no columns: counts, McNemar's exact test, the interval of the difference and its coverage."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binom

from rrdyn.analysis.paired import Paired, paired


def counts(both, first, second, neither):
    return Paired(name="right_end", both=both, only_first=first, only_second=second, neither=neither)


def test_mcnemar_is_the_binomial_of_what_differs():
    assert counts(30, 1, 8, 20).p == pytest.approx(2 * binom.cdf(1, 9, 0.5))
    assert counts(30, 4, 4, 20).p == 1
    assert counts(30, 0, 0, 20).p == 1


@pytest.mark.parametrize(
    ("cells", "p"),
    [
        ((30, 1, 8, 20), 0.0390625),
        ((0, 12, 2, 0), 0.012939453125),
        ((50, 0, 6, 8), 0.03125),
        ((101, 121, 59, 33), 4.4344492637551645e-06),
        ((200, 14, 31, 67), 0.016094360031274842),
    ],
)
def test_mcnemar_equals_statsmodels(cells, p):
    """`mcnemar([[both, first], [second, neither]], exact=True)` of statsmodels 0.15.0."""
    assert counts(*cells).p == pytest.approx(p, rel=1e-9)


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


def test_columns():
    column = paired("x", np.array([1, 1, 0, 0]), np.array([1, 0, 1, 0]))
    assert (column.both, column.only_first, column.only_second, column.neither) == (1, 1, 1, 1)
