"""Tests between two groups, and Holm's correction over a family of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.special import ndtr

from rrdyn.analysis.ranks import delong
from rrdyn.artifacts.results import TestRecord


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """One test: its statistic, its two-sided p-value (None where it cannot be made) and the n of either group."""

    name: str
    method: str
    statistic: float | None
    p: float | None
    n: tuple[int, int]

    def record(self, adjusted: float | None) -> TestRecord:
        return TestRecord(
            name=self.name, method=self.method, statistic=self.statistic, p=self.p, p_holm=adjusted, n=list(self.n)
        )


def kolmogorov_smirnov(name: str, first: np.ndarray, second: np.ndarray) -> Outcome:
    """Largest distance of two empirical distribution functions; p from the one-sample law at n = m n / (m + n)."""
    from scipy.stats import ks_2samp  # half a second that only a test of two groups needs

    m, n = len(first), len(second)
    if min(m, n) == 0:
        return Outcome(name=name, method="ks", statistic=None, p=None, n=(m, n))
    found = ks_2samp(first, second, method="asymp")
    p = float(found.pvalue) if m * n >= m + n else None
    return Outcome(name=name, method="ks", statistic=float(found.statistic), p=p, n=(m, n))


def mann_whitney(name: str, first: np.ndarray, second: np.ndarray) -> Outcome:
    """Are values of `first` larger than of `second`? Statistic AUC; p from the normal law with the tie correction."""
    from scipy.stats import mannwhitneyu

    m, n = len(first), len(second)
    if min(m, n) == 0:
        return Outcome(name=name, method="mann-whitney", statistic=None, p=None, n=(m, n))
    found = mannwhitneyu(first, second, alternative="two-sided", method="asymptotic")
    area = float(found.statistic) / (m * n)
    tied = np.ptp(np.concatenate([first, second])) == 0
    return Outcome(name=name, method="mann-whitney", statistic=area, p=1.0 if tied else float(found.pvalue), n=(m, n))


def auc_difference(name: str, first: np.ndarray, second: np.ndarray, label: np.ndarray) -> Outcome:
    """AUC(first) - AUC(second) on the same rows after DeLong."""
    label = np.asarray(label).astype(bool)
    size = (int(label.sum()), int((~label).sum()))
    if min(size) < 2:
        return Outcome(name=name, method="delong", statistic=None, p=None, n=size)
    difference, error = delong([first, second], label).difference(0, 1)
    if error == 0:
        return Outcome(name=name, method="delong", statistic=difference, p=1.0 if difference == 0 else 0.0, n=size)
    p = float(2 * ndtr(-abs(difference) / error))
    return Outcome(name=name, method="delong", statistic=difference, p=p, n=size)


def holm(p_values: Sequence[float | None]) -> list[float | None]:
    """p-values adjusted over the family (Holm 1979); tests that could not be made stay None and do not count."""
    made = sorted((p, place) for place, p in enumerate(p_values) if p is not None)
    adjusted: list[float | None] = [None] * len(p_values)
    largest = 0.0
    for rank, (p, place) in enumerate(made):
        largest = max(largest, min(1.0, (len(made) - rank) * p))
        adjusted[place] = largest
    return adjusted


def family(outcomes: Sequence[Outcome]) -> list[TestRecord]:
    """The tests of one family with Holm's p-values."""
    return [outcome.record(p) for outcome, p in zip(outcomes, holm([outcome.p for outcome in outcomes]))]
