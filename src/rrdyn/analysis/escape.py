"""Laws of escape: exponential, Weibull, a part that never escapes, two populations; escapes are seen once a segment.

An escape first seen at segment t happened between t - 1 and t, so it contributes log(S(t-1) - S(t)); a trajectory that
never escaped up to the horizon c contributes log S(c). Times are segments after the readout.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from scipy.optimize import brentq, minimize
from scipy.special import chdtri, expit

from rrdyn.analysis.intervals import rule_of_three
from rrdyn.artifacts.interval import LEVEL, Interval
from rrdyn.artifacts.survival import LawRecord, RateRecord

ENOUGH = 20
"""Escapes below which AIC does not choose between laws."""


@dataclass(frozen=True, kw_only=True)
class Escapes:
    """Counts by time: `events[t]` escaped between t and t + 1 segments after the readout, `censored[t]` left at
    t + 1."""

    events: np.ndarray  # (T,)
    censored: np.ndarray  # (T,)

    @staticmethod
    def of(time: np.ndarray, event: np.ndarray) -> Escapes:
        """From times (N,) in whole segments >= 1 and event flags (N,)."""
        time, event = np.asarray(time).astype(int), np.asarray(event).astype(bool)
        size = int(time.max(initial=1))
        return Escapes(
            events=np.bincount(time[event] - 1, minlength=size).astype(float),
            censored=np.bincount(time[~event] - 1, minlength=size).astype(float),
        )

    @property
    def n(self) -> int:
        return int(self.events.sum() + self.censored.sum())

    @property
    def n_events(self) -> int:
        return int(self.events.sum())

    def log_likelihood(self, survival: np.ndarray) -> float:
        """`survival` (T + 1,) at times 0 … T."""
        happened = np.maximum(survival[:-1] - survival[1:], 1e-300)
        with np.errstate(divide="ignore"):
            stayed = np.log(np.maximum(survival[1:], 1e-300))
        return float((self.events * np.log(happened)).sum() + (self.censored * stayed).sum())


@dataclass(frozen=True, kw_only=True)
class Law:
    """One fitted law; `rate` is its mean hazard over the horizon, per segment."""

    name: str
    parameters: dict[str, Interval]
    log_likelihood: float
    rate: Interval
    survival: Callable[[np.ndarray], np.ndarray] = field(repr=False)

    @property
    def aic(self) -> float:
        return 2 * len(self.parameters) - 2 * self.log_likelihood

    def record(self, times: np.ndarray, sub_updates: int | None) -> LawRecord:
        """As written, with the curve at `times` (segments after the readout)."""
        return LawRecord(
            aic=self.aic,
            log_likelihood=self.log_likelihood,
            parameters=self.parameters,
            escape_rate=RateRecord(
                per_segment=self.rate,
                per_module_evaluation=None if sub_updates is None else scaled(self.rate, 1 / sub_updates),
            ),
            curve=[float(value) for value in self.survival(times)],
        )


def scaled(interval: Interval, factor: float) -> Interval:
    """The same interval in another unit."""

    def times(value: float | None) -> float | None:
        return None if value is None else value * factor

    return Interval(
        value=times(interval.value), low=times(interval.low), high=times(interval.high), n=interval.n,
        method=interval.method, level=interval.level,
    )  # fmt: skip


def fit_exponential(escapes: Escapes, level: float = LEVEL) -> Law:
    """S(t) = exp(-rate t), in closed form; the interval is where twice the log-likelihood falls by chi^2's quantile."""
    steps = np.arange(len(escapes.events))
    passed = float((escapes.events * steps).sum() + (escapes.censored * (steps + 1)).sum())  # segments survived
    found = escapes.n_events
    if found == 0:
        bound = rule_of_three(1, level) / max(passed, 1e-300)
        interval = Interval(value=0.0, low=0.0, high=bound, n=escapes.n, method="rule of three", level=level)
        return Law(name="exponential", parameters={"rate": interval}, log_likelihood=0.0, rate=interval,
                   survival=lambda t: np.ones(np.shape(t)))  # fmt: skip

    def likelihood(rate: float) -> float:
        return found * math.log(-math.expm1(-rate)) - rate * passed

    rate = math.log1p(found / passed) if passed > 0 else 50.0
    best = likelihood(rate)
    drop = chdtri(1, 1 - level) / 2

    def excess(log_rate: float) -> float:
        return float(best - likelihood(math.exp(log_rate)) - drop)

    centre = math.log(rate)
    low = brentq(excess, centre - 30, centre)
    high = brentq(excess, centre, centre + 30) if passed > 0 else math.inf
    interval = Interval(
        value=rate, low=math.exp(low), high=math.exp(high), n=escapes.n, method="profile likelihood", level=level
    )
    return Law(
        name="exponential",
        parameters={"rate": interval},
        log_likelihood=best,
        rate=interval,
        survival=lambda t: np.exp(-rate * np.asarray(t, float)),
    )


