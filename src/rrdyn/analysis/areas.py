"""Areas under the ROC curve with intervals: BCa, DeLong's on the logit scale, a careful one where both are short."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import numpy as np
from scipy.special import expit, logit, stdtrit

from rrdyn.analysis.intervals import CHUNK, REPLICATES, acceleration, bca, no_interval, normal_quantile
from rrdyn.analysis.ranks import auc_of, delong, placements
from rrdyn.artifacts.interval import LEVEL, Interval

CLOSED_FORM_ABOVE = 4_000
"""Rows beyond which the closed form's bounds lie within what 2,000 replicates move the bootstrap's: 5% of the width."""
CLASS_ENOUGH = 50
"""Rows in a class below which bootstrap and DeLong intervals are too short."""
AREA_ENOUGH = 0.98
"""Area above which they are, and below 1 - it."""
CAREFUL = "score and logit-t"
ROUGH = (CAREFUL, "newcombe")
"""Methods whose intervals are wide but rough: to be told."""


def auc_replicates(
    scores: Sequence[np.ndarray], label: np.ndarray, rng: np.random.Generator, replicates: int = REPLICATES
) -> np.ndarray:
    """(M, replicates) AUCs of M scores on the same resampled rows, each class resampled apart.

    Each score is sorted once; a replicate is then a count, a running sum and a look-up.
    """
    positive = np.asarray(label).astype(bool)
    m, n = int(positive.sum()), int((~positive).sum())
    ranked = [_ranked(np.asarray(score)[positive], np.asarray(score)[~positive]) for score in scores]
    drawn = np.empty((len(scores), replicates))
    rows = max(1, CHUNK // (m + n))
    for start in range(0, replicates, rows):
        size = min(rows, replicates - start)
        picked = rng.integers(0, m, (size, m), dtype=np.int32)
        others = rng.integers(0, n, (size, n), dtype=np.int32)
        offset = (np.arange(size, dtype=np.int64) * n)[:, None]
        for row, (left, right, position) in zip(drawn, ranked):
            counts = np.bincount((position[others] + offset).ravel(), minlength=size * n).reshape(size, n)
            below = np.zeros((size, n + 1), dtype=np.int64)
            np.cumsum(counts, axis=1, out=below[:, 1:])
            wins = np.take_along_axis(below, left[picked], axis=1).sum(axis=1)
            ties = wins if right is left else np.take_along_axis(below, right[picked], axis=1).sum(axis=1)
            row[start : start + size] = (wins + ties) / (2 * m * n)
    return drawn


def _ranked(positives: np.ndarray, negatives: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    order = np.argsort(negatives, kind="stable")
    position = np.empty(len(negatives), dtype=np.int64)
    position[order] = np.arange(len(negatives))
    below = negatives[order]
    left = np.searchsorted(below, positives, side="left")
    right = np.searchsorted(below, positives, side="right")
    return left, (left if np.array_equal(left, right) else right), position


def auc_intervals(
    scores: Sequence[np.ndarray],
    label: np.ndarray,
    rng: np.random.Generator,
    replicates: int = REPLICATES,
    level: float = LEVEL,
) -> list[Interval]:
    """Intervals of the AUCs of M scores (N,) for one label (N,).

    BCa up to `CLOSED_FORM_ABOVE` rows, DeLong's on the logit scale beyond; `careful` below `CLASS_ENOUGH` rows in a
    class and for areas beyond `AREA_ENOUGH`.
    """
    label = np.asarray(label).astype(bool)
    m, n = int(label.sum()), int((~label).sum())
    areas = [auc_of(np.asarray(score)[label], np.asarray(score)[~label]) for score in scores]
    if min(m, n) < 2:
        return [no_interval(area, m + n, f"{m} positives, {n} negatives") for area in areas]
    if m + n > CLOSED_FORM_ABOVE or min(m, n) < CLASS_ENOUGH:
        return delong_intervals(scores, label, level)
    draws = auc_replicates(scores, label, rng, replicates)
    intervals = []
    for score, area, drawn in zip(scores, areas, draws):
        if extreme(area) or drawn.min() == drawn.max():
            intervals.append(careful(score, label, level))
            continue
        of_positives, of_negatives = placements(np.asarray(score)[label], np.asarray(score)[~label])
        strata = [(of_positives - area, np.ones(m)), (of_negatives - area, np.ones(n))]
        low, high = bca(drawn, area, acceleration(strata), level)
        intervals.append(Interval(value=area, low=low, high=high, n=m + n, method="bca", level=level))
    return intervals


def extreme(area: float) -> bool:
    """Whether an area is so near 0 or 1 that its error is not told by its sample's."""
    return not 1 - AREA_ENOUGH <= area <= AREA_ENOUGH


