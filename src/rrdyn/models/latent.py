"""The two latents of a reasoner, and the sub-updates by which TRM and HRM move them.

    TRM segment = H_cycles x (L_cycles x [z_L <- f(z_L + (z_H + e))], 1 x [z_H <- f(z_H + z_L)])
    HRM segment = the same with f_L and f_H

Order of additions as written: another order changes float32 results (1.8e-4 on a TRM-MLP after one segment).
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal, NamedTuple

import torch
from torch import Tensor

from rrdyn.models import tangents as rules
from rrdyn.models.layers import Stack
from rrdyn.models.recurrence import Rows
from rrdyn.runtime.shapes import Float


class Latent(NamedTuple):
    """The recurrent state: z_H and z_L, each (B,S,D)."""

    z_H: Float[Tensor, "B S D"]
    z_L: Float[Tensor, "B S D"]


@dataclass(frozen=True, kw_only=True)
class StackUpdate:
    """One update of z_H or z_L by a stack of blocks."""

    writes: Literal["z_H", "z_L"]
    stack: Stack
    cos_sin: tuple[Float[Tensor, "S d"], Float[Tensor, "S d"]] | None
    injection: Float[Tensor, "B S D"] | None
    """The input embedding e (B,S,D) that an L update adds to z_H; None for an H update."""
    dtype: torch.dtype
    """What the model computes in."""

    @property
    def closes_cycle(self) -> bool:
        """Whether an H cycle ends here."""
        return self.writes == "z_H"

    @property
    def layers(self) -> int:
        """Blocks that it applies."""
        return len(self.stack.layers)

    def value(self, z: Latent) -> Latent:
        """The state after this sub-update."""
        z_H, z_L = z
        if self.writes == "z_H":
            return Latent(self.stack(z_H + z_L, self.cos_sin), z_L)
        assert self.injection is not None
        return Latent(z_H, self.stack(z_L + (z_H + self.injection), self.cos_sin))

    def value_and_tangents(self, z: Latent, tangents: Latent) -> tuple[Latent, Latent]:
        """The state (B,S,D) after this sub-update and its K tangents (B,K,S,D); the arguments stay as they are."""
        moved = self.advance(Latent(*(torch.cat((x[:, None], t), dim=1) for x, t in zip(z, tangents))))
        return Latent(*(part[:, 0] for part in moved)), Latent(*(part[:, 1:] for part in moved))

    def advance(self, bundle: Latent) -> Latent:
        """Value and tangents in one tensor (B,1+K,S,D) of each latent, which is overwritten.

        Runs in the dtype of the bundle. Where the model computes in a narrower one, its weights are rounded to that
        first: these are the derivatives of the function that is evaluated.
        """
        z_H, z_L = bundle
        if self.writes == "z_H":
            z_H += z_L
            return Latent(rules.advance(self.stack, z_H, self.cos_sin, self.dtype), z_L)
        assert self.injection is not None
        z_L[:, 0] += z_H[:, 0] + self.injection  # the order of additions that the published models have
        z_L[:, 1:] += z_H[:, 1:]
        return Latent(z_H, rules.advance(self.stack, z_L, self.cos_sin, self.dtype))

    def rows(self, index: Rows) -> StackUpdate:
        """This sub-update for some examples of the batch."""
        return self if self.injection is None else replace(self, injection=self.injection[index])