_Shape = Callable[[np.ndarray, np.ndarray], np.ndarray]  # (free parameters, times) -> survival


def _weibull(free: np.ndarray, t: np.ndarray) -> np.ndarray:
    with np.errstate(divide="ignore", over="ignore"):
        return np.asarray(np.exp(-np.exp(np.clip(np.exp(free[1]) * (np.log(t) - free[0]), -700, 50))))


def _two_populations(free: np.ndarray, t: np.ndarray) -> np.ndarray:
    share = expit(free[0])
    fast, slow = np.exp(free[1]), np.exp(free[2])
    return np.asarray(share * np.exp(-fast * t) + (1 - share) * np.exp(-slow * t))


def fit_weibull(escapes: Escapes, level: float = LEVEL) -> Law | None:
    """S(t) = exp(-(t / scale)^shape); shape < 1 means a hazard that falls with time. None without two events."""
    if escapes.n_events < 2:
        return None
    rate = max(fit_exponential(escapes).rate.value or 0.0, 1e-9)
    starts = [np.array([-math.log(rate), math.log(shape)]) for shape in (0.5, 1.0, 2.0)]
    bounds = [(-10.0, 40.0), (-4.0, 4.0)]
    best = _maximise(_weibull, escapes, starts, bounds)
    names = {"scale": (0, np.exp), "shape": (1, np.exp)}
    return _law("weibull", _weibull, escapes, best, bounds, names, level)


def _cured(free: np.ndarray, t: np.ndarray) -> np.ndarray:
    never = expit(free[0])
    return np.asarray(never + (1 - never) * np.exp(-np.exp(free[1]) * t))


def fit_cure(escapes: Escapes, level: float = LEVEL) -> Law | None:
    """S(t) = cured + (1 - cured) exp(-rate t): a part that never escapes (Boag 1949). None without two events.

    The share is told from slow escapes by what happens up to the horizon only: its interval reaches 0 where escapes
    have not run out by then.
    """
    if escapes.n_events < 2:
        return None
    rate = max(fit_exponential(escapes).rate.value or 0.0, 1e-6)
    bounds = [(-12.0, 12.0), (math.log(1e-4 / len(escapes.events)), 4.0)]
    starts = [
        np.array([odds, min(max(math.log(rate * up), bounds[1][0]), 3.9)])
        for odds in (-6.0, -1.0, 1.0, 4.0)
        for up in (1.0, 5.0, 50.0)
    ]
    best = _maximise(_cured, escapes, starts, bounds)
    names = {"cured": (0, expit), "rate": (1, np.exp)}
    return _law("cure", _cured, escapes, best, bounds, names, level)


def fit_two_populations(escapes: Escapes, level: float = LEVEL) -> Law | None:
    """S(t) = w exp(-fast t) + (1 - w) exp(-slow t): `fast_share` w escapes at `fast_rate`, the rest at `slow_rate`.

    A slow rate of practically 0 is a part that never escapes. None below four events.
    """
    if escapes.n_events < 4:
        return None
    rate = max(fit_exponential(escapes).rate.value or 0.0, 1e-6)
    size = len(escapes.events)
    floor = math.log(1e-4 / size)  # slower than one escape in ten thousand horizons is "never"
    bounds = [(-8.0, 8.0), (floor, 4.0), (floor, 4.0)]
    starts = [
        np.array([odds, min(math.log(rate * up), 3.9), max(math.log(rate * down), floor)])
        for odds in (-2.0, -1.0, 0.0, 1.0)
        for up, down in ((2.0, 0.3), (10.0, 0.1), (30.0, 0.01))
    ]
    best = _maximise(_two_populations, escapes, starts, bounds)
    if best[1] < best[2]:
        best = np.array([-best[0], best[2], best[1]])
    names = {"fast_share": (0, expit), "fast_rate": (1, np.exp), "slow_rate": (2, np.exp)}
    return _law("two_population", _two_populations, escapes, best, bounds, names, level)


