"""Logistic regression by Newton's method, many at once, and the curves that let it follow what is not straight."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.special import expit, log_expit

STEPS = 100
HALVINGS = 30


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


def fit_logistic(x: np.ndarray, y: np.ndarray, *, ridge: float = 0.0, tolerance: float = 1e-13) -> Fit:
    """Minimise -log likelihood + ridge / 2 |slopes|^2 (the intercept is free), x (N, P), y (N,) bool.

    With `ridge` > 0 the minimum is finite even where the classes are separated; without, such data end with
    `converged` False.
    """
    target = np.asarray(y).astype(float)
    weights, converged = newton(with_intercept(x)[None], target[None], ridge=ridge, tolerance=tolerance)
    odds = with_intercept(x) @ weights[0]
    return Fit(
        intercept=float(weights[0, 0]), slopes=weights[0, 1:], converged=bool(converged[0]),
        log_likelihood=float(-_loss(odds[None], target[None])[0]),
    )  # fmt: skip


def with_intercept(x: np.ndarray) -> np.ndarray:
    """(..., N, 1 + P) for x (..., N, P)."""
    return np.concatenate([np.ones((*x.shape[:-1], 1)), x], axis=-1)


def newton(
    design: np.ndarray, y: np.ndarray, *, ridge: float, tolerance: float, start: np.ndarray | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """Weights (M, P) of M logistic regressions, and which of them converged (M,).

    design (M, N, P) with the intercept as its first column, y (M, N) in {0, 1}; `ridge` weighs on all columns but the
    first. Newton steps, halved while they do not lower the penalised loss, until less than `tolerance` of it is left.
    """
    penalty = np.full(design.shape[2], ridge)
    penalty[0] = 0.0
    if start is None:
        weights = np.zeros((len(design), design.shape[2]))
        share = np.clip(y.mean(axis=1), 1e-6, 1 - 1e-6)
        weights[:, 0] = np.log(share / (1 - share))
    else:
        weights = start.copy()
    turned = np.ascontiguousarray(design.transpose(0, 2, 1))

    def losses(w: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        odds = (design @ w[..., None])[..., 0]
        return _loss(odds, y) + 0.5 * (penalty * w * w).sum(axis=1), odds

    value, odds = losses(weights)
    converged = np.zeros(len(design), dtype=bool)
    for _ in range(STEPS):
        p = expit(odds)
        gradient = (turned @ (p - y)[..., None])[..., 0] + penalty * weights
        step = _solve(turned @ (design * (p * (1 - p))[..., None]) + np.diag(penalty + 1e-12), gradient)
        # the Newton decrement bounds what is left to gain
        left = (gradient * step).sum(axis=1)
        converged |= (left < tolerance) & (np.abs(step).max(axis=1) < 1e4 * tolerance)
        if converged.all():
            break
        size = np.where(converged, 0.0, 1.0)[:, None]
        for _ in range(HALVINGS):
            moved, there = losses(weights - size * step)
            worse = moved > value
            if not worse.any():
                break
            size[worse] /= 2
        size[worse] = 0.0
        converged |= worse  # no part of the step is an improvement: rounding is all that is left
        weights = weights - size * step
        value, odds = (moved, there) if not worse.any() else losses(weights)
    return weights, converged


def _loss(odds: np.ndarray, y: np.ndarray) -> np.ndarray:
    """(M,) minus the log likelihood."""
    return np.asarray(((1 - y) * odds - log_expit(odds)).sum(axis=-1))


def deviance(odds: np.ndarray, y: np.ndarray) -> np.ndarray:
    """(M,) twice minus the log likelihood of log-odds (M, N)."""
    return 2 * _loss(odds, y)


def _solve(curvature: np.ndarray, gradient: np.ndarray) -> np.ndarray:
    try:
        return np.linalg.solve(curvature, gradient[..., None])[..., 0]
    except np.linalg.LinAlgError:  # columns that repeat one another, or separated classes
        return np.asarray((np.linalg.pinv(curvature, hermitian=True) @ gradient[..., None])[..., 0])


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
