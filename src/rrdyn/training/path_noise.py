"""Noise on the way: the state is moved a little before every segment but the first (EqR, arXiv:2605.21488)."""

from __future__ import annotations

from typing import Annotated, Any, ClassVar

import numpy as np
import torch
from pydantic import Field
from torch import Tensor

from rrdyn.artifacts.config import Config
from rrdyn.dynamics.protocol import rebuild
from rrdyn.runtime.devices import moved
from rrdyn.runtime.streams import generator
from rrdyn.training.learner import Rows
from rrdyn.training.objective import register_objective
from rrdyn.training.rollouts import Rollouts


class PathNoiseConfig(Config):
    """How far a state is moved."""

    sigma: Annotated[float, Field(ge=0)] = 0.1
    """Standard deviation of every number of a state, in units of its own (root mean square 1 in TRM and HRM)."""


@register_objective("path_noise")
class PathNoise(Rollouts):
    """The fixed rollout with fresh normal noise on all parts of the state between segments.

    Of several copies copy 0 stays clean, as with noise on z0. Draws depend on (seed, step, segment, example, copy)
    alone.
    """

    settings_type: ClassVar[type[Config]] = PathNoiseConfig

    def enter(self, z: Any, alive: Tensor, batch: Rows, copies: range, *, step: int, segment: int) -> Any:
        sigma, K = float(self.settings.sigma), len(copies)
        if segment == 0 or sigma == 0:
            return z
        rows = [(int(batch["index"][row // K]), copies[row % K]) for row in alive.tolist()]

        def drawn(part: Tensor, name: str) -> Tensor:
            eps = np.zeros(tuple(part.shape), np.float32)
            for one, (example, copy) in zip(eps, rows):
                if copy or self.aug.copies == 1:
                    stream = generator(self.seed, "path", name, step, segment, example, copy)
                    stream.standard_normal(dtype=np.float32, out=one)
            return sigma * moved(torch.from_numpy(eps), part.device).to(part.dtype)

        return rebuild(z, (part + drawn(part, name) for name, part in z._asdict().items()))
