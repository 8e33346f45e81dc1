"""Which restart to trust: accuracy of the selectors, risk against coverage, calibration, from `rrdyn select`."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.text import Annotation

from rrdyn.artifacts.errors import InputError
from rrdyn.artifacts.places import existing
from rrdyn.plotting import marks
from rrdyn.plotting.options import SelectorsOptions
from rrdyn.plotting.output import Output
from rrdyn.plotting.plate import Plate, Table
from rrdyn.plotting.style import DASHES, MARKERS, Style
from rrdyn.plotting.tables import checked, numbers, read_columns, tagged

RUN = "rrdyn select PERTURB.npz"
TABLES = ("select", "risk_coverage", "calibration")
CHOSEN = ("selector", "sigma", "n", "right", "right_low", "right_high")
RISKS = ("selector", "sigma", "coverage", "risk")
BINS = ("sigma", "confidence", "accuracy", "low", "high", "n")


SHOWN = {"oracle": "oracle\n(at the readout)"}


def draw(inputs: SelectorsOptions, out: Output, style: Style) -> None:
    """Draw every select_<tag>.csv that is meant, with the tables beside it."""
    for one in tagged(inputs.path, "select", ".csv", RUN, out):
        files = [existing(one.folder / f"{name}_{one.tag}.csv", run=RUN) for name in TABLES]
        plate = selectors(files, one.tag, style, inputs.sigma)
        out.add(plate, f"selectors_{one.tag}", one.folder, short=one.short, inputs=files, tag=one.tag)


def selectors(files: list[Path], tag: str, style: Style, sigma: float | None = None) -> Plate:
    """Accuracy of each selector, risk against coverage, calibration of q_halt, from the tables of `rrdyn select`."""
    chosen = read_columns(files[0], CHOSEN, run=RUN)
    risks = read_columns(files[1], RISKS, empty=True, run=RUN)
    bins = read_columns(files[2], BINS, empty=True, run=RUN)
    accuracy = {name: numbers(words) for name, words in chosen.items()}
    checked(accuracy, files[0], ("sigma", "n"))
    names = list(dict.fromkeys(chosen["selector"]))
    sigmas = np.unique(accuracy["sigma"])
    at = _noise(accuracy, np.array(chosen["selector"]), sigmas, sigma)
    stacked = style.size == "column"
    figure = style.figure(6.9 if stacked else 2.7)
    above, middle, below = figure.subplots(3, 1) if stacked else figure.subplots(1, 3)
    table = Table()
    _accuracies(above, style, names, np.array(chosen["selector"]), accuracy, sigmas, table)
    label_groups = [_risks(middle, style, names, risks, at, table)]
    _calibration(below, style, bins, at, table)
    n = int(accuracy["n"].max())
    above.set_title(f"{tag}: accuracy by selector\nn = {n:,} puzzles")
    middle.set_title(f"risk against coverage\n$\\sigma$ = {at:g}")
    below.set_title(f"calibration of q_halt\n$\\sigma$ = {at:g}")
    marks.spread(figure, label_groups)
    return Plate(
        figure=figure,
        table=table,
        caption=f"Selectors among K restarts of {n:,} puzzles ({tag}). First: accuracy of the chosen restart at each "
        f"noise scale, with 95% intervals; `oracle` counts any restart that is right at the readout. Second: error "
        f"rate over the most trusted share of puzzles, at sigma = {at:g}. Third: share right against "
        "sigmoid(q_halt), in bins.",
        alt=f"Accuracy of the selectors {', '.join(names)}; risk-coverage curves; reliability of q_halt.",
    )


def _noise(values: dict[str, np.ndarray], who: np.ndarray, sigmas: np.ndarray, wanted: float | None) -> float:
    if wanted is not None:
        near = float(sigmas[np.argmin(np.abs(sigmas - wanted))])
        if not np.isclose(near, wanted):
            raise InputError(f"there is no sigma {wanted:g}", expected=", ".join(f"{sigma:g}" for sigma in sigmas))
        return near
    rows = np.flatnonzero(who == ("oracle" if "oracle" in who else who[0]))
    best = rows[np.nanargmax(values["right"][rows])] if np.isfinite(values["right"][rows]).any() else rows[0]
    return float(values["sigma"][best])


def _accuracies(
    ax: Axes,
    style: Style,
    names: list[str],
    who: np.ndarray,
    values: dict[str, np.ndarray],
    sigmas: np.ndarray,
    table: Table,
) -> None:
    """Rows of dots: a selector a row, a noise scale a mark; names on the axis are the direct labels."""
    places = {name: -row for row, name in enumerate(names)}
    for order, sigma in enumerate(sigmas):
        shift = (order - (sigmas.size - 1) / 2) * min(0.16, 0.7 / sigmas.size)
        rows = np.flatnonzero(values["sigma"] == sigma)
        y = np.array([places[name] for name in who[rows]]) - shift
        colour = style.series(order)
        ax.hlines(y, values["right_low"][rows], values["right_high"][rows], color=colour, lw=0.7 * style.scale)
        ax.plot(
            values["right"][rows],
            y,
            ls="",
            marker=MARKERS[order % len(MARKERS)],
            color=colour,
            label=f"$\\sigma$ = {sigma:g}",
            ms=3 * style.scale,
        )
        table.add(
            panel="accuracy",
            selector=who[rows],
            sigma=sigma,
            x=values["right"][rows],
            low=values["right_low"][rows],
            high=values["right_high"][rows],
        )
    ax.set_yticks(list(places.values()), [SHOWN.get(name, name) for name in names])
    ax.tick_params(axis="y", length=0)
    ax.spines["left"].set_visible(False)
    ax.set_ylim(-len(names) + 0.4, 0.6)
    ax.set_xlabel("accuracy at the readout")
    ax.legend(
        frameon=False,
        loc="upper left",
        bbox_to_anchor=(-0.1, -0.24 if style.size == "column" else -0.2),
        ncols=4 if style.size == "column" else 2,
        handletextpad=0.1,
        columnspacing=0.8,
        borderpad=0.0,
        labelspacing=0.2,
    )


def _risks(
    ax: Axes, style: Style, names: list[str], columns: dict[str, list[str]], at: float, table: Table
) -> list[Annotation]:
    who = np.array(columns["selector"])
    values = {name: numbers(words) for name, words in columns.items() if name != "selector"}
    ends: list[marks.End] = []
    for order, name in enumerate(names):
        rows = np.flatnonzero((who == name) & np.isclose(values["sigma"], at)) if who.size else np.zeros(0, dtype=int)
        if not rows.size:
            continue
        x, y = values["coverage"][rows], values["risk"][rows]
        ax.plot(x, y, color=style.series(order), ls=DASHES[order % len(DASHES)])
        table.add(panel="risk", selector=name, sigma=at, x=x, y=y)
        ends.append((x[-1], y[-1], name, style.series(order)))
    if not ends:
        marks.empty(ax, style, "no selector\nranks its trust")
    ax.set_xlim(0, 1)
    ax.set_ylim(bottom=0)
    ax.set_xlabel("coverage (share of puzzles)")
    ax.set_ylabel("risk (share wrong)")
    return marks.label_ends(ax, style, ends)


def _calibration(ax: Axes, style: Style, columns: dict[str, list[str]], at: float, table: Table) -> None:
    values = {name: numbers(words) for name, words in columns.items()}
    rows = np.flatnonzero(np.isclose(values["sigma"], at) & (values["n"] > 0))
    ax.plot([0, 1], [0, 1], color=style.faint, lw=0.8 * style.scale, zorder=0)
    ax.set_xlabel("sigmoid(q_halt)")
    if not rows.size:
        marks.empty(ax, style, "no q_halt\nin this file")
    else:
        x, y = values["confidence"][rows], values["accuracy"][rows]
        ax.vlines(x, values["low"][rows], values["high"][rows], color=style.series(0), lw=0.8 * style.scale)
        ax.scatter(
            x,
            y,
            s=style.scale**2 * (6 + 40 * values["n"][rows] / values["n"][rows].max()),
            color=style.series(0),
            linewidths=0,
        )
        ax.set_xlabel(f"sigmoid(q_halt)\nn = {int(values['n'][rows].sum()):,} restarts")
        table.add(
            panel="calibration",
            sigma=at,
            x=x,
            y=y,
            low=values["low"][rows],
            high=values["high"][rows],
            n=values["n"][rows],
        )
    ax.set_xlim(-0.03, 1.03)
    ax.set_ylim(-0.03, 1.03)
    ax.set_ylabel("share right")
