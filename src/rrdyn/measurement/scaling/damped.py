"""`damped`: z <- (1 - d) z + d F(z), F being one segment.

Where a fixed point of F has the multiplier m, the damped map has 1 - d + d m: a flip at m < -1 is stable below
d = 2 / (1 - m).
"""

from __future__ import annotations

from typing import Any

from rrdyn.dynamics import protocol
from rrdyn.measurement.scaling.method import Method, register_method


@register_method
class Damped(Method):
    """Part of the way, every segment."""

    name, strength, single = "damped", 0.5, True
    meaning = "the share d of a segment's way that is gone; 1 is the plain rollout"
    source = "Krasnosel'skii-Mann iteration; EqR 2605.21488"

    def leave(self, before: Any, moved: Any) -> Any:
        return mixed(before, moved, 1.0 if self.amount is None else self.amount)


def mixed(before: Any, moved: Any, d: float) -> Any:
    """(1 - d) before + d moved; with d = 1 the bits of `moved`."""
    if d == 1:
        return moved
    return protocol.rebuild(moved, ((1 - d) * a + d * b for a, b in zip(before, moved)))
