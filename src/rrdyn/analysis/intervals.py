"""Intervals: exact bootstrap of medians, BCa, closed forms for rates and AUCs, the rule of three.

Every interval is two-sided at `LEVEL` and carries its method and the n behind it.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence

import numpy as np
from scipy.special import ndtri, stdtrit

from rrdyn.analysis.ranks import auc_of, delong, placements
from rrdyn.artifacts.interval import LEVEL, Interval
from rrdyn.artifacts.rates import wilson

REPLICATES = 2000
CLOSED_FORM_ABOVE = 100_000  # rows; beyond it the bootstrap and the closed form agree far inside the interval
BLOCK = 4096  # replicates whose counts of every row are held at once
CHUNK = 1 << 20  # resampled rows held at once: small enough to stay in the cache


def no_interval(value: float, n: int, why: str) -> Interval:
    """An estimate without bounds; `why` stands in the place of the method."""
    return Interval(value=_finite(value), low=None, high=None, n=n, method=why, level=LEVEL)


def _finite(value: float) -> float | None:
    return float(value) if math.isfinite(value) else None


def _z(level: float) -> float:
    return float(ndtri(0.5 + level / 2))


def rate(count: int, n: int, level: float = LEVEL) -> Interval:
    """A share: Wilson's interval; the rule of three (3/n) where the count is 0 or n."""
    if n == 0:
        return Interval(value=None, low=None, high=None, n=0, method="no rows", level=level)
    if count in (0, n):
        bound = min(1.0, rule_of_three(n, level))
        low, high = (0.0, bound) if count == 0 else (1.0 - bound, 1.0)
        return Interval(value=count / n, low=low, high=high, n=n, method="rule of three", level=level)
    low, high = wilson(count / n, n, _z(level))
    return Interval(value=count / n, low=low, high=high, n=n, method="wilson", level=level)


def rule_of_three(n: int, level: float = LEVEL) -> float:
    """Upper bound of a rate after no event in n trials: 3/n at 95% (-log(1 - level)/n in general).

    It is one-sided: with no event the lower bound is known to be 0.
    """
    return -math.log(1 - level) / n if level != 0.95 else 3.0 / n


def bca(replicates: np.ndarray, estimate: float, acceleration: float, level: float = LEVEL) -> tuple[float, float]:
    """Bias-corrected and accelerated percentile bounds (Efron 1987), replicates equal to the estimate counted half."""
    equal = np.abs(replicates - estimate) <= 1e-12 * max(abs(estimate), float(np.ptp(replicates)))
    below = ((replicates < estimate) & ~equal).mean() + 0.5 * equal.mean()
    edge = 0.5 / len(replicates)
    shift = ndtri(min(max(below, edge), 1 - edge))
    points = []
    for z in (-_z(level), _z(level)):
        moved = shift + z
        spread = 1 - acceleration * moved
        # beyond the pole of the formula the whole bootstrap distribution lies on one side
        points.append(shift + moved / spread if spread > 1e-9 else math.inf * moved)
    low, high = np.quantile(replicates, _normal_cdf(np.array(points)))
    return float(low), float(high)


def _normal_cdf(z: np.ndarray) -> np.ndarray:
    return np.array([0.5 * math.erfc(-value / math.sqrt(2)) for value in z])


def _acceleration(strata: Sequence[tuple[np.ndarray, np.ndarray]]) -> float:
    """Acceleration from influence values with multiplicities, one pair a stratum (Davison & Hinkley 1997, eq. 5.27)."""
    cubes = squares = 0.0
    for influence, times in strata:
        n = times.sum()
        cubes += float((times * influence**3).sum()) / n**3
        squares += float((times * influence**2).sum()) / n**2
    return cubes / (6 * squares**1.5) if squares > 0 else 0.0


# ---- medians ---------------------------------------------------------------------------------------------------------


def median_replicates(ordered: np.ndarray, replicates: int, rng: np.random.Generator) -> np.ndarray:
    """Draws from the exact bootstrap distribution of the median of sorted values (n,), without resampling them.

    The middle order statistics of n uniform draws are Beta distributed; scaled by n they are the positions that the
    resampled median falls on. O(replicates) whatever n.
    """
    n = len(ordered)
    half = n // 2
    upper = rng.beta(half + 1, n - half, replicates)
    high = ordered[np.minimum((n * upper).astype(np.int64), n - 1)].astype(float)
    if n % 2:
        return high
    lower = upper * rng.random(replicates) ** (1 / half)
    low = ordered[np.minimum((n * lower).astype(np.int64), n - 1)]
    return np.asarray((low + high) / 2)


