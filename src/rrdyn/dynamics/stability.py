"""What training may hold down: exponents, Jacobians and residuals of any recurrence, with their gradients.

Each is an exact function of what is computed here, and autograd differentiates it through the state, the tangents and
their factorisation: the gradient is that of the number returned (tested by finite differences). It keeps what a pass
of K tangents and K copies of the value computes: 2 K times what a plain segment with gradient keeps.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.autograd import forward_ad
from torch.overrides import TorchFunctionMode

from rrdyn.dynamics import protocol
from rrdyn.dynamics.protocol import Recurrence
from rrdyn.dynamics.qr import LEAST
from rrdyn.runtime.shapes import Float


def exponents(recurrence: Recurrence, z: Any, tangents: Any, segments: int = 1) -> tuple[Float[Tensor, "B K"], Any]:
    """Finite-time exponents (B,K), nats per sub-update in QR order, from a state and orthonormal tangents (B,K,...).

    As `lyapunov_spectrum`, with a Householder factorisation after every sub-update. Returns the last state too.
    """
    total: Tensor | float = 0.0
    pushed = _Pushed(recurrence, z, tangents)
    with _WrittenOut():
        for number in range(segments * len(pushed.updates)):
            frame, triangle = torch.linalg.qr(protocol.to_frame(pushed.step(number)))
            total = total + triangle.diagonal(dim1=-2, dim2=-1).abs().clamp_min(LEAST).log()
            pushed.tangents = protocol.from_frame(frame, z)
    assert isinstance(total, Tensor)
    return total / (segments * len(pushed.updates)), pushed.state


def through_segment(recurrence: Recurrence, z: Any, tangents: Any) -> tuple[Any, Any]:
    """The state one segment later, and J t of the segment's Jacobian for tangents (B,K,...)."""
    pushed = _Pushed(recurrence, z, tangents)
    with _WrittenOut():
        for number in range(len(pushed.updates)):
            pushed.step(number)
    return pushed.state, pushed.tangents


class _WrittenOut(TorchFunctionMode):
    """Attention in plain operations: neither its kernels' forward derivative nor that of softmax can be differentiated
    again (torch 2.13 overwrites an exponential that autograd has kept)."""

    def __torch_function__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        if func is not torch.nn.functional.scaled_dot_product_attention or len(args) != 3 or kwargs:
            return func(*args, **(kwargs or {}))
        q, k, v = args
        scores = (q * q.shape[-1] ** -0.5) @ k.mT
        weights = torch.exp(scores - forward_ad.unpack_dual(scores).primal.detach().amax(-1, keepdim=True))
        return (weights / weights.sum(-1, keepdim=True)) @ v


class _Pushed:
    """A state with tangents (B,K,...), each of which goes with a copy of its own of the value.

    Not by `protocol.value_and_tangents`: under functorch a model cannot see that autograd records what it does, and
    would overwrite what the gradient needs.
    """

    def __init__(self, recurrence: Recurrence, z: Any, tangents: Any) -> None:
        self.copies = tangents[0].shape[1]
        index = torch.arange(len(z[0]), device=z[0].device).repeat_interleave(self.copies)
        wide = recurrence.rows(index) if hasattr(recurrence, "rows") else recurrence
        self.updates = wide.sub_updates
        self.values = protocol.rebuild(z, (part[index] for part in z))
        self.tangents = tangents

    @property
    def state(self) -> Any:
        return protocol.rebuild(self.values, (part[:: self.copies] for part in self.values))

    def step(self, number: int) -> Any:
        """The tangents one sub-update later."""
        update = self.updates[number % len(self.updates)]
        with forward_ad.dual_level():
            moved = (part.flatten(0, 1) for part in self.tangents)
            after = update.value(
                protocol.rebuild(self.values, (forward_ad.make_dual(v, t) for v, t in zip(self.values, moved)))
            )
            pairs = [forward_ad.unpack_dual(part) for part in after]
        self.values = protocol.rebuild(self.values, (pair.primal for pair in pairs))
        found = (torch.zeros_like(p.primal) if p.tangent is None else p.tangent for p in pairs)
        self.tangents = protocol.rebuild(self.values, (t.unflatten(0, (-1, self.copies)) for t in found))
        return self.tangents


def jacobian_square(recurrence: Recurrence, z: Any, probes: Any) -> Float[Tensor, " B"]:
    """|J|_F^2 / n of a segment's Jacobian (n, n), (B,), estimated by the mean of |J v|^2 / n over probes (B,K,...).

    Unbiased for probes of independent entries with mean 0 and variance 1 (Hutchinson 1989).
    """
    _, moved = through_segment(recurrence, z, probes)
    n = sum(part[0].numel() for part in z)
    square: Tensor = _square(moved, 2).mean(1) / n
    return square


def spectral_radius(
    recurrence: Recurrence, z: Any, start: Any, *, iterations: int = 4, burn: int = 4
) -> Float[Tensor, " B"]:
    """The spectral radius (B,) of a segment's Jacobian at z by power iteration from tangents (B,1,...).

    `burn` products turn the vector without being differentiated; the mean growth of `iterations` more is returned, so
    that a complex pair, which turns for ever, is averaged over its turn.
    """
    vector = start
    with torch.no_grad():
        for _ in range(burn):
            vector, _ = _unit(through_segment(recurrence, z, vector)[1])
    logs: Tensor | float = 0.0
    for _ in range(iterations):
        vector, length = _unit(through_segment(recurrence, z, vector)[1])
        logs = logs + length.clamp_min(LEAST).log()
    assert isinstance(logs, Tensor)
    radius: Tensor = (logs[:, 0] / iterations).exp()
    return radius


def residual(recurrence: Recurrence, z: Any) -> Float[Tensor, " B"]:
    """|F(z) - z|^2 / |z|^2 (B,) of a segment F: what is left to a fixed point. The gradient is F's alone."""
    kept = protocol.rebuild(z, (part.detach() for part in z))
    moved = kept
    for update in recurrence.sub_updates:
        moved = update.value(moved)
    apart = protocol.rebuild(kept, (new - old for new, old in zip(moved, kept)))
    relative: Tensor = _square(apart, 1) / _square(kept, 1).clamp_min(LEAST)
    return relative


def _square(parts: Any, dims: int) -> Tensor:
    """Squared length over all parts, (B,) for states (dims 1) and (B,K) for tangents (dims 2)."""
    return torch.stack([part.flatten(dims).square().sum(-1) for part in parts]).sum(0)


def _unit(tangents: Any) -> tuple[Any, Float[Tensor, "B K"]]:
    """Tangents of length 1, and how long they were."""
    length = _square(tangents, 2).clamp_min(LEAST**2).sqrt()
    scaled = (part / length.view(*length.shape, *[1] * (part.ndim - 2)) for part in tangents)
    return protocol.rebuild(tangents, scaled), length
