"""How near a trajectory comes to where it has been, after p segments and over a growing window, and what
counts as back.

||z(t) - z(t-p)|| is taken over the largest norm that the trajectory has had: divided by ||z(t)|| itself it would stay 1
forever on z <- z/2. The norm is that of the joint state, over all its parts, summed in float64.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from rrdyn.dynamics import protocol
from rrdyn.dynamics.observers import Table
from rrdyn.dynamics.protocol import Recurrence
from rrdyn.dynamics.trajectory import Step, plain_segment

TOLERANCE = 32.0
"""Return distances that count as 0, in units of what rounding does in one segment: 1 is usual, 20 was met on cycles."""
ANCHORS = 8
"""States whose closest returns are followed."""
OCTAVES = 40
"""Lags up to 2^40."""


def joint_norm(parts: Sequence[Tensor]) -> Tensor:
    """(B,) L2 norm over all parts (B,...), summed in float64."""
    return _lengths([part[:, None] for part in parts])[:, 0]


def _lengths(parts: Sequence[Tensor]) -> Tensor:
    """(B,C) joint norms of C states each, parts (B,C,...)."""
    norms = [torch.linalg.vector_norm(part.flatten(2), dim=2, dtype=torch.float64) for part in parts]
    total: Tensor = norms[0]
    for norm in norms[1:]:
        total = total.hypot(norm)
    return total


def noise_floor(recurrence: Recurrence, z0: Any) -> Tensor:
    """(B,) how far rounding takes a state in one segment, over its norm: at least the epsilon of its dtype.

    Measured after the first segment: the distance of what comes of z and of z with every number moved by one epsilon,
    up and down in turn.
    """
    z = plain_segment(recurrence, z0)
    moved = plain_segment(recurrence, z)
    shaken = plain_segment(recurrence, protocol.rebuild(z, map(_shake, z)))
    scale = torch.stack([joint_norm(state) for state in (z0, z, moved)]).amax(0)
    apart = joint_norm([a - b for a, b in zip(moved, shaken)]) / scale
    return apart.nan_to_num(0.0, posinf=0.0).clamp_min(max(torch.finfo(part.dtype).eps for part in z0))


def _shake(part: Tensor) -> Tensor:
    epsilon = torch.finfo(part.dtype).eps
    sign = 1 - 2 * (torch.arange(part[0].numel(), device=part.device) % 2).view(part.shape[1:])
    return part * (1 + epsilon * sign).to(part.dtype)


class Positions:
    """Where the trajectories still followed stand among those of the step before."""

    def __init__(self, batch: int) -> None:
        self.rows = torch.arange(batch)

    def of(self, step: Step) -> Tensor | None:
        """(b,) positions among the trajectories last seen; None where no one has left."""
        if step.rows is None or len(step.rows) == len(self.rows):
            return None
        rows = step.rows.cpu()
        found = torch.searchsorted(self.rows, rows)
        self.rows = rows
        return found


class Past(NamedTuple):
    """What return distances need of a trajectory to go on with it."""

    states: tuple[Tensor, ...]
    """Parts (B,R,...): its last R states, the last one last; NaN where they are not known."""
    largest: Tensor
    """(B,) largest norm it has had; NaN where it is not known, and so is every return distance from there on."""


class Returns:
    """Return distances after 1..P segments; memory for P states, whatever the number of segments.

    now : (b,P) of the last step, ||z(t) - z(t-p)|| / max_{s<=t} ||z(s)||; z(0) counts; NaN where t < p; 0 where the
        trajectory has been 0 all along.
    last : (B,P) of every trajectory's last step.
    size : (b,) norm after the last step; scale : (b,) the largest so far, at least the smallest normal number.
    """

    def __init__(self, z0: Any, periods: int, *, series: bool = False, past: Past | None = None) -> None:
        """`series` keeps every step's, for `distances`; `past` is of trajectories that go on from their end z0."""
        state = protocol.as_state(z0)
        batch = state[0].shape[0]
        self.periods, self.seen = periods, 0
        self.ring = [part.new_full((batch, periods, *part.shape[1:]), torch.nan) for part in state]
        self._store(state)
        self.size = joint_norm(state)
        self.scale = self.size.clamp_min(torch.finfo(torch.float64).tiny)
        if past is not None:
            self._recall(past)
        self.last = self.size.new_full((batch, periods), torch.nan)
        self.table = Table(batch) if series else None
        self._positions = Positions(batch)

    def see(self, step: Step) -> None:
        found = self._positions.of(step)
        if found is not None:
            self.ring = [part[found] for part in self.ring]
            self.scale = self.scale[found]
        self.seen += 1
        self.size = joint_norm(step.state)
        self.scale = torch.maximum(self.scale, self.size)
        apart = _lengths([past - part[:, None] for past, part in zip(self.ring, step.state)])
        self.now = apart.roll(self.seen - 1, 1) / self.scale[:, None]
        self._store(step.state)
        self.last = self.now if step.rows is None else self.last.index_copy(0, step.rows, self.now)
        if self.table is not None:
            self.table.put(step, return_distance=self.now)

    def distances(self, segments: int | None = None) -> Tensor:
        """(B,T,P) of every step; NaN where a trajectory had left, up to `segments`."""
        assert self.table is not None
        return self.table.columns(segments)["return_distance"]

    def past(self) -> Past:
        """Of the trajectories that are still followed."""
        known = min(self.seen + 1, self.periods)
        latest_first = [ring.roll(self.seen, 1)[:, :known] for ring in self.ring]
        return Past(tuple(states.flip(1) for states in latest_first), self.scale)

    def _recall(self, past: Past) -> None:
        self.seen, self.scale = -1, past.largest.to(self.scale)
        for states in zip(*(part.unbind(1) for part in past.states)):
            self.seen += 1
            self._store(states)

    def _store(self, state: Any) -> None:
        """Backwards round the ring, so that rolled by their number states lie latest first."""
        slot = -self.seen % self.periods
        for ring, part in zip(self.ring, state):
            ring[:, slot] = part


