"""Two measurements of the same puzzles: from which fate or cell to which, a number against itself, the differences."""

from __future__ import annotations

import numpy as np
from matplotlib.axes import Axes
from matplotlib.patches import Rectangle
from matplotlib.text import Annotation

from rrdyn.analysis.fates import WORDS
from rrdyn.analysis.measured import CELLS, NUMBERS, SCORES
from rrdyn.analysis.paired import RIGHT
from rrdyn.artifacts.comparison import ComparisonRecord
from rrdyn.artifacts.interval import Interval
from rrdyn.artifacts.places import existing, is_folder
from rrdyn.artifacts.reading import read_json
from rrdyn.plotting import marks
from rrdyn.plotting.options import CompareOptions
from rrdyn.plotting.output import Output
from rrdyn.plotting.plate import Plate, Table
from rrdyn.plotting.style import Style, ink_on, over
from rrdyn.plotting.tables import numbers, read_columns

RUN = "rrdyn compare A.npz B.npz"
ORDER = [*CELLS, *WORDS]
GROUPS = (("both", 1, 1, "o"), ("only first", 1, 0, "s"), ("only second", 0, 1, "^"), ("neither", 0, 0, "X"))


def draw(inputs: CompareOptions, out: Output, style: Style) -> None:
    """Draw `comparison` from comparison.json and points.csv beside it."""
    path = existing(inputs.path, run=RUN)
    folder = path if is_folder(path) else path.parent
    source, rows = folder / "comparison.json", folder / "points.csv"
    record = read_json(source, ComparisonRecord, run=RUN)
    columns = read_columns(existing(rows, run=RUN), ("idx",), run=RUN)
    out.add(comparison(record, columns, style), "comparison", folder, inputs=[source, rows])


def comparison(record: ComparisonRecord, columns: dict[str, list[str]], style: Style) -> Plate:
    """Transitions, the first compared number in both, and every difference of shares and AUCs."""
    number = next(iter(record.numbers), None)
    wanted = [*(["classes"] if record.fates else []), *(["number"] if number else []), "differences"]
    stacked = style.size == "column"
    figure = style.figure(2.6 * len(wanted) if stacked else 2.9)
    shape = (len(wanted), 1) if stacked else (1, len(wanted))
    panels = dict(zip(wanted, np.atleast_1d(figure.subplots(*shape)).ravel()))
    table, labels = Table(), []
    if "classes" in panels:
        _transitions(panels["classes"], record, style, table)
    if number:
        labels.append(_against(panels["number"], record, columns, number, style, table))
    _differences(panels["differences"], record, style, table)
    first, second = record.names
    marks.heading(figure, style, f"{first} and {second}, the same {record.n:,} puzzles")
    marks.spread(figure, labels)
    shares = "; ".join(
        f"{RIGHT.get(name, name)}: {c.only_first} only by {first}, {c.only_second} only by {second} (McNemar exact "
        f"p = {c.mcnemar_p:.2g})"
        for name, c in record.columns.items()
    )
    return Plate(
        figure=figure, table=table,
        caption=f"{record.n:,} puzzles measured twice, {first} and {second}. "
        + (f"Numbers of puzzles by {_classes(record)} in either. " if record.fates else "")
        + (f"In either, {NUMBERS[number]}, on the line where equal. " if number else "")
        + f"Differences, {second} minus {first}, with paired 95% intervals. {shares[:1].upper()}{shares[1:]}.",
        alt=f"{first} against {second}: transitions, a scatter and paired differences.",
    )  # fmt: skip


def _classes(record: ComparisonRecord) -> str:
    return "cell of the 2x2" if record.of == "diag" else "fate"


