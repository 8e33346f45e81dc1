"""What is written on a figure beside the data: end labels, reference lines, range frames, words for empty panels."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patheffects import AbstractPathEffect, withStroke
from matplotlib.text import Annotation, Text

from rrdyn.plotting.style import CELLS, Style

End = tuple[float, float, str, str]


def label_ends(ax: Axes, style: Style, ends: Sequence[End]) -> list[Annotation]:
    """Write each label (x, y, text, colour) right of the panel, at the height of its line's end; see `spread`."""
    return [
        ax.annotate(
            text,
            (1.0, y),
            xycoords=("axes fraction", "data"),
            xytext=(4 * style.scale, 0),
            textcoords="offset points",
            color=style.text(colour),
            va="center",
            annotation_clip=False,
        )
        for _, y, text, colour in ends
        if np.isfinite(y)
    ]


def spread(figure: Figure, groups: Sequence[Sequence[Annotation]], *, gap: float = 1.0) -> None:
    """Shift the labels of each group up and down until none covers another, as little as that takes, in their order."""
    figure.draw_without_rendering()
    to_points = 72.0 / figure.dpi
    for group in groups:
        if len(group) < 2:
            continue
        boxes = [(label, label.get_window_extent()) for label in group]
        boxes.sort(key=lambda pair: pair[1].y0)
        heights = np.array([box.height * to_points + gap for _, box in boxes])
        wanted = np.array([(box.y0 + box.y1) / 2 * to_points for _, box in boxes])
        panel = boxes[0][0].axes.get_window_extent() if boxes[0][0].axes else figure.bbox
        centres = _within(_parted(wanted, heights), heights, panel.y0 * to_points, panel.y1 * to_points)
        for (label, _), shift in zip(boxes, centres - wanted):
            x, y = label.xyann
            label.xyann = (x, y + float(shift))


def _parted(wanted: np.ndarray, heights: np.ndarray) -> np.ndarray:
    """Centres in the given order, nowhere closer than the heights ask, with the least sum of squared shifts."""
    between = (heights[1:] + heights[:-1]) / 2
    offsets = np.concatenate([[0.0], np.cumsum(between)])
    blocks: list[list[float]] = []  # [sum, count] of runs that move together: isotonic regression of wanted - offsets
    for value in wanted - offsets:
        blocks.append([float(value), 1.0])
        while len(blocks) > 1 and blocks[-2][0] / blocks[-2][1] > blocks[-1][0] / blocks[-1][1]:
            total, count = blocks.pop()
            blocks[-1][0] += total
            blocks[-1][1] += count
    return np.asarray(offsets + np.concatenate([np.full(int(count), total / count) for total, count in blocks]))


def _within(centres: np.ndarray, heights: np.ndarray, floor: float, ceiling: float) -> np.ndarray:
    """Nothing stands above the panel where there is room below, and nothing hangs below it, where the axis has its own
    words; what is in the way moves along."""
    moved = centres.copy()
    for place in reversed(range(moved.size)):
        top = ceiling if place == moved.size - 1 else moved[place + 1] - heights[place + 1] / 2
        moved[place] = min(moved[place], top - heights[place] / 2)
    for place, height in enumerate(heights):
        bottom = floor if place == 0 else moved[place - 1] + heights[place - 1] / 2
        moved[place] = max(moved[place], bottom + height / 2)
    return moved


def range_frame(ax: Axes, xs: Sequence[float] | np.ndarray | None, ys: Sequence[float] | np.ndarray | None) -> None:
    """Let the axis lines span the data, not the panel; they reach on to the outermost ticks, so that none hangs beside
    its line. Called when the limits of the panel are settled."""
    for axis, spine, values in ((ax.xaxis, ax.spines["bottom"], xs), (ax.yaxis, ax.spines["left"], ys)):
        finite = np.asarray([] if values is None else values, dtype=float)
        finite = finite[np.isfinite(finite)]
        if not finite.size or finite.min() >= finite.max():
            continue
        low, high = sorted(axis.get_view_interval())
        ticks = [tick for tick in axis.get_majorticklocs() if low <= tick <= high]
        ends = np.clip([*ticks, finite.min(), finite.max()], low, high)
        spine.set_bounds(float(ends.min()), float(ends.max()))


def rule(ax: Axes, style: Style, *, x: float | None = None, y: float | None = None, dashed: bool = False) -> Line2D:
    """A quiet reference line behind the data."""
    look: dict[str, Any] = {"color": style.soft if dashed else style.faint, "lw": 0.8 * style.scale, "zorder": 0}
    look["ls"] = (0, (4, 3)) if dashed else "-"
    return ax.axvline(x, **look) if x is not None else ax.axhline(0.0 if y is None else y, **look)


