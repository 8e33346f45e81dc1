"""Curves over training steps: the average, the mean over runs, the onset."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rrdyn.analysis.curves import ema, mean_over, onset


@settings(deadline=None)
@given(st.lists(st.one_of(st.just(math.nan), st.floats(-10, 10)), max_size=60), st.integers(1, 9))
def test_ema_is_the_seed_recursion_and_holds_over_gaps(values, span):
    weight, previous, expected = 2.0 / (span + 1), math.nan, []
    for value in values:
        if not math.isnan(value):
            previous = value if math.isnan(previous) else weight * value + (1 - weight) * previous
        expected.append(previous)
    assert ema(np.array(values, dtype=float), span) == pytest.approx(np.array(expected), abs=1e-9, nan_ok=True)


def test_mean_over_different_log_intervals_falls_back_to_the_common_span():
    steps, mean = mean_over(
        [np.array([0, 10, 20]), np.array([5, 15, 25])], [np.array([0.0, 10, 20]), np.array([5.0, 15, 25])]
    )
    assert steps.tolist() == [5, 10, 15, 20]
    assert mean == pytest.approx(steps)


def test_the_mean_over_shared_steps_leaves_out_what_a_run_lacks():
    steps, mean = mean_over(
        [np.array([1, 2, 3]), np.array([2, 3, 4])], [np.array([9.0, 1, 3]), np.array([3.0, np.nan, 9])]
    )
    assert steps.tolist() == [2, 3]
    assert mean.tolist() == [2.0, 3.0]


def test_onset_is_the_first_step_above_the_level():
    values = np.array([np.nan, 0.0, 0.0, 0.2, 0.1])
    assert onset(np.array([1, 2, 5, 8, 9]), values, 0.0) == 8
    assert onset(np.array([1, 2, 5, 8, 9]), values, 0.5) is None