def _transitions(ax: Axes, record: ComparisonRecord, style: Style, table: Table) -> None:
    """A square a pair of classes: the darker the more puzzles, its number in it."""
    names = sorted({c.first for c in record.fates} | {c.second for c in record.fates}, key=ORDER.index)
    counts = np.zeros((len(names), len(names)), dtype=int)
    for change in record.fates:
        counts[names.index(change.first), names.index(change.second)] = change.n
        table.add(panel="transitions", of=change.first, to=change.second, puzzles=change.n)
    top = counts.max()
    for row, column in np.argwhere(counts > 0):
        count, same = int(counts[row, column]), row == column
        shade = style.soft if same else style.wrong
        seen = over(shade, 0.12 + 0.6 * count / top, style.ground)
        ax.add_patch(Rectangle((column - 0.48, row - 0.48), 0.96, 0.96, color=seen, lw=0))
        ax.text(column, row, f"{count:,}", ha="center", va="center", color=ink_on(seen))
    ax.set_xlim(-0.5, len(names) - 0.5)
    ax.set_ylim(len(names) - 0.5, -0.5)
    long = max(map(len, names)) > 3
    if long:
        marks.slanted(ax, range(len(names)), names)
    else:
        ax.set_xticks(range(len(names)), names)
    ax.set_yticks(range(len(names)), names)
    ax.tick_params(length=0)
    for spine in ax.spines.values():
        spine.set_visible(False)
    ax.set_xlabel(f"{_classes(record)}: {record.names[1]}")
    ax.set_ylabel(record.names[0])
    same_in_both = record.same_fate
    if same_in_both and same_in_both.value is not None:
        ax.set_title(f"{same_in_both.value:.0%} keep theirs")


def _against(
    ax: Axes, record: ComparisonRecord, columns: dict[str, list[str]], number: str, style: Style, table: Table
) -> list[Annotation]:
    """One number of each puzzle in the second against the first, by who is right."""
    x, y = (numbers(columns[f"{number}_{side}"]) for side in ("first", "second"))
    name = next(iter(record.columns))
    a, b = (numbers(columns[f"{name}_{side}"]) for side in ("first", "second"))
    ends: list[marks.End] = []
    both = [style.correct, style.series(4), style.series(0), style.wrong]
    for (words, one, other, marker), shade in zip(GROUPS, both):
        rows = (a == one) & (b == other)
        if not rows.any():
            continue
        ax.scatter(x[rows], y[rows], s=9 * style.scale**2, c=shade, marker=marker, linewidths=0, alpha=0.7)
        table.add(panel="number", of=number, group=words, idx=np.array(columns["idx"])[rows], first=x[rows],
                  second=y[rows])  # fmt: skip
        who = words.replace("first", record.names[0]).replace("second", record.names[1])
        ends.append((0.0, float(np.nanmedian(y[rows])), f"{who}\n{rows.sum():,}", shade))
    finite = np.concatenate([x, y])[np.isfinite(np.concatenate([x, y]))]
    low, high = (float(finite.min()), float(finite.max())) if finite.size else (0.0, 1.0)
    pad = 0.05 * (high - low) or 0.5
    ax.plot([low - pad, high + pad], [low - pad, high + pad], color=style.faint, lw=0.8 * style.scale, zorder=0)
    ax.set_xlim(low - pad, high + pad)
    ax.set_ylim(low - pad, high + pad)
    ax.set_xlabel(record.names[0])
    ax.set_ylabel(record.names[1])
    ax.set_title(f"{NUMBERS[number].split(',')[0]}\nby who is right")
    return marks.label_ends(ax, style, ends)


def _differences(ax: Axes, record: ComparisonRecord, style: Style, table: Table) -> None:
    """Paired differences of shares and AUCs with their intervals, a line each."""
    rows: list[tuple[str, Interval]] = [(RIGHT.get(name, name), c.difference) for name, c in record.columns.items()]
    rows += [(f"AUC {SCORES.get(name, name)}", area.difference) for name, area in record.areas.items()]
    marks.rule(ax, style, x=0.0, dashed=True)
    for place, (words, gap) in enumerate(rows):
        if gap.value is None:
            continue
        if gap.low is not None and gap.high is not None:
            ax.plot([gap.low, gap.high], [place] * 2, color=style.ink, lw=1.2 * style.scale)
        ax.plot([gap.value], [place], "o", color=style.ink)
        table.add(panel="differences", of=words, difference=gap.value, low=gap.low, high=gap.high, n=gap.n)
    ax.set_ylim(len(rows) - 0.5, -0.9)
    ax.set_yticks([])
    ax.spines["left"].set_visible(False)
    ax.margins(x=0.1)
    low, high = ax.get_xlim()
    side, at = ("left", 0.0) if low + high < 0 else ("right", 1.0)  # where there is room beside the line of zero
    ground = {"facecolor": style.ground, "edgecolor": "none", "pad": 0.8}
    for place, (words, gap) in enumerate(rows):
        if gap.value is not None:
            ax.text(at, place - 0.28, words, transform=ax.get_yaxis_transform(), ha=side, va="bottom",
                    color=style.soft, bbox=ground)  # fmt: skip
    ax.set_xlabel(f"{record.names[1]} minus {record.names[0]}")
    ax.set_title("differences\n95% intervals")
