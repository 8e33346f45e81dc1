"""Growth of a finite difference: one nearby trajectory, put back to its distance after every sub-update.

Costs one more forward pass, needs no derivative, and gives the leading exponent up to the size of the difference
(Benettin, Galgani, Strelcyn, Phys. Rev. A 14 (1976) 2338).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import torch

from rrdyn.dynamics import protocol
from rrdyn.dynamics.lyapunov import Segment, first_frame
from rrdyn.dynamics.protocol import Recurrence

RELATIVE = {torch.float64: 1e-6, torch.float32: 1e-3}
"""Distance of the nearby trajectory in units of the state's norm: between rounding and curvature."""


def follow_growth(
    recurrence: Recurrence, state: Any, segments: int, *, seed: int = 0, keys: Sequence[int] | None = None
) -> Iterator[Segment]:
    """Follow a trajectory and one near it, yielding after each segment; log_r is (1,B,1), nats.

    The first direction is the first tangent that `lyapunov_spectrum` would start with for k = 1. States narrower
    than float32 hide such distances in their rounding and are followed in float32.
    """
    dtype = torch.float64 if state[0].dtype == torch.float64 else torch.float32
    state = protocol.rebuild(state, (part.to(dtype) for part in state))
    batch = state[0].shape[0]
    frame = first_frame(state, 1, dtype, seed, list(range(batch)) if keys is None else keys)
    distance = RELATIVE[dtype] * _norm(state)
    nearby = _offset(state, [part[:, 0] for part in frame], distance)
    for number in range(1, segments + 1):
        total = torch.zeros(batch, dtype=torch.float64, device=state[0].device)
        for update in recurrence.sub_updates:
            state, nearby = update.value(state), update.value(nearby)
            apart = [b - a for a, b in zip(state, nearby)]
            now = _norm(apart)
            total += (now / distance).clamp_min(1e-30).log()
            nearby = _offset(state, apart, distance / now.clamp_min(1e-30))
        yield Segment(
            number=number, state=state, log_r=total[None, :, None], loss=torch.zeros_like(total), factors=[],
            frame=[part[:, None] / _shaped(now, part)[:, None] for part in apart],
        )  # fmt: skip


def _norm(parts: Any) -> torch.Tensor:
    """(B,) float64 norm over all parts."""
    return torch.stack([part.double().flatten(1).square().sum(1) for part in parts]).sum(0).sqrt()


def _shaped(scale: torch.Tensor, part: torch.Tensor) -> torch.Tensor:
    return scale.to(part.dtype).view(-1, *[1] * (part.ndim - 1))


def _offset(state: Any, direction: Any, scale: torch.Tensor) -> Any:
    return protocol.rebuild(state, (x + _shaped(scale, x) * d for x, d in zip(state, direction)))