class ClosestReturns:
    """Closest returns to a few states by the time they took: on a torus they shrink as the window grows.

    The states are those after segments `after` + 1, `after` + 2, ... A return counts once the trajectory has been away
    and has come back half of the way.

    closest : (b,ANCHORS,OCTAVES) of the trajectories still followed: the closest return, over the largest norm, among
        those that took from 2^j to 2^(j+1) - 1 segments; inf where there was none.
    """

    def __init__(self, batch: int, after: int, returns: Returns) -> None:
        self.after, self.returns = after, returns
        self.anchors: list[Tensor] | None = None
        self.closest = np.full((batch, ANCHORS, OCTAVES), np.inf)
        self.farthest = np.zeros((batch, ANCHORS))
        self.back = np.zeros((batch, ANCHORS), dtype=bool)
        self._positions = Positions(batch)

    def see(self, step: Step) -> None:
        """After `returns` has seen the step."""
        found = self._positions.of(step)
        if found is not None:
            index = found.numpy()
            self.closest, self.farthest, self.back = self.closest[index], self.farthest[index], self.back[index]
            self.anchors = self.anchors and [part[found] for part in self.anchors]
        since = step.number - self.after
        if since < 1:
            return
        if self.anchors is None:
            self.anchors = [part.new_full((len(part), ANCHORS, *part.shape[1:]), torch.nan) for part in step.state]
        apart = _lengths([anchor - part[:, None] for anchor, part in zip(self.anchors, step.state)])
        self._note((apart / self.returns.scale[:, None]).cpu().numpy(), since)
        if since <= ANCHORS:
            for anchor, part in zip(self.anchors, step.state):
                anchor[:, since - 1] = part

    def _note(self, distance: np.ndarray, since: int) -> None:
        known = min(since - 1, ANCHORS)
        octaves = [(since - i).bit_length() - 1 for i in range(1, known + 1)]
        distance, anchor = distance[:, :known], np.arange(known)
        away = np.maximum(self.farthest[:, :known], distance)
        back = self.back[:, :known] | (distance < away / 2)
        before = self.closest[:, anchor, octaves]
        self.closest[:, anchor, octaves] = np.where(back, np.minimum(before, distance), before)
        self.farthest[:, :known], self.back[:, :known] = away, back

    def closest_of(self, place: int) -> float:
        """The closest return of all, median over its states."""
        return float(np.median(self.closest[place].min(-1)))

    def winds(self, place: int, window: int, tolerance: float) -> bool:
        """Whether returns of the trajectory at `place` grow closer as the `window` grows, as they do on a torus.

        They halve, at least, from a sixteenth of the window (or from the first return, where that comes later) to the
        whole, end nearer than a third of the farthest distance, and never repeat: up to `tolerance` is a cycle.
        """
        best = np.minimum.accumulate(self.closest[place], axis=-1)
        last = best[:, -1]
        if not np.isfinite(last).all():
            return False
        first = np.maximum(np.isfinite(best).argmax(-1), max((window // 16).bit_length() - 1, 0))
        shrunk = last / best[np.arange(ANCHORS), first]
        near = last / self.farthest[place]
        return bool(np.median(shrunk) <= 0.5 and np.median(near) <= 1 / 3 and np.median(last) > tolerance)


class Pace:
    """How much longer the longest step has become from the first quarter of the segments after `after` to the last.

    first, last : (b,) of the trajectories still followed.
    """

    def __init__(self, batch: int, after: int, horizon: int, returns: Returns) -> None:
        self.after, self.horizon, self.returns = after, horizon, returns
        self.quarter = max((horizon - after) // 4, 1)
        self.first = self.last = returns.size * 0
        self._positions = Positions(batch)

    def see(self, step: Step) -> None:
        """After `returns` has seen the step."""
        found = self._positions.of(step)
        if found is not None:
            self.first, self.last = self.first[found], self.last[found]
        early = self.after < step.number <= self.after + self.quarter
        late = step.number > self.horizon - self.quarter
        if early or late:
            moved = self.returns.now[:, 0] * self.returns.scale
            self.first = torch.maximum(self.first, moved) if early else self.first
            self.last = torch.maximum(self.last, moved) if late else self.last

    def growth(self) -> Tensor:
        """(b,) nats per segment."""
        return (self.last / self.first).log() / max(self.horizon - self.after - self.quarter, 1)
