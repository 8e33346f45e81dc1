"""Survival without a model: Kaplan-Meier with log-log bands, and the log-rank test."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.special import chdtrc, ndtri

from rrdyn.artifacts.interval import LEVEL


@dataclass(frozen=True, kw_only=True)
class SurvivalCurve:
    """One row a distinct time, time 0 first; bounds are NaN where the survival is 0."""

    times: np.ndarray
    at_risk: np.ndarray
    events: np.ndarray
    censored: np.ndarray
    survival: np.ndarray
    low: np.ndarray
    high: np.ndarray

    @property
    def median(self) -> float | None:
        """First time at which at most half survive; None where that is not reached."""
        below = np.flatnonzero(self.survival <= 0.5)
        return float(self.times[below[0]]) if len(below) else None

    def at(self, times: np.ndarray) -> np.ndarray:
        """Row numbers of the last change at or before each time."""
        return np.searchsorted(self.times, times, side="right") - 1


def kaplan_meier(time: np.ndarray, event: np.ndarray, level: float = LEVEL) -> SurvivalCurve:
    """Product-limit estimate (Kaplan & Meier 1958) from times (N,) > 0 and event flags (N,), censored where False.

    Bounds: S^exp(+-z s) with s the Greenwood error of log(-log S), so that they stay in [0, 1].
    """
    time, event = np.asarray(time, dtype=float), np.asarray(event).astype(bool)
    times, place = np.unique(time, return_inverse=True)
    died = np.bincount(place, weights=event, minlength=len(times)).astype(np.int64)
    left = np.bincount(place, weights=~event, minlength=len(times)).astype(np.int64)
    gone = np.concatenate([[0], np.cumsum(died + left)[:-1]]).astype(np.int64) if len(times) else np.zeros(0, np.int64)
    at_risk = len(time) - gone
    with np.errstate(divide="ignore", invalid="ignore"):
        survival = np.cumprod(1 - died / at_risk)
        greenwood = np.cumsum(died / (at_risk * (at_risk - died)))
        error = np.sqrt(greenwood) / np.abs(np.log(survival))
        z = float(ndtri(0.5 + level / 2))
        low, high = survival ** np.exp(z * error), survival ** np.exp(-z * error)
    untouched = survival == 1
    low[untouched] = high[untouched] = 1.0
    low[survival == 0] = high[survival == 0] = np.nan
    start = np.array([0.0])
    return SurvivalCurve(
        times=np.concatenate([start, times]),
        at_risk=np.concatenate([[len(time)], at_risk]).astype(np.int64),
        events=np.concatenate([[0], died]).astype(np.int64),
        censored=np.concatenate([[0], left]).astype(np.int64),
        survival=np.concatenate([[1.0], survival]),
        low=np.concatenate([[1.0], low]),
        high=np.concatenate([[1.0], high]),
    )


@dataclass(frozen=True, kw_only=True)
class LogRank:
    """Test that all groups share one hazard."""

    statistic: float
    degrees: int
    p: float


def log_rank(groups: Sequence[tuple[np.ndarray, np.ndarray]]) -> LogRank | None:
    """Log-rank test of two or more groups, each (times (N,), events (N,)) (Mantel 1966).

    None where no comparison can be made: fewer than two groups with rows, or no event at all.
    """
    groups = [(np.asarray(t, float), np.asarray(e).astype(bool)) for t, e in groups if len(t)]
    if len(groups) < 2 or not any(event.any() for _, event in groups):
        return None
    times = np.unique(np.concatenate([t[e] for t, e in groups]))
    at_risk = np.stack([len(t) - np.searchsorted(np.sort(t), times, side="left") for t, _ in groups]).astype(float)
    died = np.stack([_count(t[e], times) for t, e in groups])
    all_risk, all_died = at_risk.sum(axis=0), died.sum(axis=0)
    surplus = (died - at_risk * all_died / all_risk).sum(axis=1)
    share = at_risk / all_risk
    with np.errstate(divide="ignore", invalid="ignore"):
        scale = np.where(all_risk > 1, all_died * (all_risk - all_died) / (all_risk - 1), 0.0)
    covariance = -(share * scale) @ share.T
    covariance[np.diag_indices(len(groups))] += (share * scale).sum(axis=1)
    # the rows sum to zero: one group is told by the others
    inner, rest = covariance[:-1, :-1], surplus[:-1]
    statistic = float(rest @ np.linalg.pinv(inner) @ rest)
    degrees = len(groups) - 1
    if not math.isfinite(statistic):
        return None
    return LogRank(statistic=statistic, degrees=degrees, p=float(chdtrc(degrees, statistic)))


def _count(values: np.ndarray, times: np.ndarray) -> np.ndarray:
    return np.bincount(np.searchsorted(times, values), minlength=len(times)).astype(float)
