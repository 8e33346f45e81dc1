"""The recurrence of a model: the ordered sub-updates that make up one segment of a latent state.

A state is a NamedTuple of tensors, each with the batch first, of any names and number.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any, Generic, Protocol, TypeVar, runtime_checkable

import torch
from torch import Tensor

State = TypeVar("State", bound=tuple[Tensor, ...])
Rows = slice | Tensor
"""Which examples of a batch: a slice (views are taken), or a tensor of indices or of flags."""


@runtime_checkable
class SubUpdate(Protocol):
    """One step of a segment. `rrdyn.dynamics.protocol.SubUpdate` says what it may have beside these two."""

    def value(self, z: Any, /) -> Any:
        """The state after this sub-update; the one given stays as it is."""

    def rows(self, index: Rows, /) -> SubUpdate:
        """This sub-update for some examples of the batch."""


@dataclass(frozen=True, kw_only=True)
class Recurrence(Generic[State]):
    """The sub-updates of one segment, in order, for one batch of puzzles."""

    sub_updates: tuple[SubUpdate, ...]
    gradient_span: int
    """How many of the last sub-updates training differentiates."""

    def segment(self, z: State, *, truncate: bool = False) -> State:
        """One segment. With `truncate` only the last `gradient_span` sub-updates are recorded by autograd."""
        if not truncate:
            return _apply(self.sub_updates, z)
        first, last = self.sub_updates[: -self.gradient_span], self.sub_updates[-self.gradient_span :]
        with torch.no_grad():
            z = _apply(first, z)
        return _apply(last, z)

    def rows(self, index: Rows) -> Recurrence[State]:
        """The recurrence of some examples of the batch."""
        # a segment repeats a few sub-updates many times: each is cut once, and stays one object
        cut = {id(update): update.rows(index) for update in self.sub_updates}
        return replace(self, sub_updates=tuple(cut[id(update)] for update in self.sub_updates))


def _apply(sub_updates: Iterable[SubUpdate], z: State) -> State:
    for update in sub_updates:
        z = update.value(z)
    return z
