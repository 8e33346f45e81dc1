from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import ks_2samp, mannwhitneyu

from rrdyn.analysis.significance import auc_difference, family, holm, kolmogorov_smirnov, mann_whitney


@pytest.mark.parametrize("seed", range(100))
def test_against_scipy(seed):
    rng = np.random.default_rng(seed)
    first = rng.integers(0, 15, rng.integers(5, 200)).astype(float)
    second = np.round(rng.normal(7, 4, rng.integers(5, 200)))
    found, wanted = kolmogorov_smirnov("x", first, second), ks_2samp(first, second, method="asymp")
    assert found.statistic == pytest.approx(wanted.statistic, abs=1e-12)
    assert found.p == pytest.approx(wanted.pvalue, abs=1e-8)
    found, wanted = mann_whitney("x", first, second), mannwhitneyu(first, second, method="asymptotic")
    assert found.statistic == pytest.approx(wanted.statistic / (len(first) * len(second)), abs=1e-12)
    assert found.p == pytest.approx(wanted.pvalue, abs=1e-8)


def test_holm_by_hand():
    # sorted .01 x4, .02 x3, .03 x2, .2 x1, never falling
    assert holm([0.03, 0.01, None, 0.2, 0.02]) == pytest.approx([0.06, 0.04, None, 0.2, 0.06])
    assert holm([]) == []


def test_tests_that_cannot_be_made():
    none, some = np.zeros(0), np.arange(5.0)
    rows = family([kolmogorov_smirnov("a", none, some), mann_whitney("b", some, none), mann_whitney("c", some, some)])
    assert [row.p for row in rows] == [None, None, 1.0]
    assert mann_whitney("ties", np.ones(4), np.ones(5)).p == 1.0


def test_the_difference_of_a_score_with_itself_is_nothing():
    rng = np.random.default_rng(0)
    label = rng.random(60) < 0.5
    score = rng.normal(size=60) + label
    assert auc_difference("same", score, 2 * score, label).p == 1.0
    assert auc_difference("better", score + 3 * label, score, label).p < 0.01
