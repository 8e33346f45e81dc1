"""A recurrence seen in another norm: |z|_P^2 = sum over the parts of eta_i |z_i|^2.

With the parts scaled by sqrt(eta_i) that norm is the Euclidean one, so that exponents, gains and fates of the scaled
recurrence are those in the P-norm. Over long times exponents do not depend on the norm; over n sub-updates they may
differ by |ln eta| / (2 n).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from rrdyn.dynamics import protocol
from rrdyn.dynamics.protocol import Recurrence


@dataclass(frozen=True)
class ScaledUpdate:
    """A sub-update between states whose parts are scaled by `roots`."""

    update: Any
    roots: tuple[float, ...]

    def value(self, state: Any) -> Any:
        return scaled(self.update.value(scaled(state, self.roots, -1)), self.roots)

    def advance(self, bundle: Any) -> Any:
        return scaled(protocol.advance(self.update, scaled(bundle, self.roots, -1)), self.roots)

    def rows(self, index: slice | Tensor) -> ScaledUpdate:
        return ScaledUpdate(self.update.rows(index), self.roots)


@dataclass(frozen=True)
class ScaledRecurrence:
    """A recurrence in the norm of `eta`, one number a part of the state; its states are those of `scaled`."""

    recurrence: Any
    eta: tuple[float, ...]

    @property
    def roots(self) -> tuple[float, ...]:
        return tuple(weight**0.5 for weight in self.eta)

    @property
    def sub_updates(self) -> tuple[ScaledUpdate, ...]:
        return tuple(ScaledUpdate(update, self.roots) for update in self.recurrence.sub_updates)

    def rows(self, index: slice | Tensor) -> ScaledRecurrence:
        return ScaledRecurrence(self.recurrence.rows(index), self.eta)


def in_norm(recurrence: Recurrence, z0: Any, eta: Sequence[float]) -> tuple[ScaledRecurrence, Any]:
    """A recurrence and its start in the norm of `eta`: what is measured of them is measured in that norm."""
    moved = ScaledRecurrence(recurrence, tuple(eta))
    return moved, scaled(z0, moved.roots)


def scaled(state: Any, roots: Sequence[float], power: int = 1) -> Any:
    """A state or bundle with its parts multiplied by roots^power."""
    return protocol.rebuild(state, (part * root**power for part, root in zip(state, roots, strict=True)))


SIZES = (1e-3, 1.0, 30.0)
"""Of the states that are tried: a contraction need not be as strong far out as near the origin."""
STRIDE = 0.2


def largest_gain(update: Any, like: Any, eta: Sequence[float], generator: torch.Generator, steps: int = 30) -> float:
    """The largest |T(z) - T(z')|_P / |z - z'|_P of a sub-update T over pairs of states that are moved to raise it.

    like : a state (B,...) of as many parts; pairs of its shape are drawn in three sizes, and each climbs for so many
    steps along the gradient of the logarithm of its gain. A lower bound of the Lipschitz constant in that norm.
    """
    worst = 0.0
    for size in SIZES:
        drawn = [torch.randn(2, *part.shape, generator=generator, dtype=part.dtype) * size for part in like]
        parts = [part.requires_grad_() for part in drawn]
        for _ in range(steps):
            first, second = (protocol.rebuild(like, (part[i] for part in parts)) for i in (0, 1))
            gain = (_apart(update.value(first), update.value(second), eta) / _apart(first, second, eta)).sqrt()
            worst = max(worst, float(gain.detach().max()))
            slopes = torch.autograd.grad(gain.log().sum(), parts)
            with torch.no_grad():
                for part, slope in zip(parts, slopes):
                    part += STRIDE * part.norm() * slope / slope.norm().clamp_min(1e-300)
    return worst


def _apart(first: Any, second: Any, eta: Sequence[float]) -> Tensor:
    """(B,) |z - z'|_P^2."""
    squares = (weight * (a - b).flatten(1).square().sum(1) for weight, a, b in zip(eta, first, second, strict=True))
    return torch.stack(list(squares)).sum(0)
