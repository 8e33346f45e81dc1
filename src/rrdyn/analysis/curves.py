"""Curves over training steps: their smoothing, their mean over runs, the step at which one first exceeds a level."""

from __future__ import annotations

from collections.abc import Sequence
from functools import reduce

import numpy as np


def ema(values: np.ndarray, span: int) -> np.ndarray:
    """Causal exponential moving average with weight 2 / (span + 1); over a gap the last value holds."""
    from scipy.signal import lfilter

    weight = 2.0 / (span + 1)
    present = np.flatnonzero(~np.isnan(values))
    smooth = np.full(values.shape, np.nan)
    if not present.size:
        return smooth
    kept = values[present]
    state = np.array([(1 - weight) * kept[0]])  # the average starts at the first value
    averages, _ = lfilter([weight], [1.0, weight - 1.0], kept, zi=state)
    since = np.searchsorted(present, np.arange(values.size), side="right") - 1
    smooth[since >= 0] = averages[since[since >= 0]]
    return smooth


def mean_over(steps: Sequence[np.ndarray], lines: Sequence[np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
    """Mean over runs at the steps that all of them logged; on no common step, over what they span together.

    `steps` ascend strictly, one array a run, with `lines` at them.
    """
    shared = reduce(np.intersect1d, steps)
    if shared.size:
        picked = [line[np.searchsorted(own, shared)] for own, line in zip(steps, lines)]
    else:
        low, high = max(own[0] for own in steps), min(own[-1] for own in steps)
        every = np.unique(np.concatenate(steps))
        shared = every[(every >= low) & (every <= high)]
        picked = [np.interp(shared, own, line) for own, line in zip(steps, lines)]
    stacked = np.stack(picked)
    present = ~np.isnan(stacked)
    total = np.where(present, stacked, 0.0).sum(axis=0)
    return shared, np.divide(total, present.sum(axis=0), out=np.full(shared.shape, np.nan), where=present.any(axis=0))


def onset(steps: np.ndarray, values: np.ndarray, level: float) -> int | None:
    """First step at which `values`, unsmoothed, exceed the level; None where they never do."""
    over = np.flatnonzero(values > level)
    return int(steps[over[0]]) if over.size else None