def delong_intervals(scores: Sequence[np.ndarray], label: np.ndarray, level: float = LEVEL) -> list[Interval]:
    """Closed form: DeLong's standard error on the logit scale, so that the bounds stay in (0, 1); else `careful`."""
    label = np.asarray(label).astype(bool)
    m, n = int(label.sum()), int((~label).sum())
    found = delong(scores, label)
    intervals = []
    for score, value, error in zip(scores, found.aucs, found.errors):
        if min(m, n) < 2:
            intervals.append(no_interval(value, m + n, f"{m} positives, {n} negatives"))
        elif min(m, n) < CLASS_ENOUGH or extreme(value) or error == 0:
            intervals.append(careful(score, label, level))
        else:
            centre, half = logit(value), normal_quantile(level) * error / (value * (1 - value))
            low, high = float(expit(centre - half)), float(expit(centre + half))
            intervals.append(Interval(value=float(value), low=low, high=high, n=m + n, method="delong", level=level))
    return intervals


def careful(score: np.ndarray, label: np.ndarray, level: float = LEVEL) -> Interval:
    """The outer bounds of two intervals that fail in different places, for few rows in a class or an area near 0 or 1.

    Newcombe's score interval (`separated`) takes its variance from the area: short where one class spreads more than
    the other. DeLong's on the logit scale, with Student's t of Satterthwaite's degrees of freedom, takes it from the
    rows: short where few rows near the other class happen to be drawn. Each class needs two rows.
    """
    label = np.asarray(label).astype(bool)
    of_positives, of_negatives = placements(np.asarray(score)[label], np.asarray(score)[~label])
    m, n, value = len(of_positives), len(of_negatives), float(of_positives.mean())
    score_bounds = separated(value, m, n, level)
    one, two = of_positives.var(ddof=1) / m, of_negatives.var(ddof=1) / n
    if not 0 < value < 1 or one + two == 0:
        return score_bounds
    degrees = (one + two) ** 2 / (one**2 / (m - 1) + two**2 / (n - 1))
    half = stdtrit(degrees, 0.5 + level / 2) * math.sqrt(one + two) / (value * (1 - value))
    low, high = float(expit(logit(value) - half)), float(expit(logit(value) + half))
    assert score_bounds.low is not None
    assert score_bounds.high is not None
    return Interval(
        value=value, low=min(low, score_bounds.low), high=max(high, score_bounds.high), n=m + n, method=CAREFUL,
        level=level,
    )  # fmt: skip


def separated(value: float, m: int, n: int, level: float = LEVEL) -> Interval:
    """An AUC without sampling variance (0, 1, or every pair tied): Newcombe's score interval (2006, method 5).

    The bounds solve |value - theta| = z sqrt(V(theta)) with Hanley and McNeil's variance, larger class size averaged.
    """
    z, size = normal_quantile(level), (m + n) / 2 - 1

    def excess(theta: float) -> float:
        variance = theta * (1 - theta) / (m * n)
        variance *= 1 + size * (1 - theta) / (2 - theta) + size * theta / (1 + theta)
        return (value - theta) ** 2 - z * z * variance

    return Interval(
        value=value,
        low=_root(excess, 0.0, value),
        high=_root(excess, 1.0, value),
        n=m + n,
        method="newcombe",
        level=level,
    )


def _root(excess: Callable[[float], float], outer: float, inner: float) -> float:
    """Where `excess` changes sign between an outer bound (positive) and the estimate (not positive)."""
    if outer == inner:
        return inner
    for _ in range(80):
        middle = (outer + inner) / 2
        outer, inner = (middle, inner) if excess(middle) > 0 else (outer, middle)
    return (outer + inner) / 2
