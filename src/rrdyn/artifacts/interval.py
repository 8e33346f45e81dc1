"""An estimate with its bounds, the n behind it and the method they came from."""

from __future__ import annotations

from rrdyn.artifacts.record import Count, Number, Written

LEVEL = 0.95


class Interval(Written):
    """Two-sided at `level`; bounds are None where n does not allow any, and `method` then says why."""

    value: Number | None
    low: Number | None = None
    high: Number | None = None
    n: Count = 0
    method: str = ""
    level: Number = LEVEL

    def covers(self, truth: float) -> bool:
        """Whether the bounds hold a value; False where there are none."""
        return self.low is not None and self.high is not None and self.low <= truth <= self.high