def _median_influence(ordered: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Jackknife influence of each row on the median, as distinct values and how often each occurs."""
    n, half = len(ordered), len(ordered) // 2
    if n < 3:
        return np.zeros(1), np.array([float(n)])
    # distances from the middle, so that ties give exact zeros whatever their size
    if n % 2 == 0:
        left_out, times = np.array([ordered[half] - ordered[half - 1], 0.0]), np.array([half, half], float)
    else:
        x, y, z = ordered[half - 1 : half + 2] - ordered[half]
        left_out, times = np.array([(y + z) / 2, (x + z) / 2, (x + y) / 2]), np.array([half, 1, half], float)
    centre = (left_out * times).sum() / n
    return (n - 1) * (centre - left_out), times


def median(
    values: np.ndarray, rng: np.random.Generator, replicates: int = REPLICATES, level: float = LEVEL
) -> Interval:
    """BCa interval of a median, `values` (n,)."""
    if len(values) == 0:
        return Interval(value=None, low=None, high=None, n=0, method="no rows", level=level)
    ordered = np.sort(np.asarray(values, dtype=float))
    estimate = float(np.median(ordered))
    if len(values) < 3:
        return no_interval(estimate, len(values), "fewer than 3 rows")
    low, high = bca(
        median_replicates(ordered, replicates, rng), estimate, _acceleration([_median_influence(ordered)]), level
    )
    return Interval(value=estimate, low=low, high=high, n=len(values), method="bca", level=level)


def median_difference(
    first: np.ndarray, second: np.ndarray, rng: np.random.Generator, replicates: int = REPLICATES, level: float = LEVEL
) -> Interval:
    """BCa interval of median(first) - median(second), two independent groups resampled apart."""
    n = len(first) + len(second)
    if len(first) == 0 or len(second) == 0:
        return Interval(value=None, low=None, high=None, n=n, method="an empty group", level=level)
    one, two = np.sort(np.asarray(first, dtype=float)), np.sort(np.asarray(second, dtype=float))
    estimate = float(np.median(one) - np.median(two))
    if len(one) < 3 or len(two) < 3:
        return no_interval(estimate, n, "fewer than 3 rows in a group")
    draws = median_replicates(one, replicates, rng) - median_replicates(two, replicates, rng)
    influence, times = _median_influence(two)
    low, high = bca(draws, estimate, _acceleration([_median_influence(one), (-influence, times)]), level)
    return Interval(value=estimate, low=low, high=high, n=n, method="bca", level=level)


# ---- areas under the ROC curve ---------------------------------------------------------------------------------------


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
    """BCa intervals of AUCs up to `CLOSED_FORM_ABOVE` rows, DeLong's on the logit scale beyond."""
    label = np.asarray(label).astype(bool)
    m, n = int(label.sum()), int((~label).sum())
    if min(m, n) < 2:
        found = [auc_of(np.asarray(s)[label], np.asarray(s)[~label]) for s in scores]
        return [no_interval(value, m + n, f"{m} positives, {n} negatives") for value in found]
    if m + n > CLOSED_FORM_ABOVE:
        return delong_intervals(scores, label, level)
    draws = auc_replicates(scores, label, rng, replicates)
    intervals = []
    for score, drawn in zip(scores, draws):
        of_positives, of_negatives = placements(np.asarray(score)[label], np.asarray(score)[~label])
        estimate = auc_of(np.asarray(score)[label], np.asarray(score)[~label])
        if drawn.min() == drawn.max():
            intervals.append(separated(estimate, m, n, level))
            continue
        strata = [(of_positives - estimate, np.ones(m)), (of_negatives - estimate, np.ones(n))]
        low, high = bca(drawn, estimate, _acceleration(strata), level)
        intervals.append(Interval(value=estimate, low=low, high=high, n=m + n, method="bca", level=level))
    return intervals


def delong_intervals(scores: Sequence[np.ndarray], label: np.ndarray, level: float = LEVEL) -> list[Interval]:
    """Closed form: DeLong's standard error on the logit scale, so that the bounds stay in (0, 1)."""
    label = np.asarray(label).astype(bool)
    m, n = int(label.sum()), int((~label).sum())
    found = delong(scores, label)
    intervals = []
    for value, error in zip(found.aucs, found.errors):
        if min(m, n) < 2:
            intervals.append(no_interval(value, m + n, f"{m} positives, {n} negatives"))
        elif not 0 < value < 1 or error == 0:
            intervals.append(separated(float(value), m, n, level))
        else:
            centre, half = math.log(value / (1 - value)), _z(level) * error / (value * (1 - value))
            low, high = (1 / (1 + math.exp(-bound)) for bound in (centre - half, centre + half))
            intervals.append(Interval(value=float(value), low=low, high=high, n=m + n, method="delong", level=level))
    return intervals


def separated(value: float, m: int, n: int, level: float = LEVEL) -> Interval:
    """An AUC without sampling variance (0, 1, or every pair tied): Newcombe's score interval (2006, method 5).

    The bounds solve |value - theta| = z sqrt(V(theta)) with Hanley and McNeil's variance, larger class size averaged.
    """
    z, size = _z(level), (m + n) / 2 - 1

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


# ---- means -----------------------------------------------------------------------------------------------------------


def mean(values: np.ndarray, rng: np.random.Generator, replicates: int = REPLICATES, level: float = LEVEL) -> Interval:
    """A mean over puzzles: `rate` where every value is 0 or 1, BCa otherwise."""
    values = np.asarray(values, dtype=float)
    n = len(values)
    if n == 0:
        return Interval(value=None, low=None, high=None, n=0, method="no rows", level=level)
    if np.isin(values, (0.0, 1.0)).all():
        return rate(int(values.sum()), n, level)
    return mean_difference(values, np.zeros(n), rng, replicates, level)


def mean_over_seeds(values: np.ndarray, level: float = LEVEL) -> Interval:
    """A mean of a few independent runs (n,): Student's t; no bounds below two runs or without spread."""
    values = np.asarray(values, dtype=float)
    n = len(values)
    if n == 0:
        return Interval(value=None, low=None, high=None, n=0, method="no rows", level=level)
    if n < 2 or np.ptp(values) == 0:
        return no_interval(float(values.mean()), n, "fewer than 2 runs" if n < 2 else "no spread over runs")
    half = float(stdtrit(n - 1, 0.5 + level / 2)) * float(values.std(ddof=1)) / math.sqrt(n)
    centre = float(values.mean())
    return Interval(value=centre, low=centre - half, high=centre + half, n=n, method="t", level=level)


def mean_difference(
    first: np.ndarray, second: np.ndarray, rng: np.random.Generator, replicates: int = REPLICATES, level: float = LEVEL
) -> Interval:
    """BCa interval of the mean of first - second on the same puzzles (N,), pairs resampled together."""
    gap = np.asarray(first, dtype=float) - np.asarray(second, dtype=float)
    n, estimate = len(gap), float(gap.mean()) if len(gap) else math.nan
    if n < 3 or np.ptp(gap) == 0:
        return no_interval(estimate, n, "fewer than 3 rows" if n < 3 else "no spread over puzzles")
    draws = np.concatenate([counts @ gap / n for counts in resampled_counts(n, replicates, rng)])
    low, high = bca(draws, estimate, _acceleration([(gap - estimate, np.ones(n))]), level)
    return Interval(value=estimate, low=low, high=high, n=n, method="bca", level=level)


def resampled_counts(n: int, replicates: int, rng: np.random.Generator) -> Iterator[np.ndarray]:
    """How often each of n rows is drawn, (replicates, n) in blocks of at most `BLOCK` replicates."""
    rows = max(1, CHUNK // n)
    for first in range(0, replicates, BLOCK):
        counts = np.empty((min(BLOCK, replicates - first), n), dtype=np.float32)
        for start in range(0, len(counts), rows):
            size = min(rows, len(counts) - start)
            drawn = rng.integers(0, n, (size, n)) + (np.arange(size) * n)[:, None]
            counts[start : start + size] = np.bincount(drawn.ravel(), minlength=size * n).reshape(size, n)
        yield counts
