"""The four figures of the 2x2 analysis: drift histogram, lambda_1 by cell, drift against lambda_1, spectra."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from matplotlib.ticker import MaxNLocator

from rrdyn.plotting import marks
from rrdyn.plotting.options import TwoByTwoOptions
from rrdyn.plotting.output import Output
from rrdyn.plotting.plate import Plate, Table
from rrdyn.plotting.study import RUN, Study, read_study
from rrdyn.plotting.style import CELLS, Style
from rrdyn.plotting.tables import tagged

LATE = "late drift of $z_H$, log$_{10}$ ||$\\Delta z_H$|| per segment"
RETURN = "late return distance, log$_{10}$, of the largest norm"
DEFINED = {
    "log10_late_drift": "Late drift is the mean of ||z_H(t) - z_H(t-1)|| over the last quarter of the segments, four "
    "at most.",
    "log10_late_return": "The late return distance is the smallest mean distance, over those segments, to the "
    "state 1, 2, ... segments before.",
}
LAMBDA = "$\\lambda_1$ (nats per sub-update)"


def draw(inputs: TwoByTwoOptions, out: Output, style: Style) -> None:
    """Draw the four figures of every analysed tag that is meant."""
    for one in tagged(inputs.path, "results", ".json", RUN, out):
        study = read_study(one.folder, one.tag)
        for name, make in PLATES.items():
            short = f"{one.short}_{name}" if one.short else name
            out.add(make(study, style), f"fig_{one.tag}_{name}", one.folder, short=short, inputs=study.files,
                    tag=one.tag)  # fmt: skip


def drift_hist(study: Study, style: Style) -> Plate:
    """Late drift of right answers above the axis and of wrong ones below it, coloured by cell."""
    figure = style.figure(2.5)
    ax = figure.subplots()
    table = Table()
    edges = _edges(study.log_motion)
    top = 1.0
    for sign, right in ((1, True), (-1, False)):
        for cell in ("A", "C") if right else ("B", "D"):
            heights, _ = np.histogram(study.log_motion[study.cell == cell], bins=edges)
            ax.bar(edges[:-1], sign * heights, np.diff(edges), align="edge", color=style.cell(cell), linewidth=0)
            table.add(cell=cell, bin_from=edges[:-1], bin_to=edges[1:], count=heights)
            top = max(top, float(heights.max(initial=0)))
    ax.axhline(0, color=style.soft, lw=0.6 * style.scale)
    marks.threshold(ax, style, study.tau)
    ax.set_ylim(-1.5 * top, 1.5 * top)  # room for the words above the bars
    ax.set_xlim(edges[0] - 0.02 * (edges[-1] - edges[0]), edges[-1] + 0.02 * (edges[-1] - edges[0]))
    for cell, x, y in (("A", 0.02, 0.98), ("C", 0.98, 0.98), ("B", 0.02, 0.02), ("D", 0.98, 0.02)):
        words = f"{CELLS[cell].name}\nn = {study.counts[cell]:,}"
        marks.note(ax, style, words, x=x, y=y, colour=style.text(style.cell(cell)))
    ax.yaxis.set_major_formatter(lambda value, _: f"{abs(value):g}")
    ax.yaxis.set_major_locator(MaxNLocator(5, integer=True))
    ax.set_xlabel(RETURN if study.by_return else LATE)
    ax.set_ylabel("puzzles:  wrong | correct")
    ax.set_title(f"{study.title}\nn = {study.n:,}; dashed: threshold {study.tau:.2f} ({study.threshold_rule})")
    return Plate(
        figure=figure,
        table=table,
        caption=f"Distribution of {_motion(study)} over the {study.n:,} puzzles of {study.title}: correct answers "
        f"upwards (n = {study.n_correct:,}), wrong ones downwards (n = {study.n - study.n_correct:,}). "
        f"{DEFINED[study.motion]} Dashed: the threshold between settled and moving, {study.tau:.3f} "
        f"({study.threshold_rule}).",
        alt=f"Histogram of {_motion(study)}. Correct: {study.counts['A']} settled, {study.counts['C']} moving. "
        f"Wrong: {study.counts['B']} settled, {study.counts['D']} moving.",
    )


def _motion(study: Study) -> str:
    return "late return distance" if study.by_return else "late drift"


def _edges(values: np.ndarray) -> np.ndarray:
    """Sixty bins over the values, as the source study draws them."""
    low, high = (float(values.min()), float(values.max())) if values.size else (0.0, 1.0)
    if high - low < 1e-9:
        low, high = low - 0.5, high + 0.5
    return np.linspace(low, high, 61)


def lyap_by_cell(study: Study, style: Style) -> Plate:
    """Every puzzle's leading exponent in its cell, with median and quartiles."""
    figure = style.figure(2.6)
    ax = figure.subplots()
    table = Table()
    marks.rule(ax, style, y=0.0)
    for x, cell in enumerate(CELLS):
        y = study.lam1[study.cell == cell]
        if not y.size:
            ax.text(x, 0.5, "none", transform=ax.get_xaxis_transform(), ha="center", va="center", color=style.soft)
            continue
        place = x + marks.jitter(y.size, 0.3)
        table.add(cell=cell, kind="puzzle", x=place, lambda_1=y)
        marks.scatter_cell(ax, style, cell, place, y)
        median, (low, high) = study.quartiles(cell)
        line: dict[str, Any] = {"color": style.ink, "zorder": 4, "solid_capstyle": "butt"}
        if y.size > 1:  # one puzzle is its own median, and would lie under the bar
            ax.plot([x - 0.38, x + 0.38], [median] * 2, lw=1.8 * style.scale, **line)
            ax.plot([x + 0.44, x + 0.44], [low, high], lw=0.8 * style.scale, **line)
        table.add(cell=cell, kind="median", x=x, lambda_1=median, q25=low, q75=high)
    names = [f"{cell}\n{look.name.replace(', ', chr(10))}\nn = {study.counts[cell]:,}" for cell, look in CELLS.items()]
    ax.set_xticks(range(4), names)
    ax.tick_params(axis="x", length=0)
    for label, cell in zip(ax.get_xticklabels(), CELLS):
        label.set_color(style.text(style.cell(cell)))
    ax.spines["bottom"].set_visible(False)
    ax.set_xlim(-0.5, 3.55)
    ax.set_ylabel(LAMBDA)
    marks.range_frame(ax, None, study.lam1)
    ax.set_title(f"{study.title}\nn = {study.n:,}; bar: median, stem: quartiles")
    medians = {cell: study.median(cell) for cell in CELLS}
    return Plate(
        figure=figure,
        table=table,
        caption=f"Leading finite-time Lyapunov exponent of each puzzle by cell of the 2x2 ({study.title}, "
        f"n = {study.n:,}); thick bar: median, thin stem: quartiles. Medians: "
        + "; ".join(f"{cell} ({CELLS[cell].name}) {_signed(value)}" for cell, value in medians.items())
        + f". Exponents {study.units}.",
        alt="Strip plot of the leading exponent by cell. "
        + " ".join(f"{cell}: n {study.counts[cell]}, median {_signed(value)}." for cell, value in medians.items()),
    )


