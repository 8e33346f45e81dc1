"""`restarts`: noise on the initial state, once; particle 0 is the clean trajectory."""

from __future__ import annotations

from typing import Any

from rrdyn.measurement.scaling.method import Method, register_method


@register_method
class Restarts(Method):
    """Perturbed restarts."""

    name, strength = "restarts", 0.3
    meaning = "deviation of the noise on z0, in units of the deviation of the initial z_H"
    source = "perturbed restarts, as in rrdyn perturb; Speed is Confidence 2601.19085 (halt-first ensembles)"

    def start(self) -> Any:
        return self.shaken(super().start(), (self.amount or 0.0) * self.unit)
