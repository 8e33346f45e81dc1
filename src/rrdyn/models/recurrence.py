"""The recurrence: a latent state and the ordered sub-updates that make up one segment.

    TRM segment = H_cycles x (L_cycles x [z_L <- f(z_L + (z_H + e))], 1 x [z_H <- f(z_H + z_L)])
    HRM segment = the same with f_L and f_H

Order of additions as written: another order changes float32 results (1.8e-4 on a TRM-MLP after one segment).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Literal, NamedTuple

import torch
from torch import Tensor

from rrdyn.models.layers import Stack


class Latent(NamedTuple):
    """The recurrent state: z_H and z_L, each (B,S,D)."""

    z_H: Tensor
    z_L: Tensor


@dataclass(frozen=True, kw_only=True)
class SubUpdate:
    """One update of z_H or z_L by a stack of blocks."""

    writes: Literal["z_H", "z_L"]
    stack: Stack
    cos_sin: tuple[Tensor, Tensor] | None
    injection: Tensor | None
    """The input embedding e (B,S,D) that an L update adds to z_H; None for an H update."""
    dtype: torch.dtype
    """What the model computes in."""

    @property
    def closes_cycle(self) -> bool:
        """Whether an H cycle ends here."""
        return self.writes == "z_H"

    def value(self, z: Latent) -> Latent:
        """The state after this sub-update."""
        z_H, z_L = z
        if self.writes == "z_H":
            return Latent(self.stack(z_H + z_L, self.cos_sin), z_L)
        assert self.injection is not None
        return Latent(z_H, self.stack(z_L + (z_H + self.injection), self.cos_sin))

    def value_and_tangents(self, z: Latent, tangents: Latent) -> tuple[Latent, Latent]:
        """The state after this sub-update, and K tangents (B,K,S,D) of each latent carried through it."""
        from rrdyn.models.tangents import value_and_tangents  # the rules know the layers, not the loop

        return value_and_tangents(self, z, tangents)

    def advance(self, bundle: Latent) -> Latent:
        """The same with value and tangents in one tensor (B,1+K,S,D) of each latent, which is overwritten."""
        from rrdyn.models.tangents import advance

        return advance(self, bundle)

    def rows(self, index: slice) -> SubUpdate:
        """This sub-update for some examples of the batch."""
        return self if self.injection is None else replace(self, injection=self.injection[index])


@dataclass(frozen=True, kw_only=True)
class Recurrence:
    """The sub-updates of one segment, in order, for one batch of puzzles."""

    sub_updates: tuple[SubUpdate, ...]
    gradient_span: int
    """How many of the last sub-updates training differentiates."""

    def segment(self, z: Latent, *, truncate: bool = False) -> Latent:
        """One segment. With `truncate` only the last `gradient_span` sub-updates are recorded by autograd."""
        if not truncate:
            return _apply(self.sub_updates, z)
        first, last = self.sub_updates[: -self.gradient_span], self.sub_updates[-self.gradient_span :]
        with torch.no_grad():
            z = _apply(first, z)
        return _apply(last, z)

    def rows(self, index: slice) -> Recurrence:
        """The recurrence of some examples of the batch."""
        return replace(self, sub_updates=tuple(update.rows(index) for update in self.sub_updates))


def _apply(sub_updates: Iterable[SubUpdate], z: Latent) -> Latent:
    for update in sub_updates:
        z = update.value(z)
    return z
