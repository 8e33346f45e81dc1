"""`random-start`: every particle from a normal initial state of its own, and `equilibrium`: the same with damping."""

from __future__ import annotations

from typing import Any

import torch

from rrdyn.dynamics import protocol
from rrdyn.measurement.scaling.damped import mixed
from rrdyn.measurement.scaling.method import Method, register_method


@register_method
class RandomStart(Method):
    """Independent starts; none is the model's own."""

    name, strength, reader = "random-start", 1.0, "residual"
    meaning = "deviation of every number of z0, in units of the deviation of the initial z_H"
    source = "EqR 2605.21488"

    def start(self) -> Any:
        return self.thrown(self.amount or 0.0)

    def thrown(self, deviation: float) -> Any:
        """Normal states, in every part: `where` does not count."""
        z0 = self.model.initial(len(self.rows))
        zeros = protocol.rebuild(z0, (torch.zeros_like(part) for part in z0))
        return self.shaken(zeros, deviation * self.unit, first=0)


@register_method
class Equilibrium(RandomStart):
    """Random starts whose segments are damped; the answer is that of the smallest residual."""

    name, strength = "equilibrium", 0.95
    meaning = "the share d of a segment's way that is gone, z <- (1 - d) z + d F(z)"

    def start(self) -> Any:
        return self.thrown(1.0)

    def leave(self, before: Any, moved: Any) -> Any:
        return mixed(before, moved, 1.0 if self.amount is None else self.amount)
