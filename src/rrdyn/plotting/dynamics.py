"""Training dynamics: small multiples, a column per arm and a row per metric, and one metric over all arms."""

from __future__ import annotations

import textwrap
import warnings
from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import LogLocator, MaxNLocator, NullLocator

from rrdyn.analysis.curves import SMOOTHED_ABOVE, mean_onset
from rrdyn.artifacts.errors import Notice
from rrdyn.plotting import marks
from rrdyn.plotting.columns import Column, columns_of
from rrdyn.plotting.log_schema import Group, LogSchema, read_schema
from rrdyn.plotting.logs import Run
from rrdyn.plotting.options import DynamicsOptions
from rrdyn.plotting.output import Output
from rrdyn.plotting.plate import Plate, Table
from rrdyn.plotting.runs import folder_of, gather, read_runs
from rrdyn.plotting.series import Look, curve_of, draw_series, logged_points, onset_of
from rrdyn.plotting.style import DASHES, Style
from rrdyn.plotting.watching import changes
from rrdyn.runtime.progress import say


def draw(inputs: DynamicsOptions, out: Output, style: Style) -> None:
    """Read logs and draw both figures; with `watch` again whenever a log has grown."""
    schema = read_schema(inputs.log_schema)
    _draw(inputs, schema, out, style)
    for _ in changes(lambda: gather(inputs.logs)) if inputs.watch else ():
        out.begin_again()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", Notice)  # told the first time
            _draw(inputs, schema, out, style)
        say(f"drew {out.wrote[0]} again" if out.wrote else "drew it again")


def _draw(inputs: DynamicsOptions, schema: LogSchema, out: Output, style: Style) -> None:
    files = gather(inputs.logs)
    runs, notes = read_runs(files, schema)
    folder, suffix = folder_of(inputs.logs), schema.headline.suffix
    out.told = {"schema": inputs.log_schema, "runs": len(runs), "notes": notes}
    out.add(small_multiples(runs, schema, style, notes), "dynamics", folder, inputs=files, schema=schema.name)
    plate = overlay(runs, schema, style, notes)
    out.add(plate, f"dynamics_{suffix}", folder, short=suffix, inputs=files, schema=schema.name)