def _maximise(
    shape: _Shape,
    escapes: Escapes,
    starts: list[np.ndarray],
    bounds: list[tuple[float, float]],
    fixed: int | None = None,
) -> np.ndarray:
    """Free parameters of the largest likelihood over the starts; one of them may be held."""
    times = np.arange(len(escapes.events) + 1, dtype=float)
    free = [place for place in range(len(bounds)) if place != fixed]

    def loss(x: np.ndarray, held: np.ndarray) -> float:
        full = held.copy()
        full[free] = x
        return -escapes.log_likelihood(shape(full, times))

    best, lowest = starts[0], math.inf
    for start in starts:
        limits = [bounds[place] for place in free]
        result = minimize(loss, start[free], args=(start,), method="L-BFGS-B", bounds=limits, options={"ftol": 1e-12})
        if result.fun < lowest - 1e-9:
            lowest = float(result.fun)
            best = start.copy()
            best[free] = result.x
    if fixed is None:  # finite differences leave the last digits to a simplex
        result = minimize(loss, best, args=(best,), method="Nelder-Mead", bounds=bounds,
                          options={"xatol": 1e-8, "fatol": 1e-10, "maxiter": 4000})  # fmt: skip
        best = result.x if result.fun <= lowest else best
    return best


def _law(
    name: str,
    shape: _Shape,
    escapes: Escapes,
    best: np.ndarray,
    bounds: list[tuple[float, float]],
    names: Mapping[str, tuple[int, Callable[[Any], Any]]],
    level: float,
) -> Law:
    times = np.arange(len(escapes.events) + 1, dtype=float)
    top = escapes.log_likelihood(shape(best, times))
    parameters = {
        label: _profiled(shape, escapes, best, bounds, place, top, unit, level)
        for label, (place, unit) in names.items()
    }
    mean_hazard = -math.log(max(float(shape(best, times[-1:])[0]), 1e-300)) / float(times[-1])
    rate = Interval(
        value=mean_hazard, low=None, high=None, n=escapes.n, method="mean hazard over the horizon", level=level
    )
    return Law(name=name, parameters=parameters, log_likelihood=top, rate=rate,
               survival=lambda t: shape(best, np.asarray(t, float)))  # fmt: skip


def _profiled(
    shape: _Shape, escapes: Escapes, best: np.ndarray, bounds: list[tuple[float, float]], place: int, top: float,
    unit: Callable[[Any], Any], level: float,
) -> Interval:  # fmt: skip
    """Profile-likelihood interval of one parameter: the others are fitted again at each trial value."""
    drop = chdtri(1, 1 - level) / 2
    times = np.arange(len(escapes.events) + 1, dtype=float)

    def excess(value: float) -> float:
        start = best.copy()
        start[place] = value
        fitted = _maximise(shape, escapes, [start], bounds, fixed=place)
        return float(top - escapes.log_likelihood(shape(fitted, times)) - drop)

    ends = []
    for side, limit in ((-1, bounds[place][0]), (1, bounds[place][1])):
        inner, step = float(best[place]), 0.25
        outer = inner
        while True:
            outer = max(limit, outer - step) if side < 0 else min(limit, outer + step)
            if excess(outer) > 0:
                ends.append(brentq(excess, *sorted((inner, outer)), xtol=1e-4))
                break
            if outer == limit:
                ends.append(-math.inf if side < 0 else math.inf)
                break
            inner, step = outer, step * 2
    low, high = float(unit(ends[0])), float(unit(ends[1]))
    return Interval(
        value=float(unit(best[place])), low=low, high=high if math.isfinite(high) else None, n=escapes.n,
        method="profile likelihood", level=level,
    )  # fmt: skip


def fit_all(escapes: Escapes, level: float = LEVEL) -> list[Law]:
    """The laws that the data allow, exponential first."""
    fits = (fit_exponential, fit_weibull, fit_cure, fit_two_populations)
    laws = [fit(escapes, level) for fit in fits]
    return [law for law in laws if law is not None]
