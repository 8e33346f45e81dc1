"""What can be said from a series of log R: running estimates, intervals, convergence, the Kaplan-Yorke dimension."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from scipy.special import ndtri, stdtrit

from rrdyn.artifacts.errors import UsageError

FEWEST = 32
"""Blocks that must stand behind an interval."""


class Estimate(NamedTuple):
    """Mean exponents with their interval, each of the shape of the exponents."""

    mean: np.ndarray
    low: np.ndarray
    high: np.ndarray


class Dimension(NamedTuple):
    """A Kaplan-Yorke dimension; `bounded` is False where the known exponents still sum to more than 0."""

    value: float
    bounded: bool


def running(log_r: np.ndarray, steps: int = 1) -> np.ndarray:
    """Exponents (T,...) as they stood after each of T blocks; log_r (T,...) summed over `steps` sub-updates a block."""
    blocks = np.arange(1, len(log_r) + 1).reshape(-1, *[1] * (log_r.ndim - 1))
    return np.cumsum(log_r, axis=0) / (steps * blocks)


def batch_means(log_r: np.ndarray, steps: int = 1, *, level: float = 0.95, batches: int | None = None) -> Estimate:
    """Mean exponents of T blocks log_r (T,...) with a confidence interval that allows for correlation in time.

    The series is cut into `batches` (default sqrt(T)/2, from 4 to 30) equal pieces, whose means are nearly independent;
    Student's t on them (Law, Simulation Modeling and Analysis, ch. 9). What is left over comes off the beginning, where
    the tangents align. low and high are NaN where fewer than 32 blocks stand behind them or pieces are correlated: such
    an interval is too narrow. Raises UsageError for a series shorter than two batches.
    """
    T = len(log_r)
    number = batches or int(np.clip(math.sqrt(T) / 2, 4, 30))
    if number < 2 or number > T:
        raise UsageError("the series is too short for an interval", found=f"{T} blocks, {number} batches",
                         expected="two batches or more, each of a block or more")  # fmt: skip
    length = T // number
    kept = np.asarray(log_r[T - number * length :]) / steps
    means = kept.reshape(number, length, *kept.shape[1:]).mean(1)
    mean = means.mean(0)
    half = stdtrit(number - 1, 0.5 + level / 2) * means.std(0, ddof=1) / math.sqrt(number)
    half = np.where((T < FEWEST) | correlated(log_r, level=0.999), np.nan, half)
    return Estimate(mean, mean - half, mean + half)


def correlated(log_r: np.ndarray, pieces: int = 64, level: float = 0.95) -> np.ndarray:
    """Whether the means of neighbouring pieces of a series log_r (T,...) are alike, in (...).

    The variance ratio of sums over 4 of the `pieces` (at most T) to 1 is above what independent ones stay below with
    probability `level` (Lo & MacKinlay, Review of Financial Studies 1 (1988) 41).
    """
    pieces = min(pieces, len(log_r))
    if pieces < 4:
        return np.zeros(log_r.shape[1:], dtype=bool)
    length = len(log_r) // pieces
    kept = np.asarray(log_r[len(log_r) - pieces * length :])
    off = kept.reshape(pieces, length, *kept.shape[1:]).mean(1)
    off = off - off.mean(0)
    ratio = np.square(off).sum(0)
    for lag in (1, 2, 3):
        ratio = ratio + 2 * (1 - lag / 4) * (off[lag:] * off[:-lag]).sum(0)
    # 2 (2q - 1)(q - 1) / 3q for q = 4
    return np.asarray(ratio > (1 + ndtri(level) * math.sqrt(3.5 / pieces)) * np.square(off).sum(0))


def drift_of_estimate(log_r: np.ndarray, steps: int = 1) -> np.ndarray:
    """How far the estimate of the second half lies from that of the first: not converged where it is large."""
    half = len(log_r) // 2
    first, second = log_r[:half], log_r[len(log_r) - half :]
    return np.asarray((second.mean(0) - first.mean(0)) / steps)


def of_each(log_r: np.ndarray, steps: int, n: int | None = None) -> dict[str, np.ndarray]:
    """What `diag.npz` says of exponents beyond their values; log_r (N,T,k) summed over `steps` sub-updates a block.

    Columns are in the order of `lyap_spec`, largest exponent first. NaN where the series is too short to say (an
    interval takes four blocks, a drift two) or not finite, even in one number. Each puzzle by itself, so that its bits
    do not depend on the others. n : dimension of the state, that of `kaplan_yorke_dimension`.
    """
    rows = [_of_one(series, steps, n) for series in log_r]
    return {key: np.array([row[key] for row in rows]) for key in rows[0]}


def _of_one(series: np.ndarray, steps: int, n: int | None) -> dict[str, np.ndarray | float | bool]:
    unknown = np.full_like(series[0], np.nan)
    if not np.isfinite(series).all():  # no order of the columns would be that of `lyap_spec`
        return {
            "lyap_drift": unknown,
            "lyap_low": unknown,
            "lyap_high": unknown,
            "kaplan_yorke": math.nan,
            "kaplan_yorke_bounded": False,
        }
    exponents = series.mean(0) / steps
    ordered = series[:, np.argsort(-exponents, kind="stable")]
    interval = batch_means(ordered, steps) if len(ordered) >= 4 else Estimate(unknown, unknown, unknown)
    dimension = kaplan_yorke_dimension(exponents, n)
    return {
        "lyap_drift": drift_of_estimate(ordered, steps) if len(ordered) >= 2 else unknown,
        "lyap_low": interval.low,
        "lyap_high": interval.high,
        "kaplan_yorke": dimension.value,
        "kaplan_yorke_bounded": dimension.bounded,
    }


def kaplan_yorke_dimension(exponents: np.ndarray, n: int | None = None) -> Dimension:
    """j + (lambda_1 + ... + lambda_j) / |lambda_{j+1}|, j the largest count whose sum is not negative.

    Kaplan & Yorke, Lecture Notes in Mathematics 730 (1979) 204. Of leading exponents only, the dimension is known
    once their sum is negative; until then their number is a lower bound. n is the dimension of the state: where all n
    exponents are given and their sum is not negative, the dimension is n, and no bound.
    """
    ordered = np.sort(np.asarray(exponents, dtype=float))[::-1]
    sums = np.cumsum(ordered)
    if not np.isfinite(sums).all():
        return Dimension(math.nan, False)
    below = np.flatnonzero(sums < 0)
    if len(below) == 0:
        return Dimension(float(len(ordered)), len(ordered) == n)
    j = int(below[0])
    return Dimension(float(j + (sums[j - 1] if j else 0.0) / abs(ordered[j])), True)
