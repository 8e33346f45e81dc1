"""Every puzzle's path through the segments, by cell: drift, and the leading exponent measured so far."""

from __future__ import annotations

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator

from rrdyn.analysis.paths import cells_by_own_threshold, cells_from_points, median_path, running_exponent
from rrdyn.analysis.puzzles import Puzzles, read_puzzles
from rrdyn.plotting import marks
from rrdyn.plotting.options import TrajectoriesOptions
from rrdyn.plotting.output import Output
from rrdyn.plotting.plate import Plate, Table
from rrdyn.plotting.study import read_points
from rrdyn.plotting.style import CELLS, Style

LINES = 120
"""At most this many single puzzles are drawn in a cell; the median is over all of them."""


def draw(inputs: TrajectoriesOptions, out: Output, style: Style) -> None:
    """Draw a diag.npz. The cells come from `points` (points_<tag>.csv of analyze-2x2) where given, else from the
    analysis' own choice of the threshold on this file alone."""
    puzzles = read_puzzles(inputs.diag)
    if inputs.points is None:
        cells, files, title = cells_by_own_threshold(puzzles), [inputs.diag], inputs.diag.stem
    else:
        cells = cells_from_points(puzzles, read_points(inputs.points), inputs.points)
        files, title = [inputs.diag, inputs.points], inputs.points.stem.removeprefix("points_")
    plate = trajectories(puzzles, cells, title, style)
    out.add(plate, f"trajectories_{inputs.diag.stem}", inputs.diag.parent, inputs=files)


def trajectories(puzzles: Puzzles, cells: np.ndarray, title: str, style: Style) -> Plate:
    """Two rows of panels, a column per cell (in blocks where the paper is narrow)."""
    across, blocks = marks.blocks_of(4, style.format.panels)
    figure = style.figure(0.5 + blocks * 3.0)
    grid = figure.subplots(2 * blocks, across, sharex=True, squeeze=False)
    table = Table()
    running, unit = running_exponent(puzzles)
    drift = np.clip(puzzles.drift_zH, 1e-12, None)
    segments = np.arange(1, puzzles.segments + 1)
    for place, (cell, look) in enumerate(CELLS.items()):
        block, column = divmod(place, across)
        upper, lower = grid[2 * block, column], grid[2 * block + 1, column]
        rows = np.flatnonzero(cells == cell)
        upper.set_title(f"{cell} {look.name}\nn = {rows.size:,}", color=style.text(style.cell(cell)))
        _panel(upper, style, cell, segments, drift[rows], "drift", table)
        if running is None:
            marks.empty(lower, style, "no log_r in this file")
        else:
            marks.rule(lower, style, y=0.0)
            _panel(lower, style, cell, segments, running[rows], "lambda_1", table)
        lower.set_xlabel("segment")
        lower.tick_params(labelbottom=True)
        upper.tick_params(labelbottom=False)
        if column == 0:
            upper.set_ylabel("drift of $z_H$ per\nsegment (log scale)")
            lower.set_ylabel(f"running $\\lambda_1$\n({unit.replace(' sub', chr(10) + 'sub')})")
        for ax in (upper, lower):
            ax.tick_params(labelleft=column == 0)
            ax.xaxis.set_major_locator(MaxNLocator(4, integer=True))
    _scale([grid[2 * (p // across), p % across] for p in range(4)], drift, log=True)
    _scale([grid[2 * (p // across) + 1, p % across] for p in range(4)], running, log=False)
    marks.heading(figure, style, f"{title}: n = {puzzles.n:,} puzzles; thin: puzzles, bold: median")
    return Plate(
        figure=figure,
        table=table,
        caption=f"Drift ||z_H(t) - z_H(t-1)|| (above) and the leading exponent over the segments so far (below, "
        f"{unit}) of {title}, n = {puzzles.n:,}, by cell. Thin: at most {LINES} puzzles a cell, evenly taken; bold: "
        "the median of all.",
        alt="Small multiples by cell: "
        + "; ".join(f"{cell} n = {int((cells == cell).sum())}" for cell in CELLS)
        + ". Drift and running exponent over segments.",
    )


def _panel(ax: Axes, style: Style, cell: str, x: np.ndarray, rows: np.ndarray, what: str, table: Table) -> None:
    if not len(rows):
        marks.empty(ax, style, "no puzzle")
        return
    taken = np.unique(np.linspace(0, len(rows) - 1, min(len(rows), LINES)).astype(int))
    for row in taken:
        ax.plot(
            x, rows[row], color=style.cell(cell), lw=0.4 * style.scale, alpha=float(np.clip(20 / taken.size, 0.15, 0.7))
        )
    median = median_path(rows)
    ax.plot(x, median, color=style.ink, lw=1.6 * style.scale, ls=CELLS[cell].dashes)
    table.add(cell=cell, quantity=what, kind="median", n=len(rows), segment=x, value=median)
    for row in taken:
        table.add(cell=cell, quantity=what, kind="puzzle", row=int(row), segment=x, value=rows[row])


def _scale(panels: list[Axes], values: np.ndarray | None, *, log: bool) -> None:
    """One vertical scale for a row, over the middle 99.8% of the values, so that one outlier flattens nothing."""
    finite = np.zeros(0) if values is None else values[np.isfinite(values)]
    if not finite.size:
        return
    low, high = (float(value) for value in np.percentile(finite, [0.1, 99.9]))
    for ax in panels:
        if log:
            ax.set_yscale("log")
            ax.set_ylim(low / 1.5, high * 1.5)
        else:
            pad = 0.08 * (high - low) or 0.01
            ax.set_ylim(min(low, 0.0) - pad, max(high, 0.0) + pad)
