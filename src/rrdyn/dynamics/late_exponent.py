"""The leading exponents of the end of a trajectory, with an interval that also holds on quasiperiodic motion.

Tangents are followed over a last stretch only; the frame aligns in its first quarter. The rest is cut into batches, in
each of which log R is averaged with a smooth weight that vanishes at both ends: on quasiperiodic motion such an average
converges faster than any power of its length (Das, Saiki, Sander, Yorke, Nonlinearity 30 (2017) 4111), where a plain
mean keeps an error of 1/length; on chaos it costs a third of the precision. Student's t on the batches gives the
interval.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import torch
from scipy.special import stdtrit
from torch import Tensor

from rrdyn.dynamics.exponents import FEWEST, correlated
from rrdyn.dynamics.lyapunov import Cadence, Tangents, first_frame
from rrdyn.dynamics.protocol import Recurrence
from rrdyn.dynamics.returns import Positions
from rrdyn.dynamics.trajectory import Plain, Spread, Step

BAND = 3.0
"""Log growth over a window, nats, that is not told from 0: a power of the time that has passed grows as much."""
BLOCKS = 512
"""Sums kept of a series: neighbours are added where there are more, so that memory does not grow with it."""


class LateTangents:
    """Carries trajectories plainly for `plain` segments and with k tangents from then on."""

    def __init__(self, plain: int, k: int, *, seed: int, keys: Sequence[int], qr_every: Cadence) -> None:
        self.plain, self.k, self.seed, self.keys, self.qr_every = plain, k, seed, list(keys), qr_every
        self.carrier: Plain | Tangents = Plain()

    def advance(self, recurrence: Recurrence, state: Any) -> tuple[Any, Spread | None]:
        if self.plain == 0 and isinstance(self.carrier, Plain):
            dtype = torch.float64 if state[0].dtype == torch.float64 else torch.float32
            self.carrier = Tangents(first_frame(state, self.k, dtype, self.seed, self.keys), self.qr_every)
        self.plain = max(self.plain - 1, 0)
        return self.carrier.advance(recurrence, state)

    def keep(self, index: Tensor) -> None:
        self.keys = [self.keys[i] for i in index.tolist()]
        self.carrier.keep(index)


class LateSeries:
    """log R of every segment after `after`, nats, as sums over blocks of equal length (blocks,b,K), oldest first.

    Of the trajectories still followed.
    """

    def __init__(self, batch: int, after: int) -> None:
        self.after, self.length, self.open = after, 1, 0
        self.sums: list[Tensor] = []
        self._positions = Positions(batch)

    def see(self, step: Step) -> None:
        found = self._positions.of(step)
        if found is not None:
            self.sums = [total[found] for total in self.sums]
        if step.number <= self.after or step.spread is None:
            return
        self.epsilon = torch.finfo(step.spread.frame[0].dtype).eps
        grown = step.spread.log_r.sum(0).cpu()
        if self.open == 0:
            self.sums.append(grown)
        else:
            self.sums[-1] = self.sums[-1] + grown
        self.open = (self.open + 1) % self.length
        if len(self.sums) == BLOCKS and self.open == 0:
            self.sums = [a + b for a, b in zip(self.sums[::2], self.sums[1::2])]
            self.length *= 2

    @property
    def rows(self) -> Tensor:
        """(b,) which of all trajectories these are."""
        return self._positions.rows

    @property
    def segments(self) -> int:
        """How many stand behind the sums."""
        return (len(self.sums) - (self.open > 0)) * self.length

    def exponents(self, place: int, end: int, updates: int) -> tuple[LateExponent, LateExponent]:
        """The two largest of the trajectory at `place` that ended at segment `end`, of segments of so many sub-updates.

        Twice the same where only one is known.
        """
        whole = self.sums[:-1] if self.open else self.sums
        if not whole:
            return UNKNOWN, UNKNOWN
        sums = torch.stack([total[place] for total in whole]).numpy()
        rounding = 16 * self.epsilon * updates
        found = [late_exponent(column, self.length, end - self.open, rounding) for column in sums.T]
        found.sort(key=lambda exponent: -exponent.mean)
        return found[0], found[-1]


class LateExponent(NamedTuple):
    """One exponent over a window at the end, nats per segment; NaN where it does not hold."""

    mean: float
    low: float
    high: float
    segments: int
    """Of the window."""
    steady: bool
    """Whether it is the same in the last half of the window, and not one that falls like 1/t."""
    rounding: float
    """What an exponent of 0 may measure."""

    @property
    def band(self) -> float:
        """Nearer to 0 it is not told from it."""
        return BAND / self.segments if self.segments else math.inf

    def aligned(self, second: LateExponent, segments: int) -> bool:
        """Whether in so many segments the first tangent has come to stand in its direction, or may turn in a plane."""
        return (self.mean - second.mean) * segments >= 1 or abs(second.mean) <= second.band


UNKNOWN = LateExponent(math.nan, math.nan, math.nan, 0, False, 0.0)


def late_exponent(sums: np.ndarray, length: int, end: int, rounding: float) -> LateExponent:
    """An exponent from M block sums (M,) of log R over `length` segments each, the last ending at segment `end`.

    The window is the longest of all blocks, their last half, quarter, ... whose interval holds the estimate of its own
    last half. rounding : what an exponent of 0 may measure, nats per segment.
    """
    window = len(sums)
    whole = UNKNOWN
    while window >= FEWEST and window * length >= FEWEST:
        found = _over(sums[-window:] / length, length, end, rounding)
        if found.low <= smooth_mean(sums[-(window // 2) :]) / length <= found.high:
            return found
        whole = found if whole is UNKNOWN else whole
        window //= 2
    return whole._replace(low=math.nan, high=math.nan, steady=False)


def smooth_mean(series: np.ndarray) -> float:
    """Mean with weights exp(-1 / u(1-u)) along the series."""
    weights = _smooth(len(series))
    return float(weights @ series)


def _smooth(n: int) -> np.ndarray:
    u = (np.arange(n) + 0.5) / n
    weights = np.exp(-1 / (u * (1 - u)))
    return np.asarray(weights / weights.sum())


def _over(rates: np.ndarray, length: int, end: int, rounding: float) -> LateExponent:
    """Of one window, from rates (M,) per segment of its blocks."""
    mean, segments = smooth_mean(rates), len(rates) * length
    batches = int(np.clip(math.sqrt(len(rates)) / 2, 4, 30))
    steady = _steady(rates, length, end)
    estimates = _batches(rates, batches)
    spread = float(np.ptp(estimates))
    if spread <= max(rounding, abs(mean) / 10):
        # what is left is a drift, or rounding, and no chance: the batches themselves are the bounds
        half = max(_half(estimates), float(abs(estimates - mean).max()), rounding)
        return LateExponent(mean, mean - half, mean + half, segments, steady, rounding)
    for pieces in (64, 32, 16):
        if not correlated(rates, pieces):
            estimates = _batches(rates, min(batches, max(pieces // 2, 4)))
            centre, half = float(estimates.mean()), _half(estimates)
            return LateExponent(centre, centre - half, centre + half, segments, steady, rounding)
    return LateExponent(mean, math.nan, math.nan, segments, steady, rounding)


def _batches(rates: np.ndarray, number: int) -> np.ndarray:
    size = len(rates) // number
    return np.asarray(rates[len(rates) - number * size :].reshape(number, size) @ _smooth(size))


def _half(estimates: np.ndarray) -> float:
    number = len(estimates)
    return float(stdtrit(number - 1, 0.975) * estimates.std(ddof=1) / math.sqrt(number))


def _steady(rates: np.ndarray, length: int, end: int) -> bool:
    """Whether the last half of the window changes the estimate by less than half of what a rate of 1/t would."""
    half = len(rates) // 2
    number = end - length * (np.arange(len(rates))[::-1] + 0.5)
    falling = smooth_mean(1 / number[-half:]) / smooth_mean(1 / number)
    mean = smooth_mean(rates)
    return mean != 0 and abs(smooth_mean(rates[-half:]) / mean - 1) <= (1 - falling) / 2