def small_multiples(runs: list[Run], schema: LogSchema, style: Style, notes: list[str]) -> Plate:
    """Columns are arms, rows are metric groups; more arms than fit side by side go into further blocks of rows."""
    columns = columns_of(runs, schema)
    groups = [group for group in schema.groups if any(_has(run, group, schema) for run in runs)]
    across, blocks = marks.blocks_of(len(columns), style.format.panels)
    rows, lines = len(groups), max(column.name.count("\n") for column in columns)
    figure = style.figure(0.45 + blocks * (0.3 + 0.13 * lines + 1.05 * rows))
    grid = figure.subplots(blocks * rows, across, sharex=True, squeeze=False)
    table = Table()
    labels = []
    for row, group in enumerate(groups):
        panels = [grid[(place // across) * rows + row, place % across] for place in range(len(columns))]
        for ax, column in zip(panels, columns):
            ends = _panel(ax, style, column, group, schema, table)
            if ax is panels[across - 1]:
                labels.append(marks.label_ends(ax, style, ends if len(group.series) > 1 else []))
        _share(panels, group, style, across)
        for ax in panels[::across]:
            ax.set_ylabel(textwrap.fill(group.label, 17, break_on_hyphens=False))
    for place, column in enumerate(columns):
        tower = [grid[(place // across) * rows + row, place % across] for row in range(rows)]
        tower[0].set_title(f"{column.name}\n({column.count})")
        tower[-1].set_xlabel(schema.x_label)
        tower[-1].tick_params(labelbottom=True)
        _mark_onset(tower, style, column, schema)
        _steps_axis(tower[-1], runs, across)
    for ax in grid.flat:
        data = np.concatenate([np.zeros((0, 2)), *logged_points([ax])])
        marks.range_frame(ax, data[:, 0], data[:, 1])
    for place in range(len(columns), blocks * across):
        for row in range(rows):
            grid[(place // across) * rows + row, place % across].set_visible(False)
    marks.heading(figure, style, f"{schema.title} ({_how(runs, schema)})")
    marks.spread(figure, labels)
    told = [f"in no log: {', '.join(group.label for group in schema.groups if group not in groups)}"]
    return Plate(
        figure=figure,
        table=table,
        caption=f"{schema.title}. Columns: {_listed(columns)}. {_sentence(_how(runs, schema))}."
        + (
            f" Open circles: {schema.onset.label}, of runs that start below; dashed: the mean step of it."
            if schema.onset
            else ""
        ),
        alt=f"Small multiples of {', '.join(group.label for group in groups)} against {schema.x_label}, "
        f"one column for each of {_listed(columns)}.",
        notes=_sentences([*(told if len(groups) < len(schema.groups) else []), *notes]),
    )


def overlay(runs: list[Run], schema: LogSchema, style: Style, notes: list[str]) -> Plate:
    """The headline metric of every arm in one panel."""
    headline = schema.headline
    columns = columns_of(runs, schema)
    lines = sum(column.name.count("\n") + 2 for column in columns)
    figure = style.figure(max(2.4, 0.9 + 0.15 * lines), width=1.0 if style.size == "column" else 0.75)
    ax = figure.subplots()
    table = Table()
    ends: list[marks.End] = []
    colours = {arm.name: arm.colour for arm in schema.arms}
    alone = {column.arm for column in columns if sum(column.arm == other.arm for other in columns) == 1}
    for place, column in enumerate(columns):
        own = colours.get(column.arm) if column.arm in alone else None  # two columns of one arm are told apart
        look = Look(own or style.series(place), DASHES[place % 4])
        drawn = draw_series(ax, style, column, headline.column, look, schema, table)
        if drawn is not None:
            end = f"{column.name}\n{column.count}"
            ends.append((float(drawn.steps[-1]), float(drawn.shown[-1]), end, look.colour))
    if not ends:
        marks.empty(ax, style, f"no log holds {headline.column}")
    labels = marks.label_ends(ax, style, ends)
    if headline.limits:
        ax.set_ylim(*_widened(headline.limits, [ax]))
    ax.set_ylabel(headline.label)
    ax.set_xlabel(schema.x_label)
    _steps_axis(ax, runs, 1)
    marks.range_frame(ax, table.column("step"), table.column("value"))
    mark = f"; circle: {schema.onset.label}" if schema.onset and table.where(kind="onset") else ""
    ax.set_title(f"{headline.title} (n = {len(runs)} runs)\n{_how(runs, schema, headline.column)}{mark}")
    marks.spread(figure, [labels])
    return Plate(
        figure=figure,
        table=table,
        caption=f"{headline.title}: {headline.label}. {_sentence(_how(runs, schema, headline.column))}{mark}. "
        f"{_listed(columns)}.",
        alt=f"{headline.label} against {schema.x_label}, one line for each of {_listed(columns)}.",
        notes=_sentences(notes),
    )


def _has(run: Run, group: Group, schema: LogSchema) -> bool:
    return any(curve_of(run, series.column, schema) is not None for series in group.series)


def _panel(ax: Axes, style: Style, column: Column, group: Group, schema: LogSchema, table: Table) -> list[marks.End]:
    ends: list[marks.End] = []
    if group.zero:
        marks.rule(ax, style, y=0.0)
    for place, series in enumerate(group.series):
        look = Look(series.colour or style.series(place), DASHES[place % 4])
        drawn = draw_series(ax, style, column, series.column, look, schema, table)
        if drawn is not None:
            ends.append((float(drawn.steps[-1]), float(drawn.shown[-1]), series.label, look.colour))
    if not ends:
        marks.empty(ax, style, "not in\nthese logs")
    return ends


def _mark_onset(tower: list[Axes], style: Style, column: Column, schema: LogSchema) -> None:
    """A dashed line at the mean onset through every row of an arm, so that the rows can be read against it."""
    onsets = [step for run in column.runs if (step := onset_of(run, schema)) is not None]
    if not onsets or schema.onset is None:
        return
    mean = mean_onset(onsets)
    for ax in tower:
        marks.rule(ax, style, x=mean, dashed=True)
    late = mean > 0.5 * max(run.steps[-1] for run in column.runs)
    some = f" ({len(onsets)} of {len(column.runs)})" if len(onsets) < len(column.runs) else ""
    tower[0].annotate(
        schema.onset.label + some,
        (mean, 1.0),
        xycoords=("data", "axes fraction"),
        color=style.soft,
        xytext=((-2 if late else 2) * style.scale, -1 * style.scale),
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
        pad = 0.0 if group.limits else 0.06 * (high - low or 1.0)
        low, high = (low / 1.6, high * 1.6) if group.log and low > 0 else (low - pad, high + pad)
        for ax in panels:
            ax.set_ylim(low, high)
    for place, ax in enumerate(panels):
        if not group.log:
            ax.yaxis.set_major_locator(MaxNLocator(3 if style.size == "column" else 4))
        else:
            narrow = high < 10 * low  # less than a decade may hold no power of ten
            ax.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5) if narrow else (1,), numticks=4))
            ax.yaxis.set_major_formatter(lambda value, _: f"{value:g}")
            ax.yaxis.set_minor_locator(NullLocator())
        ax.tick_params(labelbottom=False, labelleft=place % across == 0)


def _widened(limits: tuple[float, float], panels: Sequence[Axes]) -> tuple[float, float]:
    """The limits, moved out to whatever is drawn beyond them."""
    values = np.concatenate([np.array(limits), *(points[:, 1] for points in logged_points(panels))])
    values = values[np.isfinite(values)]
    return (float(values.min()), float(values.max())) if values.size else limits


def _steps_axis(ax: Axes, runs: list[Run], across: int) -> None:
    last = max(int(run.steps[-1]) for run in runs)
    ax.xaxis.set_major_locator(MaxNLocator(3 if across > 1 else 5, integer=True))
    if last >= 10_000:
        ax.xaxis.set_major_formatter(lambda value, _: f"{value / 1000:g}k" if value else "0")


def _sentence(words: str) -> str:
    return words[:1].upper() + words[1:]


def _how(runs: list[Run], schema: LogSchema, *columns: str) -> str:
    """How curves are drawn, as far as these runs have such ones."""
    names = columns or tuple(series.column for group in schema.groups for series in group.series)
    found = [one for run in runs for name in names if (one := curve_of(run, name, schema)) is not None]
    smoothed = any(one.smooth is not None for one in found)
    several = any(len(column.runs) > 1 for column in columns_of(runs, schema))
    long = f"EMA-{schema.span} of curves of more than {SMOOTHED_ABOVE} points"
    bold = [*(["mean over seeds"] if several else []), *([long] if smoothed else [])]
    return "as logged" + (f"; bold: {' and '.join(bold)}" if bold else "")


def _listed(columns: list[Column]) -> str:
    return "; ".join(f"{column.name.replace(chr(10), ', ')} ({column.count})" for column in columns)


def _sentences(notes: list[str]) -> list[str]:
    return [f"Note: {'; '.join(notes)}."] if notes else []
