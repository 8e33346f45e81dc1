"""Paired differences of numbers and of AUCs."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.special import stdtrit

from rrdyn.analysis.ranks import auc, delong
from rrdyn.analysis.shift import FEWEST, area_shift, shift


def rng():
    return np.random.default_rng(0)


def test_a_shift_of_every_puzzle_is_found_whatever_their_spread():
    first = rng().normal(0, 10, 60)
    found = shift(first, first + 0.5 + 0.01 * rng().normal(size=60), rng())
    assert found.mean.low < 0.5 < found.mean.high < 0.51
    assert found.median.value == pytest.approx(0.5, abs=0.01)
    assert found.p < 1e-9
    record = found.record()
    assert record.second == pytest.approx(record.first + 0.5, abs=0.05)


def test_pairs_that_lack_a_number_are_left_out():
    found = shift(np.array([1.0, np.nan, 3.0, 4.0]), np.array([2.0, 2.0, np.inf, 4.0]), rng())
    assert found.n == 2
    assert found.mean.value == 0.5
    empty = shift(np.array([np.nan]), np.array([1.0]), rng())
    assert (empty.n, empty.record().wilcoxon_p, empty.record().first) == (0, None, None)


def test_nothing_that_differs():
    values = np.arange(20.0)
    found = shift(values, values, rng())
    assert (found.mean.value, found.p) == (0.0, 1.0)


def test_with_one_label_the_error_is_delongs():
    label = rng().random(80) < 0.4
    scores = [rng().normal(size=80) + label, np.random.default_rng(1).normal(size=80) + 0.5 * label]
    gap = area_shift((scores[0], label), (scores[1], label)).difference
    value, error = delong(scores, label).difference(1, 0)
    t = stdtrit(min(label.sum(), (~label).sum()) - 1, 0.975)
    assert gap.value == pytest.approx(value)
    assert gap.high - gap.value == pytest.approx(t * error)


def test_two_labels_have_two_areas():
    first, second = rng().normal(size=(2, 100))
    labels = rng().random((2, 100)) < 0.5
    found = area_shift((first, labels[0]), (second, labels[1]))
    areas = auc(first, labels[0]), auc(second, labels[1])
    assert (found.first, found.second) == (pytest.approx(areas[0]), pytest.approx(areas[1]))
    assert found.difference.covers(found.difference.value)


def test_no_interval_where_none_holds():
    score, few = np.arange(40.0), np.arange(40) < FEWEST - 1
    assert "9 in a class" in area_shift((rng().normal(size=40), few), (score, few)).difference.method
    label = np.arange(40) >= 20
    perfect = area_shift((score, label), (rng().normal(size=40), label)).difference
    assert (perfect.low, perfect.method) == (None, "an area next to 0 or 1")
    none = area_shift((score, label), (score, np.ones(40, bool)))
    assert (none.first, none.difference.value) == (None, None)


def test_the_interval_of_an_area_covers():
    """Two labels of one third right, correlated scores, 64 puzzles: at least 92% of 600 draws around no difference."""
    draws, held, told = np.random.default_rng(2), 0, 0
    for _ in range(600):
        common = draws.normal(size=64)
        sides = []
        for _ in range(2):
            label = 0.7 * common + 0.7 * draws.normal(size=64) < -0.4
            sides.append((label + 0.7 * common + 0.7 * draws.normal(size=64), label))
        gap = area_shift(*sides).difference
        told += gap.low is not None
        held += gap.covers(0.0)
    assert told > 550
    assert 0.92 <= held / told <= 0.99
