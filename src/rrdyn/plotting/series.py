"""One metric of some runs, drawn into a panel: what was logged as marks and lines, its average and mean in bold."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from matplotlib.axes import Axes

from rrdyn.analysis import curves
from rrdyn.analysis.curves import Curve
from rrdyn.plotting.columns import Column
from rrdyn.plotting.log_schema import LogSchema
from rrdyn.plotting.logs import Run
from rrdyn.plotting.plate import Table
from rrdyn.plotting.style import Dashes, Style

POINTS = 2000
"""A line is drawn from at most about this many points."""
MARKED = 60
"""A run with no more points shows each of them as a mark."""


@dataclass(frozen=True)
class Look:
    """Colour and dashes of one metric."""

    colour: str
    dashes: Dashes


def curve_of(run: Run, name: str, schema: LogSchema) -> Curve | None:
    """What a run logged of a column, or of the one that its arm draws in its place; None where it logged none."""
    values = run.columns.get(schema.column_of(name, schema.arm_of(run.facts)))
    return None if values is None else curves.curve(run.steps, values, schema.span)


def onset_of(run: Run, schema: LogSchema) -> int | None:
    """First step at which the onset column, as logged, exceeds its level; None for a run that starts above it."""
    found = schema.onset and curve_of(run, schema.onset.column, schema)
    return curves.onset(found, schema.onset.above) if found and schema.onset else None


def draw_series(
    ax: Axes, style: Style, column: Column, name: str, look: Look, schema: LogSchema, table: Table
) -> Curve | None:
    """Every run as it was logged, joined by straight lines; in bold the average of a long one, and the mean of several.

    Returns the curve that the label belongs to, None where no run logged the column.
    """
    found = [(run, one) for run in column.runs if (one := curve_of(run, name, schema)) is not None]
    if not found:
        return None
    for run, one in found:
        alone = len(found) == 1 and one.smooth is None
        _as_logged(ax, style, one, look, bold=alone)
        rows = thinned(one)
        table.add(
            arm=column.name.replace("\n", ", "), column=name, kind="seed", seed=run.seed, run=run.name,
            step=one.steps[rows], value=one.values[rows],
            smoothed=np.nan if one.smooth is None else one.smooth[rows],
        )  # fmt: skip
        _onset_mark(ax, style, column, name, run, one, look, schema, table)
    mean = curves.mean_over([one for _, one in found])
    if not mean.steps.size:  # they have no step in common and span none together
        return max((one for _, one in found), key=lambda one: int(one.steps[-1]))
    if len(found) > 1 or mean.smooth is not None:
        rows = thinned(mean)
        ax.plot(
            mean.steps[rows], mean.shown[rows], color=look.colour, lw=1.7 * style.scale, ls=look.dashes, label="mean"
        )
    if len(found) > 1:
        table.add(
            arm=column.name.replace("\n", ", "), column=name, kind="mean", seed=f"n={len(found)}",
            step=mean.steps[rows], value=mean.values[rows],
            smoothed=np.nan if mean.smooth is None else mean.smooth[rows],
        )  # fmt: skip
    return mean


def _as_logged(ax: Axes, style: Style, one: Curve, look: Look, *, bold: bool) -> None:
    rows = thinned(one)
    few = one.values.size <= MARKED
    ax.plot(
        one.steps[rows],
        one.values[rows],
        color=look.colour,
        lw=(1.2 if bold else 0.6) * style.scale,
        ls=look.dashes if bold else "-",
        alpha=1.0 if bold else 0.55 if one.smooth is None else 0.4,
        marker="o" if few else "",
        ms=(2.6 if bold else 2.0 if one.smooth is None else 1.4) * style.scale,
        mew=0,
        label="logged",
    )


def _onset_mark(
    ax: Axes, style: Style, column: Column, name: str, run: Run, one: Curve, look: Look, schema: LogSchema, table: Table
) -> None:
    """An open circle round the first mark above the level."""
    first = onset_of(run, schema)
    if first is None or schema.onset is None or name != schema.onset.column:
        return
    value = one.values[np.searchsorted(one.steps, first)]
    ring: dict[str, Any] = {"ms": 4.5 * style.scale, "mfc": "none", "mec": look.colour, "mew": 0.8 * style.scale}
    ax.plot(first, value, "o", zorder=3, label="onset", **ring)
    arm = column.name.replace("\n", ", ")
    table.add(arm=arm, column=name, kind="onset", seed=run.seed, run=run.name, step=first, value=value)


def thinned(one: Curve, points: int = POINTS) -> np.ndarray:
    """Rows to draw: of each of points/4 bins the first, the lowest, the highest and the last of what is drawn."""
    size = one.values.size
    if size <= points:
        return np.arange(size)
    edges = np.linspace(0, size, points // 4 + 1).astype(int)
    keep = set(edges[:-1]) | set(edges[1:] - 1)
    for start, stop in itertools.pairwise(edges):
        for drawn in (one.values, one.shown):
            piece = drawn[start:stop]
            keep |= {start + int(piece.argmin()), start + int(piece.argmax())}
    return np.array(sorted(keep))


def logged_points(axes: Sequence[Axes]) -> list[np.ndarray]:
    """(points, 2) of every line of data in the panels, without their reference rules."""
    lines = [line for ax in axes for line in ax.lines if line.get_transform() == ax.transData]
    return [np.asarray(line.get_xydata(), dtype=float) for line in lines]