def threshold(ax: Axes, style: Style, x: float) -> Line2D:
    """A dashed upright rule through the bars of a histogram whose upper and lower sixth are for words."""
    line = rule(ax, style, x=x, dashed=True)
    line.set_ydata([1 / 6, 5 / 6])
    return line


def cased(style: Style, width: float) -> list[AbstractPathEffect]:
    """Edges in the colour of the ground for a line of that width which runs over coloured areas, whatever they are."""
    return [withStroke(linewidth=width + 1.6 * style.scale, foreground=style.ground)]


def slanted(ax: Axes, places: Sequence[float] | np.ndarray, names: Sequence[str], degrees: float = 35) -> None:
    """Names on the lower axis that would not fit side by side; each ends at its own tick."""
    ax.set_xticks(places, names, rotation=degrees, ha="right", rotation_mode="anchor")


def note(ax: Axes, style: Style, text: str, *, x: float = 0.98, y: float = 0.97, colour: str | None = None) -> Text:
    """Small words inside a panel, placed in axes fractions; letters get a ground so that lines do not cross them."""
    return ax.text(
        x,
        y,
        text,
        transform=ax.transAxes,
        ha="right" if x > 0.6 else "left" if x < 0.4 else "center",
        va="top" if y > 0.6 else "bottom" if y < 0.4 else "center",
        color=colour or style.soft,
        bbox={"facecolor": style.ground, "edgecolor": "none", "alpha": 0.75, "pad": 0.8},
        zorder=5,
    )


def heading(figure: Figure, style: Style, text: str) -> None:
    """A title over all panels, broken where the paper ends."""
    letters = int(style.format.width * 72 / (0.56 * style.format.text))
    figure.suptitle(textwrap.fill(text, letters), x=0.01, ha="left")


def blocks_of(count: int, across: int) -> tuple[int, int]:
    """How `count` panels are laid out: columns (at most `across`) and blocks of rows, filled evenly."""
    blocks = max(1, -(-count // across))
    return max(1, -(-count // blocks)), blocks


def name_axes(panels: np.ndarray, drawn: int, x: str, y: str = "") -> None:
    """Names of the axes of a grid that is filled row by row: below the lowest panel drawn in each column, and left of
    the first column. Panels from `drawn` on are turned off."""
    across = panels.shape[1]
    for ax in panels.flat[drawn:]:
        ax.set_axis_off()
    for ax in panels.flat[max(0, drawn - across) : drawn]:
        ax.set_xlabel(x)
        ax.tick_params(labelbottom=True)
    for ax in panels[:, 0]:
        ax.set_ylabel(y)


def empty(ax: Axes, style: Style, words: str) -> None:
    """No panel stays empty without a word."""
    ax.text(0.5, 0.5, words, transform=ax.transAxes, ha="center", va="center", color=style.soft, wrap=True)


def cell_key(figure: Figure, style: Style, counts: dict[str, int], *, columns: int | None = None) -> None:
    """Marker, name and n of each cell in a strip above the panels, where a scatter leaves no room for direct labels."""
    handles = [
        Line2D(
            [],
            [],
            ls="",
            marker=CELLS[cell].marker,
            color=style.cell(cell),
            ms=4 * style.scale,
            mec=style.ground,
            mew=0.3,
            label=f"{cell} {CELLS[cell].name} ({count:,})",
        )
        for cell, count in counts.items()
    ]
    columns = columns or (2 if style.size == "column" else 4)
    legend = figure.legend(
        handles=handles,
        loc="outside upper left",
        ncols=columns,
        frameon=False,
        handletextpad=0.2,
        columnspacing=1.0,
        borderaxespad=0.2,
        borderpad=0.1,
        labelspacing=0.3,
        handlelength=1.2,
    )
    for text, cell in zip(legend.get_texts(), counts):
        text.set_color(style.text(style.cell(cell)))


def scatter_cell(ax: Axes, style: Style, cell: str, x: np.ndarray, y: np.ndarray, *, size: float | None = None) -> None:
    """The points of one cell: smaller and more transparent the more there are."""
    n = max(len(x), 1)
    ax.scatter(
        x,
        y,
        s=(size or float(np.clip(2600 / n, 4, 14))) * style.scale**2,
        c=style.cell(cell),
        marker=CELLS[cell].marker,
        alpha=float(np.clip(60 / n, 0.35, 0.85)),
        linewidths=0,
        rasterized=n > 3000,
    )


def jitter(n: int, half_width: float) -> np.ndarray:
    """Evenly spread offsets (golden-ratio sequence): no chance, so that redrawing gives the same points."""
    return ((np.arange(n) * 0.6180339887498949) % 1.0 * 2.0 - 1.0) * half_width
