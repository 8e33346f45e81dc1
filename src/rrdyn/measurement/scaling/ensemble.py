"""`ensemble`: each particle by another checkpoint; particle 0 by the one that is measured."""

from __future__ import annotations

from rrdyn.measurement.scaling.method import Method, Setting, register_method
from rrdyn.models import Model


@register_method
class Ensemble(Method):
    """Several checkpoints of one task."""

    name, apart, reader = "ensemble", True, "majority"
    source = "Ren & Liu 2601.10679 (bootstrap over checkpoints)"

    @classmethod
    def most(cls, setting: Setting) -> int | None:
        return len(setting.models) if len(setting.models) > 1 else 0

    @property
    def model(self) -> Model:
        return self.setting.models[self.particles.start]
