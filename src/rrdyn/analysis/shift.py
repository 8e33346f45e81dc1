"""A number of the same puzzles in two measurements: how it shifts from one to the other, and how an AUC does.

Both are differences of pairs: what a puzzle has in common in the two cancels. An AUC's difference has two labels as
well as two scores, so that DeLong's covariance (Biometrics 44 (1988) 837), which has one, is carried further: each
puzzle's influence on either area, subtracted. With one label in both it is DeLong's own.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from scipy.special import stdtrit

from rrdyn.analysis.areas import extreme
from rrdyn.analysis.intervals import REPLICATES, mean_difference, median, no_interval
from rrdyn.analysis.ranks import placements
from rrdyn.artifacts.comparison import AreaShiftRecord, ShiftRecord
from rrdyn.artifacts.interval import LEVEL, Interval

FEWEST = 10
"""Puzzles a class of either measurement needs for an interval of the difference of two AUCs."""


@dataclass(frozen=True, kw_only=True)
class Shift:
    """One number of the same n puzzles in two measurements, pairs with a finite value in both."""

    first: np.ndarray
    """(n,)"""
    second: np.ndarray
    mean: Interval
    median: Interval

    @property
    def n(self) -> int:
        return len(self.first)

    @property
    def p(self) -> float:
        """Wilcoxon's signed-rank test, two-sided; 1 where nothing differs, NaN without pairs."""
        from scipy.stats import wilcoxon  # a third of a second, asked for by few commands

        gap = self.second - self.first
        if not len(gap):
            return math.nan
        return float(wilcoxon(gap).pvalue) if gap.any() else 1.0

    def record(self) -> ShiftRecord:
        """As data."""
        middles = (float(np.median(side)) if self.n else None for side in (self.first, self.second))
        first, second = middles
        return ShiftRecord(n=self.n, first=first, second=second, mean=self.mean, median=self.median,
                           wilcoxon_p=self.p if self.n else None)  # fmt: skip


def shift(first: np.ndarray, second: np.ndarray, rng: np.random.Generator, replicates: int = REPLICATES) -> Shift:
    """Of two columns (N,) of the same puzzles; pairs that are not finite in both are left out."""
    one, two = np.asarray(first, dtype=float), np.asarray(second, dtype=float)
    finite = np.isfinite(one) & np.isfinite(two)
    one, two = one[finite], two[finite]
    return Shift(
        first=one,
        second=two,
        mean=mean_difference(two, one, rng, replicates),
        median=median(two - one, rng, replicates),
    )


def area_shift(
    first: tuple[np.ndarray, np.ndarray], second: tuple[np.ndarray, np.ndarray], level: float = LEVEL
) -> AreaShiftRecord:
    """AUC of the second (score (N,), label (N,) bool) minus that of the first, the same puzzles in the same order.

    The interval has Student's t at one degree of freedom less than the smallest class; none where a class has fewer
    than `FEWEST` puzzles, or where an area is so near 0 or 1 that no symmetric interval holds.
    """
    (one, a), (two, b) = ((np.asarray(score), np.asarray(label).astype(bool)) for score, label in (first, second))
    n, classes = len(a), [int(rows.sum()) for rows in (a, ~a, b, ~b)]
    if min(classes) == 0:
        return AreaShiftRecord(first=None, second=None, difference=no_interval(math.nan, n, "one class only"))
    (area, influence), (other, others) = _influence(one, a), _influence(two, b)
    gap, smallest = other - area, min(classes)
    if smallest < FEWEST or extreme(area) or extreme(other):
        why = f"{smallest} in a class" if smallest < FEWEST else "an area next to 0 or 1"
        return AreaShiftRecord(first=area, second=other, difference=no_interval(gap, n, why))
    half = float(stdtrit(smallest - 1, 0.5 + level / 2)) * math.sqrt(float(((others - influence) ** 2).sum())) / n
    bounds = {"low": max(gap - half, -1.0), "high": min(gap + half, 1.0)}
    difference = Interval(value=gap, **bounds, n=n, method="paired influence, t", level=level)
    return AreaShiftRecord(first=area, second=other, difference=difference)


def _influence(score: np.ndarray, label: np.ndarray) -> tuple[float, np.ndarray]:
    """The area, and n times what each row adds to its error (N,), each class with its own degree of freedom."""
    of_positives, of_negatives = placements(score[label], score[~label])
    n, area = len(label), float(of_positives.mean())
    found = np.empty(n)
    for rows, shares in ((label, of_positives), (~label, of_negatives)):
        count = len(shares)
        found[rows] = (shares - area) * n / math.sqrt(count * max(count - 1, 1))
    return area, found
