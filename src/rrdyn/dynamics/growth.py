"""Growth of a finite difference: one nearby trajectory, put back to its distance after every sub-update.

Costs one more forward pass, needs no derivative, and gives the leading exponent up to the size of the difference
(Benettin, Galgani, Strelcyn, Phys. Rev. A 14 (1976) 2338).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from rrdyn.dynamics import protocol
from rrdyn.dynamics.lyapunov import first_frame
from rrdyn.dynamics.protocol import Recurrence
from rrdyn.dynamics.trajectory import Spread

RELATIVE = {torch.float64: 1e-6, torch.float32: 1e-3}
"""Distance of the nearby trajectory in units of the state's norm: between rounding and curvature."""


class Nearby:
    """Carries trajectories beside one near each; log_r is (1,B,1), nats.

    The first direction is the first tangent that `lyapunov_spectrum` would start with for k = 1. States narrower
    than float32 hide such distances in their rounding and are followed in float32.
    """

    def __init__(self, *, seed: int = 0, keys: Sequence[int] | None = None) -> None:
        """`keys` name each trajectory's first direction; default 0, 1, ..."""
        self.seed, self.keys = seed, keys
        self.nearby: Any = None
        self.distance: Tensor
        """(B,) of the nearby trajectory."""

    def advance(self, recurrence: Recurrence, state: Any) -> tuple[Any, Spread]:
        if self.nearby is None:
            state = self._begin(state)
        nearby = self.nearby
        total = torch.zeros(state[0].shape[0], dtype=torch.float64, device=state[0].device)
        for update in recurrence.sub_updates:
            state, nearby = update.value(state), update.value(nearby)
            apart = [b - a for a, b in zip(state, nearby)]
            now = _norm(apart)
            total += (now / self.distance).clamp_min(1e-30).log()
            nearby = _offset(state, apart, self.distance / now.clamp_min(1e-30))
        self.nearby = nearby
        frame = [part[:, None] / _shaped(now, part)[:, None] for part in apart]
        return state, Spread(log_r=total[None, :, None], loss=torch.zeros_like(total), triangles=[], frame=frame)

    def keep(self, index: Tensor) -> None:
        self.nearby = protocol.rebuild(self.nearby, (part[index] for part in self.nearby))
        self.distance = self.distance[index]

    def _begin(self, state: Any) -> Any:
        dtype = torch.float64 if state[0].dtype == torch.float64 else torch.float32
        state = protocol.rebuild(state, (part.to(dtype) for part in state))
        keys = list(range(state[0].shape[0])) if self.keys is None else self.keys
        frame = first_frame(state, 1, dtype, self.seed, keys)
        self.distance = RELATIVE[dtype] * _norm(state)
        self.nearby = _offset(state, [part[:, 0] for part in frame], self.distance)
        return state


def _norm(parts: Any) -> Tensor:
    """(B,) float64 norm over all parts."""
    return torch.stack([part.double().flatten(1).square().sum(1) for part in parts]).sum(0).sqrt()


def _shaped(scale: Tensor, part: Tensor) -> Tensor:
    return scale.to(part.dtype).view(-1, *[1] * (part.ndim - 1))


def _offset(state: Any, direction: Any, scale: Tensor) -> Any:
    return protocol.rebuild(state, (x + _shaped(scale, x) * d for x, d in zip(state, direction)))