def scatter(study: Study, style: Style) -> Plate:
    """Late drift against the leading exponent, one mark a puzzle."""
    figure = style.figure(2.9)
    ax = figure.subplots()
    table = Table()
    marks.rule(ax, style, y=0.0)
    marks.rule(ax, style, x=study.tau, dashed=True)
    for cell in sorted(CELLS, key=lambda cell: -study.counts[cell]):  # the rarer a cell, the later it is drawn
        here = study.cell == cell
        if here.any():
            marks.scatter_cell(ax, style, cell, study.log_motion[here], study.lam1[here])
            columns = {study.motion: study.log_motion[here], "lambda_1": study.lam1[here]}
            table.add(cell=cell, idx=study.idx[here], **columns)
    marks.cell_key(figure, style, study.counts)
    marks.range_frame(ax, study.log_motion, study.lam1)
    ax.set_xlabel(RETURN if study.by_return else LATE)
    ax.set_ylabel(LAMBDA)
    ax.set_title(f"{study.title}, n = {study.n:,} (in brackets: n of the cell)")
    return Plate(
        figure=figure,
        table=table,
        caption=f"{_motion(study).capitalize()} against the leading exponent, one mark a puzzle ({study.title}, "
        f"n = {study.n:,}). Dashed: threshold between settled and moving ({study.tau:.3f}); horizontal rule: "
        "lambda_1 = 0.",
        alt=f"Scatter of {_motion(study)} against the leading exponent by cell: "
        + ", ".join(f"{cell} n = {count}" for cell, count in study.counts.items()),
    )


def spectrum(study: Study, style: Style) -> Plate:
    """The median of each exponent, per cell."""
    figure = style.figure(2.5)
    ax = figure.subplots()
    table = Table()
    marks.rule(ax, style, y=0.0)
    ends: list[marks.End] = []
    left_out = []
    for cell, look in CELLS.items():
        n = study.counts[cell]
        if n < 3:
            left_out.append(f"{cell} ({n})")
            continue
        y = study.spectrum(cell)
        x = np.arange(1, y.size + 1)
        ax.plot(x, y, color=style.cell(cell), marker=look.marker, ls=look.dashes)
        table.add(cell=cell, n=n, exponent=x, median=y)
        ends.append((float(x[-1]), float(y[-1]), f"{cell} {look.name}\nn = {n:,}", style.cell(cell)))
    labels = marks.label_ends(ax, style, ends)
    ax.set_xticks(np.arange(1, len(study.spectrum_names) + 1))
    ax.set_xlabel("exponent index $i$")
    ax.set_ylabel("median $\\lambda_i$ (nats per sub-update)")
    if not ends:
        marks.empty(ax, style, "every cell holds fewer than three puzzles")
    else:
        marks.range_frame(ax, table.column("exponent"), table.column("median"))
    ax.set_title(f"{study.title}, n = {study.n:,}")
    marks.spread(figure, [labels])
    notes = [f"Left out, with fewer than three puzzles: {', '.join(left_out)}."] if left_out else []
    return Plate(
        figure=figure,
        table=table,
        caption=f"Median finite-time Lyapunov spectrum of each cell ({study.title}, n = {study.n:,}), {study.units}.",
        alt="Lines of the median exponents by index, one a cell: "
        + "; ".join(f"{cell} from {_signed(study.median(cell))}" for cell in CELLS if study.counts[cell] >= 3),
        notes=notes,
    )


def _signed(value: float | None) -> str:
    return "none" if value is None or value != value else f"{value:+.3f}"


PLATES: dict[str, Callable[[Study, Style], Plate]] = {
    "drift_hist": drift_hist,
    "lyap_by_cell": lyap_by_cell,
    "scatter": scatter,
    "spectrum": spectrum,
}
