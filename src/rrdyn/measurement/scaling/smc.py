"""`smc`: particles with noise after every segment, weighed by the halt head and resampled (sequential Monte Carlo).

The weight of a path is the ratio of sigmoid(q_halt)^sharpness after and before every segment, so that weighed particles
follow, at every segment, the law of the noisy trajectory's state times sigmoid(q_halt)^sharpness of that state. Where
the effective sample size (sum w)^2 / sum w^2 falls below a share of the particles, they are drawn anew by systematic
resampling (Doucet, de Freitas & Gordon 2001) and weigh the same.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch.nn.functional import logsigmoid

from rrdyn.dynamics import protocol
from rrdyn.measurement.scaling.method import Method, register_method
from rrdyn.models import Readout
from rrdyn.runtime.streams import generator


@register_method
class Smc(Method):
    """Particles that follow the halt head."""

    name, strength, together = "smc", 0.3, True
    meaning = "deviation of the noise after a segment, in units of the deviation of the initial z_H"
    source = "Guided Reasoning 2605.25230"

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        shape = (len(self.questions), len(self.particles))
        self.log_weight = np.zeros(shape)
        """(B,K) up to a constant a puzzle; changes when a readout is seen."""
        self._potential: np.ndarray | None = None
        keys = (self.setting.seed, "scale", self.name, "resample")
        self._uniforms = [generator(*keys, int(idx), shape[1]) for idx in self.questions.idx]

    def read(self, readout: Readout) -> None:
        potential = self.setting.schedule.sharpness * logsigmoid(readout.q_halt.double())
        now = potential.view(self.log_weight.shape).cpu().numpy()
        self.log_weight += now if self._potential is None else now - self._potential
        self._potential = now

    def enter(self, state: Any, number: int) -> Any:
        self.ancestors = None
        if number == 1:
            return state
        if (number - 1) % self.setting.schedule.every == 0:
            state = self._resampled(state)
        return self.shaken(state, (self.amount or 0.0) * self.unit, first=0)

    def weights(self) -> np.ndarray:
        """(B,K), their sum 1."""
        shifted = np.exp(self.log_weight - self.log_weight.max(1, keepdims=True))
        return np.asarray(shifted / shifted.sum(1, keepdims=True))

    def _resampled(self, state: Any) -> Any:
        B, K = self.log_weight.shape
        weights = self.weights()
        few = 1 / np.square(weights).sum(1) < self.setting.schedule.below * K
        if not few.any():
            return state
        chosen = np.tile(np.arange(K), (B, 1))
        for row in np.flatnonzero(few):
            chosen[row] = systematic(weights[row], self._uniforms[row].random())
            self.log_weight[row] = 0.0
        assert self._potential is not None
        self._potential = np.take_along_axis(self._potential, chosen, 1)
        self.ancestors = torch.from_numpy((chosen + K * np.arange(B)[:, None]).ravel()).to(state[0].device)
        return protocol.rebuild(state, (part[self.ancestors] for part in state))


def systematic(weights: np.ndarray, uniform: float) -> np.ndarray:
    """(K,) ancestors, ascending: particle k has floor or ceil of K times its weight (K,) children."""
    count = len(weights)
    places = (np.arange(count) + uniform) / count
    return np.minimum(np.searchsorted(np.cumsum(weights), places, side="right"), count - 1)
