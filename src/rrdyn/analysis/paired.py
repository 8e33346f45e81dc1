"""A yes-or-no column of the same puzzles in two measurements: what one has right and the other has not.

Puzzles that both have right, or both wrong, say nothing about a difference; McNemar's exact test (Biometrika 12 (1947)
153) asks whether the others lean to one side. The interval of the difference is Newcombe's hybrid score interval for
paired proportions (Statist. Med. 17 (1998) 2635, method 10): Wilson's bounds of either rate, and their correlation.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from rrdyn.analysis.intervals import no_interval, rate
from rrdyn.artifacts.comparison import PairedRecord
from rrdyn.artifacts.interval import LEVEL, Interval
from rrdyn.artifacts.rates import wilson

RIGHT = {
    "right_budget": "right at the budget",
    "right_end": "right at the end",
    "exact_correct": "right at the last segment",
    "path_valid": "valid path at the last segment",
    "base": "right at the readout",
}
"""Columns (N,) bool that can be compared, and what they say."""


@dataclass(frozen=True, kw_only=True)
class Paired:
    """One yes-or-no column of the same n puzzles in two measurements."""

    name: str
    both: int
    only_first: int
    only_second: int
    neither: int

    @property
    def n(self) -> int:
        return self.both + self.only_first + self.only_second + self.neither

    @property
    def first(self) -> Interval:
        """Share in the first."""
        return rate(self.both + self.only_first, self.n)

    @property
    def second(self) -> Interval:
        return rate(self.both + self.only_second, self.n)

    @property
    def p(self) -> float:
        """McNemar's exact test, two-sided; 1 where nothing differs."""
        from scipy.stats import binomtest

        differing = self.only_first + self.only_second
        return float(binomtest(self.only_first, differing).pvalue) if differing else 1.0

    @property
    def difference(self) -> Interval:
        """Share in the second minus share in the first."""
        if self.n == 0:
            return no_interval(float("nan"), 0, "no puzzle in common")
        p, q = (self.both + self.only_second) / self.n, (self.both + self.only_first) / self.n
        (p_low, p_high), (q_low, q_high) = wilson(p, self.n), wilson(q, self.n)
        phi = self._correlation()

        def reach(one: float, other: float) -> float:
            return math.sqrt(max(one * one - 2 * phi * one * other + other * other, 0.0))

        low = max(p - q - reach(p - p_low, q_high - q), -1.0)  # rounding can leave what a difference can be
        high = min(p - q + reach(p_high - p, q - q_low), 1.0)
        return Interval(value=p - q, low=low, high=high, n=self.n, method="newcombe", level=LEVEL)

    def _correlation(self) -> float:
        """Phi of the 2x2 table, with Newcombe's correction where it is positive."""
        a, b, c, d = self.both, self.only_first, self.only_second, self.neither
        margins = (a + b) * (c + d) * (a + c) * (b + d)
        if margins == 0:
            return 0.0
        above = a * d - b * c
        return (max(above - self.n / 2, 0.0) if above > 0 else above) / math.sqrt(margins)

    def record(self) -> PairedRecord:
        """As data."""
        return PairedRecord(
            n=self.n, both=self.both, only_first=self.only_first, only_second=self.only_second, neither=self.neither,
            first=self.first, second=self.second, difference=self.difference, mcnemar_p=self.p,
        )  # fmt: skip

    def sentence(self, first: str, second: str) -> str:
        """In words, of two names."""
        gap = self.difference
        return (
            f"{RIGHT.get(self.name, self.name)}, {second} minus {first}: {gap.value:+.3f} "
            f"[{gap.low:+.3f}, {gap.high:+.3f}] (n={self.n}: {self.only_second} only by {second}, "
            f"{self.only_first} only by {first}; McNemar exact p = {self.p:.2g})"
        )


def paired(name: str, first: np.ndarray, second: np.ndarray) -> Paired:
    """The counts of two columns (N,) bool of the same puzzles."""
    a, b = np.asarray(first).astype(bool), np.asarray(second).astype(bool)
    return Paired(name=name, both=int((a & b).sum()), only_first=int((a & ~b).sum()), only_second=int((~a & b).sum()),
                  neither=int((~a & ~b).sum()))  # fmt: skip
