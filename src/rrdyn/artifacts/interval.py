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

    def told(self, digits: int = 3, *, sign: bool = False) -> str:
        """As text, such as 0.905 [0.871, 0.937], a bound that is unknown as ?; without bounds, their method says why;
        - where there is no value."""
        if self.value is None:
            return "-"
        form = f"{'+' if sign else ''}.{digits}f"
        value = format(self.value, form)
        if self.low is None and self.high is None:
            return f"{value} (no interval: {self.method})" if self.method else value
        low, high = ("?" if bound is None else format(bound, form) for bound in (self.low, self.high))
        return f"{value} [{low}, {high}]"

    def covers(self, truth: float) -> bool:
        """Whether the bounds hold a value; False where there are none."""
        return self.low is not None and self.high is not None and self.low <= truth <= self.high
