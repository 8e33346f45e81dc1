"""What cannot change any more: a trajectory is back where it was, or has gone away for good.

Bookkeeping of a few numbers a trajectory, in numpy: its calls cost a third of torch's.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor

from rrdyn.dynamics.returns import Returns
from rrdyn.dynamics.trajectory import Step

DIVERGED = 1e6
"""Times its start's norm."""
PATIENCE = 64
"""Segments within tolerance after which a trajectory is left."""
APART = 100.0
"""Tolerances by which the states of a cycle must differ for it to be left early: it may be a fixed point approached in
turns."""


def _rows(step: Step) -> Any:
    return slice(None) if step.rows is None else step.rows.cpu().numpy()


class Settling:
    """Fixed points and cycles: return distances within tolerance over at least two periods, to the last step.

    It must also stand still in between: a trajectory that has been within tolerance for long may not have moved by more
    than the tolerance over the longest multiple of its period, up to P segments. A slow drift does. What is back at the
    very bits of an earlier state goes round for ever: it stands still if it was within tolerance all the way round,
    however far away it was when it came within tolerance. The states of a cycle differ by more than the tolerance.

    period : (B,) smallest such period as of each trajectory's last step, 0 without.
    settled_at : (B,) first segment that lies on it, -1 without.
    """

    def __init__(self, returns: Returns, tolerance: np.ndarray) -> None:
        """`tolerance` (B,) of return distances."""
        self.returns, self.tolerance = returns, tolerance[:, None]
        self.run = np.zeros((len(tolerance), returns.periods), dtype=np.int64)
        self.period = np.zeros(len(tolerance), dtype=np.int64)
        self.settled_at = self.period - 1
        self.lags = np.arange(1, returns.periods + 1)

    def see(self, step: Step) -> Tensor | None:
        """After `returns` has seen the step."""
        rows, distance = _rows(step), self.returns.now.cpu().numpy()
        tolerance = self.tolerance[rows]
        within = distance <= tolerance
        run = np.where(within, self.run[rows] + 1, 0) if within.any() else np.zeros(within.shape, dtype=np.int64)
        self.run[rows] = run
        self.period[rows], self.settled_at[rows] = 0, -1
        if not (run >= 2).any():
            return None
        longest = np.minimum(run, len(self.lags)) // self.lags * self.lags
        round_ = np.where(distance == 0, self.lags, np.inf).min(1, keepdims=True)
        stands = np.take_along_axis(within, np.maximum(longest - 1, 0), 1) | (run >= round_)
        shorter = np.maximum.accumulate(np.pad(run, ((0, 0), (1, 0))), axis=1)[:, :-1]
        still = (run >= 2 * self.lags) & stands & (shorter < self.lags)
        found, first = still.any(1), still.argmax(1)
        if not found.any():
            return None
        stood = run[np.arange(len(run)), first]
        period = np.where(found, first + 1, 0)
        self.period[rows] = period
        self.settled_at[rows] = np.where(found, step.number + 1 - stood - period, -1)
        repeated = ((distance == 0) & (self.lags <= stood[:, None])).any(1)
        nearer = np.where(self.lags < period[:, None], distance, np.inf).min(1)
        patient = (stood >= PATIENCE) & (stood >= 2 * period) & (nearer > APART * tolerance[:, 0])
        return torch.from_numpy(found & (repeated | patient)).to(self.returns.now.device)


class Departure:
    """Trajectories that diverge: not finite, or above 1e6 times the norm of their start and still growing.

    Growing means twofold by the time that as much time again has passed as it took to get there: a start near 0 is left
    behind by a factor of 1e6 too, by a trajectory that then finds its scale; that scale is its start from then on.

    diverged : (B,) as of each trajectory's last step.
    """

    def __init__(self, returns: Returns) -> None:
        self.returns = returns
        self.start = returns.size.cpu().numpy().copy()
        self.reached = np.zeros_like(self.start)
        self.since = np.zeros(len(self.start), dtype=np.int64)
        self.diverged = np.zeros(len(self.start), dtype=bool)

    def see(self, step: Step) -> Tensor | None:
        """After `returns` has seen the step."""
        rows, size = _rows(step), self.returns.size.cpu().numpy()
        start = self.start[rows]
        if (size <= DIVERGED * start).all():
            self.diverged[rows] = False
            return None
        start = np.where(start == 0, size, start)  # the first norm that is one
        since, reached, beyond = self.since[rows], self.reached[rows], size > DIVERGED * start
        first = beyond & (since == 0)
        since, reached = np.where(first, step.number, since), np.where(first, size, reached)
        passed = (step.number - since) / np.maximum(since, 1)
        growing = beyond & (size >= reached * 2.0 ** np.minimum(passed, 1))
        over = (since > 0) & (passed >= 1)
        gone = ~np.isfinite(size) | (over & growing)
        self.diverged[rows] = gone | growing
        found = over & ~growing
        self.start[rows], self.reached[rows] = np.where(found, size, start), reached
        self.since[rows] = np.where(found, 0, since)
        return torch.from_numpy(gone).to(self.returns.size.device) if gone.any() else None
