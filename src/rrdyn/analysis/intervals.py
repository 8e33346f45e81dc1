"""Intervals: exact bootstrap of medians, BCa, closed forms for rates, the rule of three, means over runs.

Every interval is two-sided at `LEVEL` and carries its method and the n behind it.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

import numpy as np
from scipy.special import expit, logit, ndtri, stdtrit

from rrdyn.artifacts.interval import LEVEL, Interval
from rrdyn.artifacts.rates import wilson

REPLICATES = 2000
BLOCK = 4096  # replicates whose counts of every row are held at once
CHUNK = 1 << 20  # resampled rows held at once: small enough to stay in the cache


def no_interval(value: float, n: int, why: str) -> Interval:
    """An estimate without bounds; `why` stands in the place of the method."""
    return Interval(value=_finite(value), low=None, high=None, n=n, method=why, level=LEVEL)


def _finite(value: float) -> float | None:
    return float(value) if math.isfinite(value) else None


def normal_quantile(level: float) -> float:
    """How many deviations from its mean hold a share `level` of a normal, such as 1.96 for .95."""
    return float(ndtri(0.5 + level / 2))


def rate(count: int, n: int, level: float = LEVEL) -> Interval:
    """A share: Wilson's interval; the rule of three (3/n) where the count is 0 or n."""
    if n == 0:
        return Interval(value=None, low=None, high=None, n=0, method="no rows", level=level)
    if count in (0, n):
        bound = min(1.0, rule_of_three(n, level))
        low, high = (0.0, bound) if count == 0 else (1.0 - bound, 1.0)
        return Interval(value=count / n, low=low, high=high, n=n, method="rule of three", level=level)
    low, high = wilson(count / n, n, normal_quantile(level))
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
    for z in (-normal_quantile(level), normal_quantile(level)):
        moved = shift + z
        spread = 1 - acceleration * moved
        # beyond the pole of the formula the whole bootstrap distribution lies on one side
        points.append(shift + moved / spread if spread > 1e-9 else math.inf * moved)
    low, high = np.quantile(replicates, _normal_cdf(np.array(points)))
    return float(low), float(high)


def _normal_cdf(z: np.ndarray) -> np.ndarray:
    return np.array([0.5 * math.erfc(-value / math.sqrt(2)) for value in z])


def acceleration(strata: Sequence[tuple[np.ndarray, np.ndarray]]) -> float:
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
        median_replicates(ordered, replicates, rng), estimate, acceleration([_median_influence(ordered)]), level
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
    low, high = bca(draws, estimate, acceleration([_median_influence(one), (-influence, times)]), level)
    return Interval(value=estimate, low=low, high=high, n=n, method="bca", level=level)


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


def mean_over_seeds(values: np.ndarray, level: float = LEVEL, *, share: bool = False) -> Interval:
    """A mean of a few independent runs (n,): Student's t; no bounds below two runs or without spread.

    Of a `share` (a proportion, an AUC) the interval is made on the logit scale, with the error of the mean carried
    there by its derivative, so that it stays in [0, 1].
    """
    values = np.asarray(values, dtype=float)
    n = len(values)
    if n == 0:
        return Interval(value=None, low=None, high=None, n=0, method="no rows", level=level)
    if n < 2 or np.ptp(values) == 0:
        return no_interval(float(values.mean()), n, "fewer than 2 runs" if n < 2 else "no spread over runs")
    half = float(stdtrit(n - 1, 0.5 + level / 2)) * float(values.std(ddof=1)) / math.sqrt(n)
    centre = float(values.mean())
    if share and 0 < centre < 1:
        middle, reach = logit(centre), half / (centre * (1 - centre))
        low, high = float(expit(middle - reach)), float(expit(middle + reach))
        return Interval(value=centre, low=min(low, centre), high=max(high, centre), n=n, method="logit-t", level=level)
    low, high = centre - half, centre + half
    if share:  # all but 0 or 1 by rounding
        low, high = max(low, 0.0), min(high, 1.0)
    return Interval(value=centre, low=low, high=high, n=n, method="t", level=level)


def mean_difference(
    first: np.ndarray, second: np.ndarray, rng: np.random.Generator, replicates: int = REPLICATES, level: float = LEVEL
) -> Interval:
    """BCa interval of the mean of first - second on the same puzzles (N,), pairs resampled together."""
    gap = np.asarray(first, dtype=float) - np.asarray(second, dtype=float)
    n, estimate = len(gap), float(gap.mean()) if len(gap) else math.nan
    if n < 3 or np.ptp(gap) == 0:
        return no_interval(estimate, n, "fewer than 3 rows" if n < 3 else "no spread over puzzles")
    draws = np.concatenate([counts @ gap / n for counts in resampled_counts(n, replicates, rng)])
    low, high = bca(draws, estimate, acceleration([(gap - estimate, np.ones(n))]), level)
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
