"""Covariant Lyapunov vectors by Ginelli's method, and the angles between them.

Orthonormal frames carry the expanding flags forward; the triangular factors, run backward, single out in each flag the
direction that the dynamics maps onto itself (Ginelli et al., Phys. Rev. Lett. 99 (2007) 130601; Noethen, Physica D 396
(2019) 18). Frames are kept once a segment, their factors multiplied over it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from rrdyn.dynamics import protocol
from rrdyn.dynamics.lyapunov import Cadence, Tangents, first_frame
from rrdyn.dynamics.protocol import Recurrence
from rrdyn.dynamics.trajectory import Step, follow


@dataclass(frozen=True, kw_only=True)
class Covariant:
    """Covariant vectors at T successive segment ends of B trajectories."""

    vectors: Tensor
    """(T,B,n,K) unit vectors, columns in the order of the exponents."""
    growth: Tensor
    """(T-1,B,K) log growth of each vector over the segment to the next, nats."""
    exponents: Tensor
    """(B,K) mean growth, nats per sub-update."""

    @property
    def cosines(self) -> Tensor:
        """(T,B,K,K) |cos| of the angle between each pair of vectors."""
        return (self.vectors.mT @ self.vectors).abs().clamp_max(1.0)

    @property
    def angles(self) -> Tensor:
        """(T,B,K,K) angles in radians, 0 to pi/2."""
        return torch.acos(self.cosines)


def covariant_vectors(
    recurrence: Recurrence,
    z0: Any,
    segments: int,
    k: int,
    *,
    warmup: int = 0,
    align: int = 0,
    tail: int = 0,
    qr_every: Cadence = "substep",
    dtype: torch.dtype = torch.float64,
    seed: int = 0,
    keys: Sequence[int] | None = None,
) -> Covariant:
    """Covariant vectors over `segments` segments: at the start and after each, T = segments + 1.

    warmup : plain segments before; align : segments in which the frames align forward; tail : segments after the window
    in which the backward iteration converges. Both should be many times 1 / (gap between exponents).
    Needs memory for T frames (n x K each). Raises UsageError for k outside 1..n.
    """
    state = protocol.as_state(z0)
    keys = list(range(len(state[0]))) if keys is None else keys
    with torch.no_grad(), protocol.forward_differentiable():
        state = follow(recurrence, state, warmup)
        tangents = first_frame(state, k, dtype, seed, keys)
        kept = _Frames(align, segments)
        if align == 0:
            kept.frames.append(protocol.to_frame(tangents).double())
        follow(recurrence, state, align + segments + tail, [kept], Tangents(tangents, qr_every))
        return _backward(kept.frames, kept.factors, segments, segments * len(recurrence.sub_updates))


class _Frames:
    """Frames at the window's segment ends, and the factor of every segment from its start on."""

    def __init__(self, align: int, segments: int) -> None:
        self.align, self.segments = align, segments
        self.frames: list[Tensor] = []
        self.factors: list[Tensor] = []

    def see(self, step: Step) -> None:
        assert step.spread is not None
        if self.align <= step.number <= self.align + self.segments:
            self.frames.append(protocol.to_frame(step.spread.frame).double())
        if step.number > self.align:
            product = step.spread.triangles[0]
            for triangle in step.spread.triangles[1:]:
                product = triangle @ product
            self.factors.append(product)


def _backward(frames: list[Tensor], factors: list[Tensor], segments: int, steps: int) -> Covariant:
    """C_{t-1} = R_t^{-1} C_t, columns kept at length 1; V_t = Q_t C_t."""
    k = factors[0].shape[-1]
    # any upper triangular start with a full diagonal does
    coefficients = torch.ones_like(factors[0]).triu() / torch.arange(1, k + 1, device=factors[0].device).sqrt()
    vectors: list[Tensor] = []
    growth: list[Tensor] = []
    for t in range(len(factors), -1, -1):
        if t <= segments:
            moved = frames[t] @ coefficients
            vectors.append(moved / moved.norm(dim=-2, keepdim=True))
        if t == 0:
            break
        before = torch.linalg.solve_triangular(factors[t - 1], coefficients, upper=True)
        length = before.norm(dim=-2, keepdim=True)
        if t <= segments:
            growth.append(-length.squeeze(-2).log())
        coefficients = before / length
    grown = torch.stack(growth[::-1])
    return Covariant(vectors=torch.stack(vectors[::-1]), growth=grown, exponents=grown.sum(0) / steps)
