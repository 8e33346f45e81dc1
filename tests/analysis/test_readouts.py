"""The toy over readout times."""

from __future__ import annotations

import numpy as np
import pytest

from rrdyn.analysis.ranks import auc
from rrdyn.analysis.readouts import over_times


def test_mean_and_range_over_seeds_where_there_is_an_auc():
    rng = np.random.default_rng(0)
    success = rng.random((2, 3, 200)) < np.array([0.4, 1.0])[:, None, None]
    ftle = np.where(success, -0.3, 0.1) + rng.normal(size=success.shape)
    found = over_times(np.array([4, 64]), ftle, success)
    by_seed = [auc(-ftle[0, z], success[0, z]) for z in range(3)]
    assert found["AUC"].times.tolist() == [4]  # nobody fails at 64
    assert found["AUC"].mean == pytest.approx([np.mean(by_seed)])
    assert [found["AUC"].low[0], found["AUC"].high[0]] == pytest.approx([min(by_seed), max(by_seed)])
    assert found["success"].mean == pytest.approx(success.mean(axis=(1, 2)))


def test_where_nobody_fails_there_is_no_curve_of_aucs():
    ones = np.ones((1, 2, 5))
    found = over_times(np.array([4]), ones, ones)
    assert found["AUC"].times.size == found["AUC"].mean.size == 0
    assert found["success"].mean.tolist() == [1.0]
