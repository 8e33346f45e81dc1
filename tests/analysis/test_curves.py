"""Curves over training steps: nothing filled in, smoothing of long ones only, the mean over runs, the onset."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rrdyn.analysis.curves import SMOOTHED_ABOVE, Curve, curve, ema, mean_over, onset


@settings(deadline=None)
@given(st.lists(st.floats(-10, 10), max_size=60), st.integers(1, 9))
def test_ema_is_its_recursion(values, span):
    weight, expected = 2.0 / (span + 1), []
    for value in values:
        expected.append(weight * value + (1 - weight) * expected[-1] if expected else value)
    assert ema(np.array(values, dtype=float), span) == pytest.approx(np.array(expected), abs=1e-9)


def test_a_short_curve_is_what_was_logged_and_nothing_between():
    values = np.full(600, np.nan)
    values[[199, 399, 599]] = 0.0, 0.055, 0.484
    found = curve(np.arange(1, 601), values, 5)
    assert found.steps.tolist() == [200, 400, 600]
    assert found.shown.tolist() == [0.0, 0.055, 0.484]
    assert found.smooth is None
    assert curve(np.arange(600), np.full(600, np.nan), 5) is None


def test_a_long_curve_keeps_what_was_logged_beside_its_average():
    steps, values = np.arange(SMOOTHED_ABOVE + 1), np.random.default_rng(0).normal(size=SMOOTHED_ABOVE + 1)
    found = curve(steps, values, 5)
    assert np.array_equal(found.values, values)
    assert np.array_equal(found.shown, ema(values, 5))
    assert curve(steps[:-1], values[:-1], 5).smooth is None
    assert curve(steps, values, 1).smooth is None


def test_the_mean_is_over_shared_steps():
    mean = mean_over([Curve(np.array([1, 2, 3]), np.array([9.0, 1, 3])), Curve(np.array([2, 3]), np.array([3.0, 4]))])
    assert mean.steps.tolist() == [2, 3]
    assert mean.shown.tolist() == [2.0, 3.5]


def test_the_mean_over_different_log_intervals_is_over_what_they_span_together():
    logged = [np.array([0, 10, 20]), np.array([5, 15, 25])]
    mean = mean_over([Curve(steps, steps.astype(float)) for steps in logged])
    assert mean.steps.tolist() == [5, 10, 15, 20]
    assert mean.values == pytest.approx(mean.steps)


def test_the_mean_of_smoothed_curves_keeps_both():
    steps = np.arange(30)
    two = [curve(steps, np.random.default_rng(seed).normal(size=30), 5) for seed in (0, 1)]
    mean = mean_over(two)
    assert mean.values == pytest.approx((two[0].values + two[1].values) / 2)
    assert mean.smooth == pytest.approx((two[0].smooth + two[1].smooth) / 2)


def test_onset_is_the_first_step_above_the_level_of_a_curve_that_starts_below():
    found = Curve(np.array([2, 5, 8, 9]), np.array([0.0, 0.0, 0.2, 0.1]))
    assert onset(found, 0.0) == 8
    assert onset(found, 0.5) is None
    assert onset(Curve(found.steps, found.values + 0.5), 0.0) is None  # a run that goes on from a trained model
