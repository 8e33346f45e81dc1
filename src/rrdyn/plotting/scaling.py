"""Inference compute: accuracy by method, the depth x breadth map, readers, freed fates, from `rrdyn analyze-scale`."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.image import AxesImage

from rrdyn.artifacts.places import is_file
from rrdyn.plotting import marks
from rrdyn.plotting.options import ScalingOptions
from rrdyn.plotting.output import Output
from rrdyn.plotting.plate import Plate, Table
from rrdyn.plotting.style import DASHES, Style, ink_on
from rrdyn.plotting.tables import numbers, read_columns, tagged

RUN = "rrdyn analyze-scale SCALE.npz"
NEEDED = ("method", "reader", "primary", "on_curve", "breadth", "depth", "budget", "n", "right", "right_low",
          "right_high")  # fmt: skip
FREED = ("method", "fate", "n", "freed", "freed_low", "freed_high")
ORDER = ("q_halt", "q_ever", "halt_first", "residual", "return_distance", "majority", "weighted", "lambda_1", "random",
         "oracle", "oracle_ever")  # fmt: skip
RIGHT = "right at the budget"


class Rows:
    """The rows of scaling_<tag>.csv."""

    def __init__(self, path: Path) -> None:
        columns = read_columns(path, NEEDED, run=RUN)
        self.method, self.reader = np.array(columns["method"]), np.array(columns["reader"])
        self.number = {name: numbers(columns[name]) for name in NEEDED if name not in ("method", "reader")}
        self.methods = list(dict.fromkeys(columns["method"]))
        self.n = int(np.nanmax(self.number["n"]))

    def where(self, method: str, *flags: str, reader: str | None = None) -> np.ndarray:
        """Rows of a method, by a reader, for which the flags hold, by compute."""
        mine = (self.method == method) & np.all([self.number[flag] == 1 for flag in flags], axis=0)
        if reader is not None:
            mine &= self.reader == reader
        rows = np.flatnonzero(mine)
        return rows[np.argsort(self.number["budget"][rows], kind="stable")]


def names(path: Path) -> list[str]:
    """What there are numbers for in a scaling_<tag>.csv and beside it. Raises InputError where it is no such table."""
    rows = Rows(path)
    return ["compute", "readers", *(["map"] if _both(rows) else []), *(["freed"] if is_file(_fates(path)) else [])]


def _fates(path: Path) -> Path:
    return path.with_name(f"freed_{path.stem.removeprefix('scaling_')}.csv")


def draw(inputs: ScalingOptions, out: Output, style: Style) -> None:
    """Draw `scaling_<tag>_<name>` for every name that there are numbers for."""
    for one in tagged(inputs.path, "scaling", ".csv", RUN, out):
        rows, fates = Rows(one.file), _fates(one.file)
        for name in names(one.file):
            plate = freed(fates, one.tag, style) if name == "freed" else PLATES[name](rows, one.tag, style)
            out.add(plate, f"scaling_{one.tag}_{name}", one.folder, inputs=[fates if name == "freed" else one.file],
                    tag=one.tag, short=f"{one.short}_{name}" if one.short else name)  # fmt: skip


MOST_BANDS = 3
BESIDE = 0.5
"""How far apart the stems of all methods lie, in doublings of compute."""


def compute(rows: Rows, tag: str, style: Style) -> Plate:
    """Accuracy of every method by its own reader against compute, with 95% intervals."""
    figure = style.figure(3.6 if style.size == "column" else 3.2)
    ax, table, ends = figure.subplots(), Table(), []
    value = rows.number
    for order, method in enumerate(rows.methods):
        found = rows.where(method, "primary", "on_curve")
        x, y = value["budget"][found], value["right"][found]
        low, high = (np.where(np.isfinite(value[f"right_{end}"][found]), value[f"right_{end}"][found], y)
                     for end in ("low", "high"))  # fmt: skip
        shade = style.series(order)
        if len(rows.methods) > MOST_BANDS:  # further bands are one grey
            x = x * 2.0 ** (BESIDE * ((order + 0.5) / len(rows.methods) - 0.5))
            ax.vlines(x, low, high, color=shade, lw=0.8 * style.scale, alpha=0.8)
        else:
            ax.fill_between(x, low, high, color=shade, alpha=0.12, lw=0)
        ax.plot(x, y, color=shade, ls=DASHES[order % len(DASHES)], marker="o", ms=2.5 * style.scale)
        words = f"{method} ({rows.reader[found[0]]})"
        ends.append((x[-1], y[-1], words, shade))
        table.add(method=method, reader=rows.reader[found[0]], x=value["budget"][found], right=y, low=low, high=high)
    _compute_axis(ax, value["budget"])
    ax.set_xlabel("compute (times the model's budget)")
    ax.set_ylabel("share of puzzles right")
    ax.set_title(f"{tag}: accuracy at equal compute (n = {rows.n:,})")
    marks.spread(figure, [marks.label_ends(ax, style, ends)])
    return Plate(
        figure=figure, table=table,
        caption=f"Accuracy of {len(rows.methods)} ways of spending inference compute on the same {rows.n:,} puzzles "
        f"({tag}), each by the reader of its own source, in brackets. Compute counts every sub-update evaluated, those "
        "of particles that are thrown away too, in units of the model's own budget. Bands, or stems side by side: 95% "
        "intervals of each accuracy; differences between methods are paired and stand in the table.",
        alt=f"Accuracy against compute for {', '.join(rows.methods)}",
    )  # fmt: skip


def _compute_axis(ax: Axes, budgets: np.ndarray) -> None:
    ticks = np.unique(budgets)
    ax.set_xscale("log", base=2)
    ax.set_xticks(ticks, [f"{int(tick)}x" for tick in ticks])
    ax.minorticks_off()


def readers(rows: Rows, tag: str, style: Style) -> Plate:
    """Every reader of every method at its largest compute, as a map."""
    figure = style.figure(0.26 * len(rows.methods) + (1.9 if style.size == "column" else 1.6))
    ax, table = figure.subplots(), Table()
    order = [reader for reader in ORDER if reader in rows.reader]
    shown = np.full((len(rows.methods), len(order)), np.nan)
    largest = []
    for row, method in enumerate(rows.methods):
        last = rows.where(method, "on_curve")
        budget = rows.number["budget"][last].max()
        largest.append(int(budget))
        for column, reader in enumerate(order):
            found = [r for r in rows.where(method, "on_curve", reader=reader) if rows.number["budget"][r] == budget]
            if found:
                shown[row, column] = rows.number["right"][found[0]]
                table.add(method=method, reader=reader, budget=budget, right=shown[row, column],
                          primary=int(rows.number["primary"][found[0]]))  # fmt: skip
                _cell(ax, shown[row, column], row, column, bold=bool(rows.number["primary"][found[0]] == 1))
    image = ax.imshow(shown, aspect="auto", cmap="viridis", vmin=np.nanmin(shown), vmax=max(np.nanmax(shown), 1e-9))
    _recolour(ax, image, shown)
    ax.set_yticks(range(len(rows.methods)), [f"{m}, {b}x" for m, b in zip(rows.methods, largest)])
    marks.slanted(ax, range(len(order)), [name.replace("_", " ") for name in order])
    ax.tick_params(length=0)
    for spine in ax.spines.values():
        spine.set_visible(False)
    ax.set_title(f"{tag}: which answer is taken (n = {rows.n:,})")
    return Plate(
        figure=figure, table=table,
        caption=f"Share of {rows.n:,} puzzles right, by method at its largest compute and by reader ({tag}). Bold: the "
        "reader of the method's own source. The two oracles need the answer to choose by; `random` is a particle taken "
        "at random. A method of one particle reads alike by all that look at the readout only.",
        alt="Accuracy of every reader of every method as a map",
    )  # fmt: skip


def _cell(ax: Axes, value: float, row: int, column: int, *, bold: bool = False) -> None:
    ax.text(column, row, f"{value:.2f}".removeprefix("0"), ha="center", va="center",
            fontweight="bold" if bold else "normal")  # fmt: skip


def _recolour(ax: Axes, image: AxesImage, shown: np.ndarray) -> None:
    """Letters that can be read on the colour of their cell."""
    for text in ax.texts:
        column, row = (int(place) for place in text.get_position())
        red, green, blue, _ = image.cmap(image.norm(shown[row, column]))
        text.set_color(ink_on((red, green, blue)))


def _both(rows: Rows) -> list[tuple[str, np.ndarray]]:
    """The methods that go deeper as well as broader, and their rows by their own reader."""
    found = [(method, rows.where(method, "primary")) for method in rows.methods]
    return [(method, mine) for method, mine in found
            if rows.number["depth"][mine].max() > 1 and rows.number["breadth"][mine].max() > 1]  # fmt: skip


def depth_and_breadth(rows: Rows, tag: str, style: Style) -> Plate:
    """Depth x breadth of every method that has both, by its own reader."""
    value, both = rows.number, _both(rows)
    every = np.concatenate([found for _, found in both])
    breadths, depths = np.unique(value["breadth"][every]), np.unique(value["depth"][every])
    across, blocks = marks.blocks_of(len(both), style.format.panels)
    figure = style.figure(1.7 * blocks + 0.6)
    panels = figure.subplots(blocks, across, squeeze=False)
    table = Table()
    low, high = np.nanmin(value["right"][every]), np.nanmax(value["right"][every])
    for ax, (method, found) in zip(panels.flat, both):
        shown = np.full((len(depths), len(breadths)), np.nan)
        for r in found:
            at = np.searchsorted(depths, value["depth"][r]), np.searchsorted(breadths, value["breadth"][r])
            shown[at] = value["right"][r]
            _cell(ax, value["right"][r], int(at[0]), int(at[1]))
            table.add(method=method, breadth=value["breadth"][r], depth=value["depth"][r], right=value["right"][r])
        image = ax.imshow(shown, origin="lower", aspect="auto", cmap="viridis", vmin=low, vmax=high)
        _recolour(ax, image, shown)
        ax.set_title(f"{method} ({rows.reader[found[0]]})")
        ax.set_xticks(range(len(breadths)), [f"{int(b)}" for b in breadths])
        ax.set_yticks(range(len(depths)), [f"{int(d)}x" for d in depths])
        ax.tick_params(length=0)
    marks.name_axes(panels, len(both), "particles", "depth")
    return Plate(
        figure=figure, table=table,
        caption=f"Share of {rows.n:,} puzzles right by the number of particles and the depth to which each is followed"
        f", in units of the model's budget ({tag}). Cells on one falling diagonal cost the same.",
        alt="Accuracy by depth and breadth, a panel a method",
    )  # fmt: skip


def freed(path: Path, tag: str, style: Style) -> Plate:
    """Of the puzzles of each fate, the share that each method has right at its largest compute."""
    columns = read_columns(path, FREED, run=RUN)
    who, fate = np.array(columns["method"]), np.array(columns["fate"])
    value = {name: numbers(columns[name]) for name in FREED[2:]}
    methods = list(dict.fromkeys(columns["method"]))
    kinds = sorted(dict.fromkeys(columns["fate"]), key=lambda kind: (kind == RIGHT, kind))
    across, blocks = marks.blocks_of(len(kinds), style.format.panels)
    figure = style.figure((0.16 * len(methods) + 0.9) * blocks + 0.4)
    panels = figure.subplots(blocks, across, squeeze=False, sharex=True, sharey=True)
    table, y = Table(), -np.arange(len(methods), dtype=float)
    for ax, kind in zip(panels.flat, kinds):
        rows = [int(np.flatnonzero((who == method) & (fate == kind))[0]) for method in methods]
        x = value["freed"][rows]
        low, high = (np.where(np.isfinite(value[f"freed_{end}"][rows]), value[f"freed_{end}"][rows], x)
                     for end in ("low", "high"))  # fmt: skip
        ax.hlines(y, low, high, color=style.soft, lw=0.8 * style.scale)
        ax.scatter(x, y, s=9 * style.scale**2, color=[style.series(order) for order in range(len(methods))], zorder=3)
        ax.set_title(f"{kind}\nn = {int(value['n'][rows[0]])}")
        table.add(fate=kind, method=np.array(methods), x=x, low=low, high=high, n=value["n"][rows])
    panels[0, 0].set_yticks(y, methods)
    panels[0, 0].set_xlim(-0.03, 1.03)
    marks.name_axes(panels, len(kinds), "share right")
    return Plate(
        figure=figure, table=table,
        caption=f"Of the puzzles whose plain trajectory has each fate, those that a method has right at its largest "
        f"compute ({tag}), by the reader of its own source, with 95% intervals. Right at the budget: what a method "
        "keeps of what the plain rollout has.",
        alt="Share of puzzles freed by method, a panel a fate",
    )  # fmt: skip


PLATES = {"compute": compute, "readers": readers, "map": depth_and_breadth}
