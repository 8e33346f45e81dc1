"""Training dynamics: small multiples, a column per arm and a row per metric, and one metric over all arms."""

from __future__ import annotations

import itertools
import textwrap
from collections import defaultdict

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator

from rrdyn.analysis import curves
from rrdyn.plotting import marks
from rrdyn.plotting.log_schema import Group, LogSchema, Series, read_schema
from rrdyn.plotting.logs import Run
from rrdyn.plotting.options import DynamicsOptions
from rrdyn.plotting.output import Output
from rrdyn.plotting.plate import Plate, Table
from rrdyn.plotting.runs import folder_of, gather, read_runs
from rrdyn.plotting.style import DASHES, Dashes, Style

POINTS = 2000
"""A line is drawn from at most about this many points."""


def draw(inputs: DynamicsOptions, out: Output, style: Style) -> None:
    """Read logs and draw both figures."""
    schema = read_schema(inputs.log_schema)
    files = gather(inputs.logs)
    runs, notes = read_runs(files, schema)
    folder, suffix = folder_of(inputs.logs), schema.headline.suffix
    out.told = {"schema": inputs.log_schema}
    out.add(small_multiples(runs, schema, style, notes), "dynamics", folder, inputs=files, schema=schema.name)
    plate = overlay(runs, schema, style, notes)
    out.add(plate, f"dynamics_{suffix}", folder, short=suffix, inputs=files, schema=schema.name)


