"""Fates over the checkpoints of training runs: stacked shares, those that end right in full colour."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.patches import Patch

from rrdyn.analysis.fate_steps import Checkpoint, columns
from rrdyn.plotting import marks
from rrdyn.plotting.plate import Plate, Table
from rrdyn.plotting.style import FATES, Style

PALE = 0.4


def checkpoints(runs: Mapping[str, Sequence[Checkpoint]], style: Style) -> Plate:
    """A panel a run, a bar a checkpoint; dots: right at the budget, with their intervals."""
    across, blocks = marks.blocks_of(len(runs), {"column": 1}.get(style.size, 3))
    figure = style.figure(1.7 * blocks + 0.7)
    panels = figure.subplots(blocks, across, squeeze=False, sharey=True)
    drawn, names = Table(), [name for name in FATES if name in columns(runs)]
    for ax, (run, series) in zip(panels.flat, runs.items()):
        _bars(ax, style, run, series, names, drawn)
        ax.set_title(f"{run} (n = {series[0].table.n:,})")
    marks.name_axes(panels, len(runs), "training step", "share of puzzles")
    keys = [Patch(color=style.fate(name), label=name) for name in names]
    figure.legend(handles=keys, loc="outside upper left", ncols=min(len(keys), 5), frameon=False, borderpad=0.1)
    first = next(iter(runs.values()))[0].table
    return Plate(
        figure=figure, table=drawn,
        caption=f"What became of the puzzles at each checkpoint, followed up to {first.horizon} segments: shares of "
        "fates, in full colour those that are right where they end, pale those that are wrong. Dots: share right at "
        f"the training budget of {first.budget} segments, with 95% intervals.",
        alt="Stacked shares of fates over training steps, a panel for each run",
    )  # fmt: skip


def _bars(ax: Axes, style: Style, run: str, series: Sequence[Checkpoint], names: Sequence[str], drawn: Table) -> None:
    x, n = np.arange(len(series)), series[0].table.n
    steps, below = np.array([one.step for one in series]), np.zeros(len(series))
    for side, column in (("right", 1), ("wrong", 0)):
        for name in names:
            share = np.array([one.ends[one.table.fates.index(name), column] for one in series]) / n
            ax.bar(x, share, 0.84, bottom=below, color=style.fate(name), alpha=0.9 if column else PALE, lw=0)
            drawn.add(run=run, step=steps, fate=name, at_end=side, share=share, low=np.nan, high=np.nan)
            below = below + share
    right = [one.right for one in series]
    value, low, high = (np.array([getattr(one, key) for one in right], dtype=float) for key in ("value", "low", "high"))
    width = 0.8 * style.scale
    ax.vlines(x, low, high, color=style.ink, lw=width, path_effects=marks.cased(style, width), zorder=3)
    ax.scatter(x, value, s=16 * style.scale**2, color=style.ink, edgecolors=style.ground, lw=width, zorder=4)
    drawn.add(run=run, step=steps, fate="right at the budget", at_end="", share=value, low=low, high=high)
    ax.set_ylim(0, 1)
    every = max(1, -(-len(series) // 6))
    ax.set_xticks(x[::every], [f"{step:,}" for step in steps[::every]])
