"""Cells and exponents over the checkpoints of a training run, from evolution_<tag>.csv."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.text import Annotation
from matplotlib.ticker import MaxNLocator

from rrdyn.plotting import marks
from rrdyn.plotting.options import EvolutionOptions
from rrdyn.plotting.output import Output
from rrdyn.plotting.plate import Plate, Table
from rrdyn.plotting.style import CELLS, Style
from rrdyn.plotting.tables import checked, numbers, read_columns, tagged

RUN = "rrdyn evolution DIAG.npz…"
NEEDED = ("acc", *(f"{what}{cell}" for what in ("f", "l1") for cell in CELLS))


def draw(inputs: EvolutionOptions, out: Output, style: Style) -> None:
    """Draw every evolution_<tag>.csv that is meant."""
    for one in tagged(inputs.path, "evolution", ".csv", RUN, out):
        plate = evolution(one.file, one.tag, style)
        out.add(plate, one.name, one.folder, short=one.short, inputs=[one.file], tag=one.tag)


def evolution(source: Path, tag: str, style: Style) -> Plate:
    """Accuracy and the shares of the four cells, and the median leading exponent of each cell, over checkpoints."""
    columns = read_columns(source, ("step", *NEEDED), run=RUN)
    values = {name: numbers(words) for name, words in columns.items() if name != "step"}
    checked(values, source, NEEDED[:5])
    steps, names = _places(columns["step"])
    stacked = style.size == "column"
    figure = style.figure(4.3 if stacked else 2.6)
    shares, exponents = figure.subplots(2, 1, sharex=True) if stacked else figure.subplots(1, 2)
    table = Table()
    joined = names is None  # different models have no order: their marks are not joined
    labels = [
        _shares(shares, style, steps, values, table, joined),
        _exponents(exponents, style, steps, values, table, joined),
    ]
    for ax in (exponents,) if stacked else (shares, exponents):
        ax.set_xlabel("training step" if joined else "model")
    for ax in (shares, exponents):
        if names is None:
            ax.xaxis.set_major_locator(MaxNLocator(4, integer=True))
            if steps.max() >= 10_000:
                ax.xaxis.set_major_formatter(lambda value, _: f"{value / 1000:g}k" if value else "0")
        else:
            marks.slanted(ax, steps, names)
        marks.range_frame(ax, steps, None)
    what = "checkpoint" if joined else "model"
    counts = f"n = {int(values['n'].min()):,} puzzles a {what}" if "n" in values else f"{steps.size} {what}s"
    shares.set_title(f"{tag}: shares of the cells\n{counts}")
    exponents.set_title(f"{tag}: median $\\lambda_1$ of each cell\n(cells of 3 or more)")
    marks.spread(figure, labels)
    return Plate(
        figure=figure,
        table=table,
        caption=f"{tag} over {steps.size} {what}s ({counts}). Shares of the four cells with accuracy (A + C), and "
        "the median leading exponent of each cell in nats per sub-update; a cell of fewer than three puzzles has "
        "none. Bands: 95% intervals.",
        alt=f"Accuracy goes from {values['acc'][0]:.2f} to {values['acc'][-1]:.2f} over {steps.size} {what}s; "
        "lines of the four cells' shares and of their median exponents.",
    )


def _shares(
    ax: Axes, style: Style, steps: np.ndarray, values: dict[str, np.ndarray], table: Table, joined: bool
) -> list[Annotation]:
    ends: list[marks.End] = []
    ax.plot(steps, values["acc"], color=style.ink, lw=1.6 * style.scale, ls="-" if joined else "",
            marker=None if joined else "D")  # fmt: skip
    _band(ax, steps, values, "acc", style.ink, joined)
    table.add(panel="share", series="accuracy", step=steps, value=values["acc"], **_bounds(values, "acc"))
    ends.append((steps[-1], values["acc"][-1], "accuracy", style.ink))
    for cell, look in CELLS.items():
        y = values[f"f{cell}"]
        ax.plot(steps, y, color=style.cell(cell), marker=look.marker, ls=look.dashes if joined else "")
        _band(ax, steps, values, f"f{cell}", style.cell(cell), joined)
        table.add(panel="share", series=cell, step=steps, value=y, **_bounds(values, f"f{cell}"))
        ends.append((steps[-1], y[-1], f"{cell} {look.name}", style.cell(cell)))
    ax.set_ylim(-0.03, 1.03)
    ax.set_ylabel("share of puzzles")
    return marks.label_ends(ax, style, ends)


def _exponents(
    ax: Axes, style: Style, steps: np.ndarray, values: dict[str, np.ndarray], table: Table, joined: bool
) -> list[Annotation]:
    ends: list[marks.End] = []
    marks.rule(ax, style, y=0.0)
    for cell, look in CELLS.items():
        y = values[f"l1{cell}"]
        seen = np.flatnonzero(np.isfinite(y))
        if not seen.size:
            continue
        ax.plot(steps[seen], y[seen], color=style.cell(cell), marker=look.marker, ls=look.dashes if joined else "")
        _band(ax, steps, values, f"l1{cell}", style.cell(cell), joined)
        table.add(panel="lambda_1", series=cell, step=steps, value=y, **_bounds(values, f"l1{cell}"))
        ends.append((steps[seen[-1]], y[seen[-1]], f"{cell} {look.name}", style.cell(cell)))
    if not ends:
        marks.empty(ax, style, "every cell holds fewer than three puzzles")
    ax.set_ylabel("median $\\lambda_1$\n(nats per sub-update)")
    return marks.label_ends(ax, style, ends)


def _band(ax: Axes, steps: np.ndarray, values: dict[str, np.ndarray], name: str, colour: str, joined: bool) -> None:
    bounds = _bounds(values, name)
    if not bounds or not np.isfinite(bounds["low"]).any():
        return
    if not joined:
        ax.vlines(steps, bounds["low"], bounds["high"], color=colour, lw=0.8)
    else:
        ax.fill_between(steps, bounds["low"], bounds["high"], color=colour, alpha=0.15, lw=0)


def _bounds(values: dict[str, np.ndarray], name: str) -> dict[str, np.ndarray]:
    low, high = values.get(f"{name}_low"), values.get(f"{name}_high")
    return {} if low is None or high is None else {"low": low, "high": high}


def _places(steps: list[str]) -> tuple[np.ndarray, list[str] | None]:
    """Steps as numbers where all of them are, else 0, 1, 2 … and their names."""
    try:
        return np.array([float(step) for step in steps]), None
    except ValueError:
        return np.arange(len(steps), dtype=float), steps
