"""What becomes of a trajectory: it settles, cycles, winds round a torus, creeps, wanders or diverges.

Decided in the order of the questions: diverged? back where it was (a fixed point, a cycle)? sensitive (chaotic)?
winding (quasiperiodic)? still approaching (slow)? What no question answers is marginal. The first two need states
alone; a trajectory that still moves is followed with two tangents over its last stretch.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from rrdyn.artifacts.errors import UsageError
from rrdyn.dynamics import protocol
from rrdyn.dynamics.late_exponent import LateExponent, LateSeries, LateTangents
from rrdyn.dynamics.lyapunov import Cadence
from rrdyn.dynamics.protocol import Recurrence
from rrdyn.dynamics.returns import TOLERANCE, ClosestReturns, Pace, Returns, noise_floor
from rrdyn.dynamics.settling import Departure, Settling
from rrdyn.dynamics.trajectory import Observer, Step, follow
from rrdyn.runtime.shapes import Float, Integer
from rrdyn.runtime.threads import each

FATES = ("fixed", "cycle", "quasiperiodic", "slow", "marginal", "chaotic", "diverged")
FIXED, CYCLE, QUASIPERIODIC, SLOW, MARGINAL, CHAOTIC, DIVERGED = range(len(FATES))


@dataclass(frozen=True, kw_only=True)
class Fates:
    """What became of B trajectories."""

    fate: Integer[Tensor, " B"]
    """(B,) codes into FATES."""
    period: Integer[Tensor, " B"]
    """(B,) segments after which it returns: 1 of a fixed point, 0 where it does not."""
    settled_at: Integer[Tensor, " B"]
    """(B,) first segment from which it stays on its fixed point or cycle, 0 being the start; -1 where it has none."""
    return_distance: Float[Tensor, "B P"]
    """(B,P) at the end: ||z(t) - z(t-p)|| over the largest norm it has had, p = 1..P; NaN where t < p."""
    lambda_late: Float[Tensor, " B"]
    """(B,) leading exponent of its last stretch, nats per sub-update; NaN where it has settled or diverged."""
    lambda_low: Float[Tensor, " B"]
    """(B,) with lambda_high the 95% interval; NaN also where none holds."""
    lambda_high: Float[Tensor, " B"]
    band: Float[Tensor, " B"]
    """(B,) exponents nearer to 0, nats per sub-update, are not told from 0 over this window."""
    tolerance: Float[Tensor, " B"]
    """(B,) up to which a return distance counts as 0."""
    closest_return: Float[Tensor, " B"]
    """(B,) of the late window, over the largest norm; NaN where it has settled or diverged."""
    segments: Integer[Tensor, " B"]
    """(B,) segments followed."""
    state: Any
    """The last states."""

    @property
    def names(self) -> list[str]:
        """Of the fates."""
        return [FATES[code] for code in self.fate.tolist()]


def classify_fate(
    recurrence: Recurrence | Callable[[Any], Any],
    z0: Any,
    horizon: int,
    *,
    max_period: int = 32,
    tolerance: float | None = None,
    window: int | None = None,
    seed: int = 0,
    keys: Sequence[int] | None = None,
    observers: Sequence[Observer] = (),
) -> Fates:
    """Follow trajectories for up to `horizon` segments and say what became of each.

    recurrence : `model.recurrence(e)`, a map of `rrdyn.dynamics.maps`, or any callable z -> z.
    z0 : state, a tuple of tensors (B,...), or one tensor (B,...).
    max_period : longest period looked for; a longer cycle comes out as slow if it attracts.
    tolerance : return distance that counts as 0; default 32 times what rounding does in one segment, measured.
    window : segments at the end that are followed with tangents, the first quarter of which aligns them; default half
        of the horizon, more of a horizon below 128. At least 43 must be, for an interval, else what moves is marginal.
    seed, keys : name each trajectory's first tangents; keys default to 0, 1, ...
    observers : see every step too; the batch is then followed as one.

    A trajectory is left as soon as its fate cannot change any more: it has diverged, has come back to the very bits of
    an earlier state, or has been within tolerance of its fixed point or cycle for 64 segments.

    On a CPU a recurrence with `rows` is followed one example by one thread: the result of an example is the same bits
    in any batch. Raises UsageError for numbers out of range.
    """
    recurrence, z0 = protocol.as_recurrence(recurrence), protocol.as_state(z0)
    window = min(horizon, max(horizon // 2, min(64, 3 * horizon // 4))) if window is None else window
    _check(horizon, max_period, tolerance, window)
    batch = len(z0[0])
    keys = list(range(batch)) if keys is None else list(keys)

    def follow_rows(index: slice) -> Fates:
        part = recurrence.rows(index) if index != slice(None) else recurrence  # type: ignore[attr-defined]
        inquiry = _Inquiry(part, protocol.take(z0, index), horizon, window, max_period, tolerance)
        return inquiry.answer(seed, keys[index], observers)

    ruled = protocol.has_rule(recurrence)
    with torch.no_grad(), nullcontext() if ruled else protocol.forward_differentiable():
        if z0[0].device.type == "cpu" and hasattr(recurrence, "rows") and not observers:
            alone = [slice(i, i + 1) for i in range(batch)]
            return protocol.together(
                each(follow_rows, alone, parallel=ruled)
            )  # forward differentiation is not thread-safe
        return follow_rows(slice(None))


class _Together:
    """Keeps a batch whole until all of it is done: nobody knows what a callable holds of each example."""

    def __init__(self, observers: Sequence[Observer]) -> None:
        self.observers = observers
        self.done: Tensor | None = None

    def see(self, step: Step) -> Tensor | None:
        for observer in self.observers:
            said = observer.see(step)
            if said is not None:
                # what has left is not asked again, and what diverges stays so
                self.done = said if self.done is None else self.done | said
        return self.done if self.done is not None and bool(self.done.all()) else None


class _Inquiry:
    """One batch, from its first segment to the answer."""

    def __init__(self, recurrence: Recurrence, z0: Any, horizon: int, window: int, max_period: int,
                 tolerance: float | None) -> None:  # fmt: skip
        self.recurrence, self.z0, self.horizon, self.plain = recurrence, z0, horizon, horizon - window
        self.aligning = window // 4
        after, batch = self.plain + self.aligning, len(z0[0])
        floor = noise_floor(recurrence, z0)
        self.tolerance = floor * TOLERANCE if tolerance is None else torch.full_like(floor, tolerance)
        self.segments = torch.zeros_like(floor, dtype=torch.long)
        self.returns = Returns(z0, max_period)
        self.departure = Departure(self.returns)
        self.settling = Settling(self.returns, self.tolerance.cpu().numpy())
        self.closest = ClosestReturns(batch, after, self.returns)
        self.pace = Pace(batch, after, horizon, self.returns)
        self.series = LateSeries(batch, after)

    def answer(self, seed: int, keys: Sequence[int], further: Sequence[Observer]) -> Fates:
        cadence: Cadence = "auto" if len(self.recurrence.sub_updates) > 1 else "segment"
        k = min(2, sum(part[0].numel() for part in self.z0))
        carrier = LateTangents(self.plain, k, seed=seed, keys=keys, qr_every=cadence)
        observers: list[Observer] = [
            self,
            self.returns,
            self.departure,
            self.settling,
            self.closest,
            self.pace,
            self.series,
            *further,
        ]
        if isinstance(self.recurrence, protocol.CallableRecurrence):
            observers = [_Together(observers)]
        state = follow(self.recurrence, self.z0, self.horizon, observers, carrier)
        return self._conclude(state)

    def see(self, step: Step) -> None:
        self.segments[slice(None) if step.rows is None else step.rows] = step.number

    def _conclude(self, state: Any) -> Fates:
        device = self.tolerance.device
        period, settled_at = (torch.from_numpy(x).to(device) for x in (self.settling.period, self.settling.settled_at))
        fate = torch.where(period == 1, FIXED, torch.where(period > 1, CYCLE, MARGINAL))
        fate[torch.from_numpy(self.departure.diverged).to(device)] = DIVERGED
        settled = (fate == FIXED) | (fate == CYCLE)
        late = torch.full((len(fate), 5), torch.nan, dtype=torch.float64)
        for place, row in enumerate(self.series.rows.tolist()):
            if fate[row] == MARGINAL:
                fate[row], late[row] = self._moving(place, float(self.tolerance[row]))
        mean, low, high, band, closest = late.to(device).unbind(1)
        return Fates(
            fate=fate, period=torch.where(settled, period, 0),
            settled_at=torch.where(settled, settled_at, -1), return_distance=self.returns.last,
            lambda_late=mean, lambda_low=low, lambda_high=high, band=band, tolerance=self.tolerance,
            closest_return=closest, segments=self.segments, state=state,
        )  # fmt: skip

    def _moving(self, place: int, tolerance: float) -> tuple[int, Tensor]:
        """The fate of one that has neither settled nor diverged, and (5,) what it was read from."""
        updates = len(self.recurrence.sub_updates)
        lead, second = self.series.exponents(place, self.horizon, updates)
        closest = self.closest.closest_of(place)
        winds = self.closest.winds(place, self.series.segments, tolerance) and lead.aligned(second, self.aligning)
        growth = float(self.pace.growth()[place])
        read = [lead.mean / updates, lead.low / updates, lead.high / updates, lead.band / updates, closest]
        return _fate_of(lead, winds=winds, growth=growth), torch.tensor(read, dtype=torch.float64)


def _fate_of(lead: LateExponent, *, winds: bool, growth: float) -> int:
    """From the leading exponent, whether it winds round a torus, and how fast its own steps grow (nats per segment).

    A trajectory that runs away from a fixed point spreads like its own steps: that is no chaos.
    """
    if lead.low > lead.band and growth < lead.mean / 2:
        return CHAOTIC
    if lead.high < -lead.rounding and (lead.steady or lead.high < -lead.band):
        return SLOW
    if winds and -lead.band <= lead.low and lead.high <= lead.band:
        return QUASIPERIODIC
    return MARGINAL


def _check(horizon: int, max_period: int, tolerance: float | None, window: int) -> None:
    if horizon < 1:
        raise UsageError("horizon is out of range", found=horizon, expected="at least 1")
    if max_period < 1:
        raise UsageError("max_period is out of range", found=max_period, expected="at least 1")
    if tolerance is not None and not 0 < tolerance < 1:
        raise UsageError("tolerance is out of range", found=tolerance, expected="between 0 and 1")
    if not 0 <= window <= horizon:
        raise UsageError("window is out of range", found=window, expected=f"0 to {horizon}, the horizon")
