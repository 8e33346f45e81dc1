"""What a command says when it has written its file, by counting."""

from __future__ import annotations

import numpy as np
import pytest

from rrdyn.analysis import overview


def test_of_a_diagnosis():
    arrays = {
        "exact_correct": np.array([1, 1, 0, 0]),
        "asked": np.array([3, 3, 3, 0]),
        "drift_zH": np.array([[9.0, 1, 1, 1, 1], [9, 3, 3, 3, 3], [9, 8, 8, 8, 8], [9, 5, 5, 5, 5]]),
        "lyap_spec": np.array([[-0.5], [-0.1], [np.nan], [0.7]]),
    }
    found = overview.of_diagnosis(arrays)
    assert (found.n, found.unlabelled, found.accuracy) == (3, 1, pytest.approx(2 / 3))
    assert found.lambda_1.success == pytest.approx(-0.3)
    assert found.lambda_1.failure is None  # the only failure has no finite exponent
    assert (found.late_drift.success, found.late_drift.failure) == (2.0, 8.0)


def test_of_a_rollout():
    exact = np.array([[0, 0, 1], [0, 1, 0], [1, 1, 1], [0, 0, 0]], bool)
    found = overview.of_rollout({"exact": exact}, budget=2)
    assert (found.accuracy_at_budget, found.accuracy_at_end, found.failures_at_budget) == (0.5, 0.5, 2)
    assert (found.right_at_end_of_failures, found.ever_right_of_failures) == (0.5, 0.5)
    assert overview.of_rollout({"exact": exact[:0]}, budget=2).accuracy_at_end is None


def test_of_the_toy():
    ftle, success = np.array([[[0.1, 0.2, 0.9]]]), np.array([[[True, True, False]]])
    (row,) = overview.of_toy([4], ftle, success)
    assert (row.T, row.success, row.auc, row.failures) == (4, pytest.approx(2 / 3), 1.0, 1)
    assert (row.ftle_success, row.ftle_failure) == (pytest.approx(0.15), 0.9)
