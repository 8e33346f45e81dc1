"""Training curves as lines of text, for a terminal: one row a metric, the newest number beside it."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from rrdyn.analysis.curves import Curve, binned
from rrdyn.artifacts.record import Count, Number, Written
from rrdyn.plotting.log_schema import LogSchema
from rrdyn.plotting.logs import Run
from rrdyn.plotting.series import curve_of

BLOCKS, PLAIN = "▁▂▃▄▅▆▇█", "_.-=+*#@"
"""Eight heights; the second for terminals that have no blocks."""


class CurveRow(Written):
    """One curve: its points, and of its values the last, the lowest and the highest."""

    n: Count
    step: int
    last: Number
    lowest: Number
    highest: Number


class WatchedRun(Written):
    """A run by its curves."""

    run: str
    arm: str
    seed: str
    step: int
    columns: dict[str, CurveRow]


class WatchedRuns(Written):
    """The runs of `rrdyn watch`."""

    runs: list[WatchedRun]


def sparkline(values: np.ndarray, width: int, blocks: str = BLOCKS) -> str:
    """At most `width` characters from the lowest to the highest of the values; more values than that share one each,
    at their mean."""
    shown = binned(values, width)
    low, high = float(shown.min()), float(shown.max())
    if high == low:
        return blocks[3] * shown.size
    places = (shown - low) / (high - low) * (len(blocks) - 1)
    return "".join(blocks[round(float(place))] for place in places)


def view(runs: Sequence[Run], schema: LogSchema, width: int, blocks: str = BLOCKS) -> str:
    """All runs, each with its curves, in lines of at most `width` characters."""
    return "\n\n".join("\n".join(_lines(run, schema, width, blocks)) for run in runs)


def _lines(run: Run, schema: LogSchema, width: int, blocks: str) -> list[str]:
    curves = _curves(run, schema)
    names = max(len(name) for name in curves)
    told = {name: f"{one.values[-1]:10.4g}  {_range(one)}" for name, one in curves.items()}
    room = max(8, width - names - max(map(len, told.values())) - 4)
    head = f"{run.name}: {schema.arm_of(run.facts)}, seed {run.seed}, {schema.step} {int(run.steps[-1]):,}"
    rows = [
        f"{name:<{names}}  {sparkline(one.values, room, blocks):<{room}}  {told[name]}" for name, one in curves.items()
    ]
    return [line[:width] for line in [head, *rows]]


def _range(one: Curve) -> str:
    return f"{one.values.min():.3g} to {one.values.max():.3g}, n = {one.values.size:,}"


def record(run: Run, schema: LogSchema) -> WatchedRun:
    """The same numbers for a program."""
    columns = {
        name: CurveRow(n=one.values.size, step=int(one.steps[-1]), last=float(one.values[-1]),
                       lowest=float(one.values.min()), highest=float(one.values.max()))
        for name, one in _curves(run, schema).items()
    }  # fmt: skip
    return WatchedRun(run=run.name, arm=schema.arm_of(run.facts), seed=run.seed, step=int(run.steps[-1]),
                      columns=columns)  # fmt: skip


def _curves(run: Run, schema: LogSchema) -> dict[str, Curve]:
    names = [series.column for group in schema.groups for series in group.series]
    found = {name: curve_of(run, name, schema) for name in names}
    return {name: one for name, one in found.items() if one is not None}
