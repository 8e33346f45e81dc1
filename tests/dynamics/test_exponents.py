from __future__ import annotations

import math
import warnings

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from rrdyn.artifacts.errors import UsageError
from rrdyn.dynamics.exponents import batch_means, drift_of_estimate, kaplan_yorke_dimension, of_each, running


def test_kaplan_yorke_by_hand():
    assert kaplan_yorke_dimension(np.array([0.9056, 0.0, -14.5723])).value == pytest.approx(2 + 0.9056 / 14.5723)
    assert kaplan_yorke_dimension(np.array([-1.0, -2.0])) == (0.0, True)
    assert kaplan_yorke_dimension(np.array([0.5, 0.2])) == (2.0, False)
    assert kaplan_yorke_dimension(np.array([0.2, -0.8, 0.5])).value == pytest.approx(2 + 0.7 / 0.8)
    assert math.isnan(kaplan_yorke_dimension(np.array([np.nan, -1.0])).value)


@settings(max_examples=50, deadline=None)
@given(hnp.arrays(np.float64, st.integers(1, 8), elements=st.floats(-5, 5)))
def test_kaplan_yorke_lies_between_neighbouring_counts(exponents):
    value, bounded = kaplan_yorke_dimension(exponents)
    ordered = np.sort(exponents)[::-1]
    j = int(value)
    assert 0 <= value <= len(exponents)
    assert ordered[:j].sum() >= -1e-9
    if not bounded:
        assert value == len(exponents)
        assert (np.cumsum(ordered) >= 0).all()


def test_running_ends_at_the_mean():
    series = np.random.default_rng(0).standard_normal((50, 3, 2))
    np.testing.assert_allclose(running(series, 5)[-1], series.mean(0) / 5)
    np.testing.assert_allclose(running(series)[0], series[0])


def test_drift_of_estimate():
    series = np.concatenate([np.zeros((10, 1)), np.ones((10, 1))])
    assert drift_of_estimate(series, 2) == pytest.approx(0.5)


def test_batch_means_cover_a_correlated_series():
    """AR(1) with correlation .7: the naive interval would cover about 60%, this one 95%."""
    random = np.random.default_rng(1)
    T, n = 2000, 800
    noise = random.standard_normal((T, n))
    series = np.zeros((T, n))
    for t in range(1, T):
        series[t] = 0.7 * series[t - 1] + noise[t]
    interval = batch_means(series)
    covered = ((interval.low < 0) & (interval.high > 0)).mean()
    assert 0.925 < covered < 0.97


def test_a_short_series_is_refused():
    with pytest.raises(UsageError, match="too short"):
        batch_means(np.zeros((3, 1)))
    assert batch_means(np.zeros((3, 1)), batches=3).mean == 0


def test_what_a_diagnosis_says_of_its_exponents():
    random = np.random.default_rng(0)
    log_r = random.normal([-3.0, 2.0, -1.0], 0.5, size=(5, 16, 3))  # QR order is not the order of size
    log_r[4, 3, 0] = np.nan
    told = of_each(log_r, 6)
    for row in range(4):
        column = log_r[row][:, [1, 2, 0]]
        interval = batch_means(column, 6)
        np.testing.assert_array_equal(told["lyap_low"][row], interval.low)
        np.testing.assert_array_equal(told["lyap_high"][row], interval.high)
        np.testing.assert_array_equal(told["lyap_drift"][row], drift_of_estimate(column, 6))
        dimension = kaplan_yorke_dimension(log_r[row].mean(0) / 6)
        assert (told["kaplan_yorke"][row], told["kaplan_yorke_bounded"][row]) == (dimension.value, dimension.bounded)
    for value in (np.nan, np.inf, -np.inf):
        log_r[4, 3:5, 0] = value, -value
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            broken = of_each(log_r, 6)
        for key in ("lyap_low", "lyap_high", "lyap_drift", "kaplan_yorke"):
            assert np.isnan(broken[key][4]).all()
            np.testing.assert_array_equal(broken[key][:4], told[key][:4])
        assert not broken["kaplan_yorke_bounded"][4]
    short = of_each(log_r[:, :1], 6)
    assert np.isnan(short["lyap_low"]).all()
    assert np.isnan(short["lyap_drift"]).all()
    assert short["kaplan_yorke"].shape == (5,)
