"""Logistic regression by Newton's method, and the curves that let it follow what is not a straight line."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.linalg import cho_factor, cho_solve
from scipy.special import expit, log_expit


@dataclass(frozen=True, kw_only=True)
class Fit:
    """A fitted model: log-odds = intercept + x . slopes."""

    intercept: float
    slopes: np.ndarray  # (P,)
    log_likelihood: float
    converged: bool

    def log_odds(self, x: np.ndarray) -> np.ndarray:
        """(N,) for x (N, P)."""
        return np.asarray(self.intercept + x @ self.slopes)


def fit_logistic(x: np.ndarray, y: np.ndarray, *, ridge: float = 0.0, tolerance: float = 1e-10) -> Fit:
    """Minimise -log likelihood + ridge / 2 |slopes|^2 (the intercept is free), x (N, P), y (N,) bool.

    Newton steps, halved while they do not lower the objective. With `ridge` > 0 the minimum is finite even where the
    classes are separated; without, such data end with `converged` False.
    """
    y = np.asarray(y).astype(float)
    design = np.column_stack([np.ones(len(y)), x])
    penalty = np.full(design.shape[1], ridge)
    penalty[0] = 0.0
    weights = np.zeros(design.shape[1])
    share = min(max(y.mean(), 1e-6), 1 - 1e-6)
    weights[0] = np.log(share / (1 - share))

    def objective(w: np.ndarray) -> float:
        odds = design @ w
        return float(-(log_expit(odds) - (1 - y) * odds).sum() + 0.5 * (penalty * w * w).sum())

    value, converged = objective(weights), False
    for _ in range(100):
        p = expit(design @ weights)
        gradient = design.T @ (p - y) + penalty * weights
        curvature = design.T @ (design * (p * (1 - p))[:, None]) + np.diag(penalty + 1e-12)
        step = _solve(curvature, gradient)
        size = 1.0
        while (moved := objective(weights - size * step)) > value and size > 1e-8:
            size /= 2
        if moved > value:  # rounding is all that is left
            converged = True
            break
        weights = weights - size * step
        value = moved
        # the Newton decrement bounds what is left to gain
        if float(gradient @ step) < tolerance * max(1.0, abs(value)) * 1e-3 and np.abs(step).max() < 1e-9:
            converged = True
            break
    odds = design @ weights
    likelihood = float((log_expit(odds) - (1 - y) * odds).sum())
    return Fit(intercept=float(weights[0]), slopes=weights[1:], log_likelihood=likelihood, converged=converged)


def _solve(curvature: np.ndarray, gradient: np.ndarray) -> np.ndarray:
    try:
        return np.asarray(cho_solve(cho_factor(curvature), gradient))
    except np.linalg.LinAlgError:  # columns that repeat one another, or separated classes
        return np.asarray(np.linalg.lstsq(curvature, gradient, rcond=None)[0])


@dataclass(frozen=True, kw_only=True)
class Curve:
    """A natural cubic spline of one variable: straight beyond its outer knots, at most `knots - 1` columns."""

    centre: float
    scale: float
    knots: np.ndarray

    @staticmethod
    def through(values: np.ndarray, knots: int = 4) -> Curve:
        """Knots at Harrell's quantiles (Regression Modeling Strategies, table 2.3); equal ones are merged."""
        shares = {3: [0.1, 0.5, 0.9], 4: [0.05, 0.35, 0.65, 0.95], 5: [0.05, 0.275, 0.5, 0.725, 0.95]}[knots]
        scale = float(values.std()) or 1.0
        centre = float(values.mean())
        return Curve(centre=centre, scale=scale, knots=np.unique(np.quantile((values - centre) / scale, shares)))

    def columns(self, values: np.ndarray) -> np.ndarray:
        """(N, P): the standardised value, then the bends between knots."""
        z = (values - self.centre) / self.scale
        if len(self.knots) < 3:
            return z[:, None]
        last, before = self.knots[-1], self.knots[-2]
        width = (last - self.knots[0]) ** 2
        bends = []
        for knot in self.knots[:-2]:
            bend = _cube(z - knot) - _cube(z - before) * (last - knot) / (last - before)
            bends.append((bend + _cube(z - last) * (before - knot) / (last - before)) / width)
        return np.column_stack([z, *bends])


def _cube(z: np.ndarray) -> np.ndarray:
    positive = np.maximum(z, 0)
    return np.asarray(positive * positive * positive)
