"""How escape from wrong answers depends on the noise: the slope of its logarithm against 1 / sigma^2.

Where noise is small a state leaves the basin of an attractor at a rate exp(-barrier / sigma^2) (Kramers, Physica 7
(1940) 284; Freidlin & Wentzell): the slope is minus the barrier, in units of sigma^2. Escape is counted at the model's
own budget, among noisy particles of puzzles that the plain rollout has wrong.
"""

from __future__ import annotations

import numpy as np

from rrdyn.analysis.intervals import bca, no_interval
from rrdyn.analysis.particles import Grid, Point
from rrdyn.artifacts.interval import LEVEL, Interval
from rrdyn.artifacts.scaling import EscapeRow

ENOUGH = 3
"""Noises that a slope is asked of."""


def escapes(found: Grid, rng: np.random.Generator, replicates: int) -> list[EscapeRow]:
    """A row for every method that stands with three strengths or more, NAME=VALUE, and has noisy particles."""
    families: dict[str, list[tuple[float, str]]] = {}
    for method in found.methods:
        name, _, value = method.partition("=")
        try:
            sigma = float(value)
        except ValueError:
            continue
        if sigma > 0 and name not in ("damped", "equilibrium") and method not in found.singles:
            families.setdefault(name, []).append((sigma, method))
    rows = []
    for name, members in families.items():
        if len(members) >= ENOUGH and not found.plain.all():
            members.sort()
            freed = np.stack([_freed(found, method) for _, method in members])
            rows.append(_row(name, np.array([sigma for sigma, _ in members]), freed, rng, replicates))
    return rows


def _freed(found: Grid, method: str) -> np.ndarray:
    """(W,) share of noisy particles that are right at the budget, of each puzzle that the plain rollout has wrong."""
    widest = max(point.breadth for point in found.points(method) if point.depth == 1)
    right = found.at(method, Point(widest, 1)).right[~found.plain, :, found.segments - 1]
    return np.asarray(right[:, 1:].mean(1) if widest > 1 else right.mean(1))


def _row(name: str, sigmas: np.ndarray, freed: np.ndarray, rng: np.random.Generator, replicates: int) -> EscapeRow:
    n = freed.shape[1]
    value = slope(sigmas, freed.mean(1))
    draws = np.array([slope(sigmas, freed[:, rng.integers(0, n, n)].mean(1)) for _ in range(replicates)])
    draws = draws[np.isfinite(draws)]
    if not np.isfinite(value) or n < 3 or len(draws) < replicates / 2 or np.ptp(draws) == 0:
        interval = no_interval(value, n, "too few escapes")
    else:
        low, high = bca(draws, value, 0.0)
        interval = Interval(value=value, low=low, high=high, n=n, method="bias-corrected bootstrap", level=LEVEL)
    return EscapeRow(method=name, sigmas=sigmas.tolist(), escaped=freed.mean(1).tolist(), slope=interval)


def slope(sigmas: np.ndarray, escaped: np.ndarray) -> float:
    """Of log escaped (P,) against 1 / sigma^2, over the noises at which something escaped; NaN below two of them."""
    some = escaped > 0
    if some.sum() < 2:
        return float("nan")
    return float(np.polyfit(1 / np.square(sigmas[some]), np.log(escaped[some]), 1)[0])
