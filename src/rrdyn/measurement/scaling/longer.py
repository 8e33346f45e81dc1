"""`longer`: the same trajectory, followed past the budget."""

from __future__ import annotations

from rrdyn.measurement.scaling.method import Method, register_method


@register_method
class Longer(Method):
    """The plain rollout."""

    name, single = "longer", True
    source = "longer rollouts; SE-RRM 2603.02193"
