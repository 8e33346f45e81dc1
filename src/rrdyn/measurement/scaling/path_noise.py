"""`path-noise`: noise on the state after every segment, fixed, or falling to none over the model's budget.

It goes in once the answer has been read, so that every answer is that of a state which the model itself made. Particle
0 is the clean trajectory.
"""

from __future__ import annotations

from typing import Any

from rrdyn.measurement.scaling.method import Method, register_method


@register_method
class PathNoise(Method):
    """Noise of one size after every segment."""

    name, strength = "path-noise", 0.3
    meaning = "deviation of the noise after a segment, in units of the deviation of the initial z_H"
    source = "PTRM 2605.19943"

    def enter(self, state: Any, number: int) -> Any:
        if number == 1:
            return state
        return self.shaken(state, (self.amount or 0.0) * self.share(number - 1) * self.unit)

    def share(self, done: int) -> float:
        """Of the noise, after `done` segments."""
        return 1.0


@register_method
class AnnealedNoise(PathNoise):
    """Noise that falls linearly to none at the model's budget."""

    name = "annealed-noise"
    source = "PTRM 2605.19943, with a schedule"

    def share(self, done: int) -> float:
        return max(0.0, 1 - done / self.model.budget)
