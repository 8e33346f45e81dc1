"""Escapes of several models side by side: on one clock, over one horizon."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np

from rrdyn.analysis.escape import Escapes, fit_exponential, scaled
from rrdyn.analysis.kaplan_meier import log_rank
from rrdyn.analysis.significance import holm
from rrdyn.artifacts.interval import LEVEL, Interval
from rrdyn.artifacts.survival import LogRankRecord, PairRecord, RateRecord


@dataclass(frozen=True, kw_only=True)
class Failures:
    """Of one model: segments after the readout until first right, or until last followed; whether that came."""

    tag: str
    time: np.ndarray  # (N,)
    came: np.ndarray  # (N,) bool
    followed: int
    sub_updates: int | None
    """Module evaluations in a segment, where known."""


def compare(models: Sequence[Failures]) -> LogRankRecord | None:
    """Log-rank over all models and between each pair, and the ratios of their exponential escape rates.

    Time runs in module evaluations, in segments where a file does not tell its clock; everyone is followed as far as
    the one followed least, and escapes after that are left out.
    """
    if len(models) < 2:
        return None
    clocked = all(model.sub_updates for model in models)
    units = [model.sub_updates or 1 if clocked else 1 for model in models]
    horizon = min(model.followed * unit for model, unit in zip(models, units))
    segments = [horizon // unit for unit in units]
    cut = [_until(model, end) for model, end in zip(models, segments)]
    groups = [(np.where(came, time * unit, horizon), came) for (time, came), unit in zip(cut, units)]
    rates = [fit_exponential(Escapes.of(*one)).rate for one in cut]
    whole, places = log_rank(groups), list(combinations(range(len(models)), 2))
    tests = [log_rank([groups[i], groups[j]]) for i, j in places]
    adjusted = holm([None if test is None else test.p for test in tests])
    pairs = [
        PairRecord(
            first=models[i].tag, second=models[j].tag, statistic=None if test is None else test.statistic,
            p=None if test is None else test.p, p_holm=p,
            rate_ratio=_ratios(rates[i], rates[j], units[j] / units[i] if clocked else None),
        )
        for (i, j), test, p in zip(places, tests, adjusted)
    ]  # fmt: skip
    return LogRankRecord(
        clock="module evaluations" if clocked else "segments",
        horizon=horizon,
        segments={model.tag: end for model, end in zip(models, segments)},
        statistic=None if whole is None else whole.statistic,
        degrees=len(models) - 1,
        p=None if whole is None else whole.p,
        pairs=pairs,
    )


def _ratios(one: Interval, two: Interval, clocks: float | None) -> RateRecord | None:
    ratio = _ratio(one, two)
    if ratio is None:
        return None
    return RateRecord(
        per_segment=ratio, per_module_evaluation=None if clocks is None else scaled(ratio, clocks)
    )  # fmt: skip


def _until(model: Failures, end: int) -> tuple[np.ndarray, np.ndarray]:
    return np.minimum(model.time, end), model.came & (model.time <= end)


def _ratio(one: Interval, two: Interval) -> Interval | None:
    """Ratio of two independent rates: their log intervals add in squares."""
    if not one.value or not two.value:
        return None
    first, second = (np.log([i.low or 0.0, i.value or 0.0, i.high or np.inf]) for i in (one, two))
    value = first[1] - second[1]
    down = np.hypot(first[1] - first[0], second[2] - second[1])
    up = np.hypot(first[2] - first[1], second[1] - second[0])
    return Interval(
        value=float(np.exp(value)), low=float(np.exp(value - down)), high=float(np.exp(value + up)), n=one.n + two.n,
        method="log intervals added in squares", level=LEVEL,
    )  # fmt: skip
