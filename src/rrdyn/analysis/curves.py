"""Curves over training steps: what was logged, its smoothing, its mean over runs, when it first exceeds a level."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import reduce

import numpy as np

SMOOTHED_ABOVE = 20
"""A curve of no more points is shown as it was logged: an average of a handful would hide them."""


@dataclass(frozen=True)
class Curve:
    """What one run logged of one column: `values` (P,) at `steps` (P,), nothing filled in between; `smooth` (P,) is
    their average, None where there are too few of them."""

    steps: np.ndarray
    values: np.ndarray
    smooth: np.ndarray | None = None

    @property
    def shown(self) -> np.ndarray:
        """(P,) the smoothed values where there are any, else those logged."""
        return self.values if self.smooth is None else self.smooth


def curve(steps: np.ndarray, values: np.ndarray, span: int) -> Curve | None:
    """The rows that have a value, and their moving average where there are more than `SMOOTHED_ABOVE` of them.

    `span` 1 leaves every curve as logged. None where no row has a value.
    """
    there = np.isfinite(values)
    if not there.any():
        return None
    steps, values = steps[there], values[there]
    smooth = ema(values, span) if span > 1 and values.size > SMOOTHED_ABOVE else None
    return Curve(steps, values, smooth)


def ema(values: np.ndarray, span: int) -> np.ndarray:
    """Causal exponential moving average of (P,) values, one after the other, with weight 2 / (span + 1)."""
    from scipy.signal import lfilter

    if not values.size:
        return values
    weight = 2.0 / (span + 1)
    state = np.array([(1 - weight) * values[0]])  # the average starts at the first value
    averages, _ = lfilter([weight], [1.0, weight - 1.0], values, zi=state)
    return np.asarray(averages)


def mean_over(curves: Sequence[Curve]) -> Curve:
    """Mean over runs at the steps that all of them logged; on no common step, over what they span together.

    Its `smooth` is the mean of what the runs' curves show, where any of them is smoothed.
    """
    shared = reduce(np.intersect1d, [one.steps for one in curves])
    if shared.size:
        at = [np.searchsorted(one.steps, shared) for one in curves]
        raw = np.mean([one.values[rows] for one, rows in zip(curves, at)], axis=0)
        shown = np.mean([one.shown[rows] for one, rows in zip(curves, at)], axis=0)
    else:
        low, high = max(one.steps[0] for one in curves), min(one.steps[-1] for one in curves)
        every = np.unique(np.concatenate([one.steps for one in curves]))
        shared = every[(every >= low) & (every <= high)]
        raw = np.mean([np.interp(shared, one.steps, one.values) for one in curves], axis=0)
        shown = np.mean([np.interp(shared, one.steps, one.shown) for one in curves], axis=0)
    smoothed = any(one.smooth is not None for one in curves)
    return Curve(shared, raw, shown if smoothed else None)


def onset(found: Curve, level: float) -> int | None:
    """First step at which the logged values exceed the level; None where they never do, or do from the start."""
    over = np.flatnonzero(found.values > level)
    return int(found.steps[over[0]]) if over.size and over[0] > 0 else None


def mean_onset(steps: Sequence[int]) -> float:
    """The mean of some runs' onsets."""
    return float(np.mean(steps))


def binned(values: np.ndarray, most: int) -> np.ndarray:
    """(P,) values as they are, or the means of `most` equal parts of more of them."""
    if values.size <= most:
        return values
    return np.array([part.mean() for part in np.array_split(values, most)])
