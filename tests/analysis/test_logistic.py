from __future__ import annotations

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression

from rrdyn.analysis.logistic import Curve, fit_logistic


@pytest.mark.parametrize("seed", range(100))
def test_against_scikit_learn(seed):
    rng = np.random.default_rng(seed)
    n, p = int(rng.integers(30, 300)), int(rng.integers(1, 6))
    x = np.where(rng.random((n, p)) < 0.5, rng.integers(-3, 4, (n, p)), rng.normal(size=(n, p)))
    y = rng.random(n) < 1 / (1 + np.exp(-x[:, 0] - rng.normal()))
    y[:2] = True, False
    ridge = float(rng.choice([0.01, 0.1, 1.0]))
    found = fit_logistic(x, y, ridge=ridge)
    wanted = LogisticRegression(C=1 / ridge, solver="newton-cholesky", tol=1e-12, max_iter=1000).fit(x, y)
    assert found.converged
    np.testing.assert_allclose(found.slopes, wanted.coef_[0], atol=1e-8)
    assert found.intercept == pytest.approx(wanted.intercept_[0], abs=1e-8)
    np.testing.assert_allclose(found.log_odds(x), wanted.decision_function(x), atol=1e-7)


def test_without_ridge_the_score_equations_hold():
    rng = np.random.default_rng(1)
    x = rng.normal(size=(500, 3))
    y = rng.random(500) < 1 / (1 + np.exp(-x @ [1.0, -0.5, 0.0] + 0.3))
    found = fit_logistic(x, y)
    left = y - 1 / (1 + np.exp(-found.log_odds(x)))
    assert abs(left.sum()) < 1e-8
    np.testing.assert_allclose(x.T @ left, 0, atol=1e-7)


def test_separated_and_repeated_columns():
    x = np.arange(20.0)[:, None] - 9.5
    y = x[:, 0] > 0
    assert np.isfinite(fit_logistic(x, y, ridge=0.01).slopes).all()
    assert np.isfinite(fit_logistic(x, y).log_odds(x)).all()
    twice = fit_logistic(np.column_stack([x, x]), y, ridge=0.01)
    assert twice.slopes[0] == pytest.approx(twice.slopes[1])


def test_a_curve_is_smooth_and_straight_beyond_its_knots():
    values = np.random.default_rng(0).normal(size=400)
    curve = Curve.through(values)
    assert curve.columns(values).shape == (400, 3)
    far = np.linspace(5, 9, 50) * curve.scale
    for ends in (far, -far):
        np.testing.assert_allclose(np.diff(curve.columns(ends), n=2, axis=0), 0, atol=1e-9)
    grid = np.linspace(-3, 3, 6001)
    # three times a step apart, a jump in the second derivative would stand out
    third = np.abs(np.diff(curve.columns(grid), n=2, axis=0))
    assert np.abs(np.diff(third, axis=0)).max() < 1e-7
    assert Curve.through(np.repeat([0.0, 1.0], 20)).columns(values).shape == (400, 1)
    assert Curve.through(np.zeros(9)).columns(np.zeros(3)).shape == (3, 1)
