"""The one loop over segments: follow any recurrence from a state, and let observers note what happened.

A carrier takes a state one segment further: plainly, with tangents (`lyapunov.Tangents`), or beside a nearby trajectory
(`growth.Nearby`). Observers see every step; what they keep is theirs.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable

import torch
from torch import Tensor

from rrdyn.dynamics import protocol
from rrdyn.dynamics.protocol import Recurrence


@dataclass(frozen=True, kw_only=True)
class Spread:
    """What tangents, or a nearby trajectory, did in one segment."""

    log_r: Tensor
    """(factorisations, b, K) log R_ii, nats; with cadence auto their sum, (1, b, K)."""
    loss: Tensor
    """(b,) largest bound on the loss of orthogonality of its frames."""
    triangles: Sequence[Tensor]
    """The factors R (b,K,K) of its factorisations, in order; empty where there are none."""
    frame: Sequence[Tensor]
    """Orthonormal tangents (b,K,...) after it; views, overwritten by the next segment."""


@dataclass(frozen=True, kw_only=True)
class Step:
    """One segment of the trajectories that are still followed; b of B."""

    number: int
    """1-based."""
    before: Any
    """The state before it, parts (b,...)."""
    state: Any
    """The state after it."""
    rows: Tensor | None
    """(b,) which of the B trajectories these are; None while it is all of them."""
    spread: Spread | None
    """Of a carrier that measures how nearby states spread."""


@runtime_checkable
class Carrier(Protocol):
    """Takes a state through one segment."""

    def advance(self, recurrence: Recurrence, state: Any, /) -> tuple[Any, Spread | None]:
        """The state one segment later, in memory of its own."""

    def keep(self, index: Tensor, /) -> None:
        """Go on with some of its trajectories only."""


@runtime_checkable
class Observer(Protocol):
    """Notes something of every step."""

    def see(self, step: Step, /) -> Tensor | None:
        """Returns (b,) bool: trajectories that need not be followed further; None for all go on."""


class Plain:
    """The recurrence itself."""

    def advance(self, recurrence: Recurrence, state: Any) -> tuple[Any, None]:
        return plain_segment(recurrence, state), None

    def keep(self, index: Tensor) -> None:
        """It holds nothing."""


def plain_segment(recurrence: Recurrence, state: Any) -> Any:
    """The state one segment later."""
    for update in recurrence.sub_updates:
        state = update.value(state)
    return state


def follow(
    recurrence: Recurrence, z0: Any, segments: int, observers: Sequence[Observer] = (), carrier: Carrier | None = None
) -> Any:
    """The states (parts (B,...)) in which trajectories end that start in `z0`: after `segments`, or where they left.

    A trajectory leaves as soon as one observer says so; the recurrence then needs `rows(index)` where its sub-updates
    hold something of every example. With one trajectory left out of none, the loop ends.
    """
    carrier = carrier or Plain()
    state, rows, ended = z0, None, None
    for number in range(1, segments + 1):
        before = state
        state, spread = carrier.advance(recurrence, state)
        step = Step(number=number, before=before, state=state, rows=rows, spread=spread)
        leaving = [said for observer in observers if (said := observer.see(step)) is not None]
        gone = torch.stack(leaving).any(0) if leaving else None
        if gone is None or not bool(gone.any()):
            continue
        ended = _noted(ended, z0, state, rows)
        staying = torch.nonzero(~gone).flatten()
        if len(staying) == 0:
            return ended
        rows = staying if rows is None else rows[staying]
        state = protocol.rebuild(state, (part[staying] for part in state))
        recurrence = recurrence.rows(staying) if hasattr(recurrence, "rows") else recurrence
        carrier.keep(staying)
    return state if rows is None else _noted(ended, z0, state, rows)


def _noted(ended: Any, z0: Any, state: Any, rows: Tensor | None) -> Any:
    """The states of all trajectories, as far as they have come."""
    if rows is None:
        return protocol.rebuild(state, (part.clone() for part in state))
    for whole, part in zip(ended, state):
        whole[rows] = part
    return ended
