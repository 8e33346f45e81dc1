from __future__ import annotations

import numpy as np
import pytest
from lifelines import KaplanMeierFitter
from lifelines.statistics import multivariate_logrank_test

from rrdyn.analysis.kaplan_meier import kaplan_meier, log_rank


@pytest.mark.parametrize("seed", range(100))
def test_against_lifelines(seed):
    rng = np.random.default_rng(seed)
    n = int(rng.integers(5, 200))
    time = np.ceil(rng.exponential(10, n)).clip(1, 30)
    event = rng.random(n) < 0.7
    found, wanted = kaplan_meier(time, event), KaplanMeierFitter().fit(time, event)
    np.testing.assert_allclose(found.survival, wanted.survival_function_.to_numpy()[:, 0], atol=1e-10)
    bounds = wanted.confidence_interval_.to_numpy()
    known = (found.survival > 0) & np.isfinite(bounds).all(axis=1)
    np.testing.assert_allclose(found.low[known], bounds[known, 0], atol=1e-8)
    np.testing.assert_allclose(found.high[known], bounds[known, 1], atol=1e-8)
    median = wanted.median_survival_time_
    assert (found.median is None and np.isinf(median)) or found.median == median
    group = rng.integers(0, rng.integers(2, 5), n)
    groups = [(time[group == g], event[group == g]) for g in np.unique(group)]
    test = log_rank(groups)
    if len(groups) > 1 and event.any():
        wanted = multivariate_logrank_test(time, group, event)
        assert test.statistic == pytest.approx(wanted.test_statistic, abs=1e-8)
        assert test.p == pytest.approx(wanted.p_value, abs=1e-8)


def test_without_censoring_it_is_the_share_that_lives():
    time = np.array([1, 2, 2, 5, 9])
    found = kaplan_meier(time, np.ones(5, bool))
    assert found.survival.tolist() == pytest.approx([1, 0.8, 0.4, 0.2, 0])
    assert np.isnan(found.low[-1])


def test_nothing_to_compare():
    one = (np.array([1.0, 2.0]), np.array([False, False]))
    assert log_rank([one]) is None
    assert log_rank([one, one]) is None
    assert log_rank([one, (np.zeros(0), np.zeros(0, bool))]) is None