def small_multiples(runs: list[Run], schema: LogSchema, style: Style, notes: list[str]) -> Plate:
    """Columns are arms, rows are metric groups; more arms than fit side by side go into further blocks of rows."""
    arms = by_arm(runs, schema)
    across, blocks = marks.blocks_of(len(arms), style.format.panels)
    rows = len(schema.groups)
    figure = style.figure(0.45 + blocks * (0.3 + 1.05 * rows))
    grid = figure.subplots(blocks * rows, across, sharex=True, squeeze=False)
    table = Table()
    labels = []
    for row, group in enumerate(schema.groups):
        panels = [grid[(place // across) * rows + row, place % across] for place in range(len(arms))]
        for ax, (arm, members) in zip(panels, arms.items()):
            ends = _panel(ax, style, arm, members, group, schema, table)
            if ax is panels[0]:
                labels.append(marks.label_ends(ax, style, ends if len(group.series) > 1 else []))
        _share(panels, group, style, across)
        for ax in panels[::across]:
            ax.set_ylabel(textwrap.fill(group.label, 17, break_on_hyphens=False))
    for place, (arm, members) in enumerate(arms.items()):
        column = [grid[(place // across) * rows + row, place % across] for row in range(rows)]
        column[0].set_title(f"{arm}\n({_seeds(members)})")
        column[-1].set_xlabel(schema.x_label)
        column[-1].tick_params(labelbottom=True)
        _mark_onset(column, style, members, schema)
        _steps_axis(column[-1], runs, across)
    for place in range(len(arms), blocks * across):
        for row in range(rows):
            grid[(place // across) * rows + row, place % across].set_visible(False)
    marks.heading(figure, style, f"{schema.title} ({_smoothing(schema)})")
    marks.spread(figure, labels)
    return Plate(
        figure=figure,
        table=table,
        caption=f"{schema.title}. Columns: {', '.join(f'{arm} ({_seeds(members)})' for arm, members in arms.items())}. "
        f"Thin lines: seeds, {_smoothing(schema)}; bold: their mean over the steps they share."
        + (f" Open circles: {schema.onset.label}; dashed: its mean over seeds." if schema.onset else ""),
        alt=f"Small multiples of {', '.join(group.label for group in schema.groups)} against {schema.x_label}, "
        f"one column for each of {', '.join(arms)}.",
        notes=_sentences(notes),
    )


def overlay(runs: list[Run], schema: LogSchema, style: Style, notes: list[str]) -> Plate:
    """The headline metric of every arm in one panel."""
    headline = schema.headline
    figure = style.figure(2.4, width=1.0 if style.size == "column" else 0.75)
    ax = figure.subplots()
    table = Table()
    ends: list[marks.End] = []
    arms = by_arm(runs, schema)
    colours = {arm.name: arm.colour for arm in schema.arms}
    for place, (arm, members) in enumerate(arms.items()):
        colour = colours.get(arm) or style.series(place)
        column = _column(headline.column, arm, schema)
        drawn = _lines(
            ax, style, arm, members, column, headline.column, colour, schema, table, dashes=DASHES[place % 4], thin=0.25
        )
        if drawn is None:
            continue
        steps, mean = drawn
        ends.append((steps[-1], mean[-1], f"{arm}\n{_seeds(members)}", colour))
        onsets = [step for run in members if (step := onset(run, schema)) is not None]
        if onsets:
            first = float(np.mean(onsets))
            ax.plot(
                first, np.interp(first, steps, mean), "o", ms=4 * style.scale, color=colour, mec=style.ground, zorder=4
            )
            table.add(arm=arm, column=headline.column, kind="onset", step=first, value=np.interp(first, steps, mean))
    if not ends:
        marks.empty(ax, style, f"no log holds {headline.column}")
    labels = marks.label_ends(ax, style, ends)
    if headline.limits:
        ax.set_ylim(*_widened(headline.limits, [ax]))
    ax.set_ylabel(headline.label)
    ax.set_xlabel(schema.x_label)
    _steps_axis(ax, runs, 1)
    marks.range_frame(ax, table.column("step"), table.column("value"))
    mark = f"; dot: mean of {schema.onset.label}" if schema.onset else ""
    ax.set_title(f"{headline.title} (n = {len(runs)} runs)\n{_smoothing(schema)}{mark}")
    marks.spread(figure, [labels])
    return Plate(
        figure=figure,
        table=table,
        caption=f"{headline.title}: {headline.label}. Bold: mean over seeds, thin: seeds, {_smoothing(schema)}{mark}. "
        + "; ".join(f"{arm}: {_seeds(members)}" for arm, members in arms.items())
        + ".",
        alt=f"{headline.label} against {schema.x_label}, one line for each of {', '.join(arms)}.",
        notes=_sentences(notes),
    )


def by_arm(runs: list[Run], schema: LogSchema) -> dict[str, list[Run]]:
    """Arms in the schema's order, each with its runs in the order of their seeds."""
    found: dict[str, list[Run]] = defaultdict(list)
    for run in sorted(runs, key=lambda run: (len(run.seed), run.seed)):
        found[schema.arm_of(run.facts)].append(run)
    return {arm: found[arm] for arm in schema.order(set(found))}


def onset(run: Run, schema: LogSchema) -> int | None:
    """First step at which the onset column, as logged (smoothing would blur it), exceeds its level."""
    if schema.onset is None:
        return None
    column = _column(schema.onset.column, schema.arm_of(run.facts), schema)
    values = run.columns.get(column)
    return None if values is None else curves.onset(run.steps, values, schema.onset.above)


def thinned(x: np.ndarray, y: np.ndarray, points: int = POINTS) -> tuple[np.ndarray, np.ndarray]:
    """The first, lowest, highest and last point of each of points/4 bins: what a line shows at that resolution."""
    if x.size <= points:
        return x, y
    edges = np.linspace(0, x.size, points // 4 + 1).astype(int)
    keep = set(edges[:-1]) | set(edges[1:] - 1)
    for start, stop in itertools.pairwise(edges):
        piece = y[start:stop]
        if not np.isnan(piece).all():
            keep |= {start + int(np.nanargmin(piece)), start + int(np.nanargmax(piece))}
    chosen = np.array(sorted(keep))
    return x[chosen], y[chosen]


def _panel(
    ax: Axes, style: Style, arm: str, members: list[Run], group: Group, schema: LogSchema, table: Table
) -> list[marks.End]:
    ends: list[marks.End] = []
    if group.zero:
        marks.rule(ax, style, y=0.0)
    for place, series in enumerate(group.series):
        colour = series.colour or style.series(place)
        column = _column(series.column, arm, schema)
        drawn = _lines(ax, style, arm, members, column, series.column, colour, schema, table, dashes=DASHES[place % 4])
        if drawn is not None:
            ends.append((drawn[0][-1], drawn[1][-1], series.label, colour))
    if not ends:
        marks.empty(ax, style, f"no {_wanted(group.series)}\nin these logs")
    return ends


def _lines(
    ax: Axes,
    style: Style,
    arm: str,
    members: list[Run],
    column: str,
    name: str,
    colour: str,
    schema: LogSchema,
    table: Table,
    *,
    dashes: Dashes,
    thin: float = 0.4,
) -> tuple[np.ndarray, np.ndarray] | None:
    """Thin lines of the seeds and their bold mean; returns the mean, or None where nothing was logged."""
    having = [run for run in members if not np.isnan(run.columns.get(column, np.full(1, np.nan))).all()]
    if not having:
        return None
    smooth = [curves.ema(run.columns[column], schema.span) for run in having]
    for run, line in zip(having, smooth):
        x, y = thinned(run.steps, line)
        ax.plot(x, y, color=colour, lw=0.6 * style.scale, alpha=thin)
        table.add(arm=arm, column=name, kind="seed", seed=run.seed, run=run.path.parent.name, step=x, value=y)
        first = onset(run, schema)
        if first is not None and schema.onset is not None and name == schema.onset.column:
            at = line[np.searchsorted(run.steps, first)]
            ax.plot(first, at, "o", ms=3 * style.scale, mfc="none", mec=colour, mew=0.7 * style.scale, zorder=3)
            table.add(
                arm=arm, column=name, kind="seed onset", seed=run.seed, run=run.path.parent.name, step=first, value=at
            )
    steps, mean = curves.mean_over([run.steps for run in having], smooth)
    seen = ~np.isnan(mean)
    if not seen.any():
        return None
    steps, mean = thinned(steps[seen], mean[seen])
    ax.plot(steps, mean, color=colour, lw=1.7 * style.scale, ls=dashes)
    table.add(arm=arm, column=name, kind="mean", seed=f"n={len(having)}", step=steps, value=mean)
    return steps, mean


def _mark_onset(column: list[Axes], style: Style, members: list[Run], schema: LogSchema) -> None:
    """A dashed line at the mean onset through every row of an arm, so that the rows can be read against it."""
    onsets = [step for run in members if (step := onset(run, schema)) is not None]
    if not onsets or schema.onset is None:
        return
    for ax in column:
        marks.rule(ax, style, x=float(np.mean(onsets)), dashed=True)
    late = float(np.mean(onsets)) > 0.5 * max(run.steps[-1] for run in members)
    column[0].annotate(
        schema.onset.label,
        (float(np.mean(onsets)), 1.0),
        xycoords=("data", "axes fraction"),
        color=style.soft,
        xytext=(-2 if late else 2, -1),
        textcoords="offset points",
        va="top",
        ha="right" if late else "left",
    )


def _share(panels: list[Axes], group: Group, style: Style, across: int) -> None:
    """One vertical scale for a row of panels, written once."""
    if group.log:
        for ax in panels:
            ax.set_yscale("log")
    low, high = _widened(group.limits or (np.inf, -np.inf), panels)
    if np.isfinite([low, high]).all():
        pad = 0.0 if group.limits or group.log else 0.06 * (high - low or 1.0)
        for ax in panels:
            ax.set_ylim(low - pad, high + pad)
    for place, ax in enumerate(panels):
        if not group.log:
            ax.yaxis.set_major_locator(MaxNLocator(3 if style.size == "column" else 4))
        ax.tick_params(labelbottom=False, labelleft=place % across == 0)
        data = _drawn_points(ax)
        if data:
            both = np.concatenate(data)
            marks.range_frame(ax, both[:, 0], both[:, 1])


def _widened(limits: tuple[float, float], panels: list[Axes]) -> tuple[float, float]:
    """The limits, moved out to whatever is drawn beyond them."""
    values = np.concatenate([np.array(limits), *(points[:, 1] for ax in panels for points in _drawn_points(ax))])
    values = values[np.isfinite(values)]
    return (float(values.min()), float(values.max())) if values.size else limits


def _drawn_points(ax: Axes) -> list[np.ndarray]:
    """The points of the data lines of a panel, without its reference rules."""
    return [np.asarray(line.get_xydata(), dtype=float) for line in ax.lines if line.get_transform() == ax.transData]


def _steps_axis(ax: Axes, runs: list[Run], across: int) -> None:
    last = max(int(run.steps[-1]) for run in runs)
    ax.xaxis.set_major_locator(MaxNLocator(3 if across > 1 else 5, integer=True))
    if last >= 10_000:
        ax.xaxis.set_major_formatter(lambda value, _: f"{value / 1000:g}k" if value else "0")


def _column(name: str, arm: str, schema: LogSchema) -> str:
    swap = next((rule.draw for rule in schema.instead if rule.arm == arm and rule.instead_of == name), None)
    return swap or name


def _wanted(series: list[Series]) -> str:
    return " or ".join(one.label for one in series)


def _seeds(members: list[Run]) -> str:
    n = len({run.seed for run in members})
    return f"n = {n} seed{'' if n == 1 else 's'}"


def _smoothing(schema: LogSchema) -> str:
    return f"EMA-{schema.span}" if schema.span > 1 else "not smoothed"


def _sentences(notes: list[str]) -> list[str]:
    return [f"Note: {'; '.join(notes)}."] if notes else []
