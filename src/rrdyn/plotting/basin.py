"""Does a restart free a failed puzzle? Solve rates of the clean run's failures over the noise, from basin_<tag>.csv."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from rrdyn.plotting import marks
from rrdyn.plotting.options import BasinOptions
from rrdyn.plotting.output import Output
from rrdyn.plotting.plate import Plate, Table
from rrdyn.plotting.style import Style
from rrdyn.plotting.tables import read_numbers, tagged

RUN = "rrdyn select PERTURB.npz"
LINES = {
    "best_ever": ("best of K,\never right", 0, "-", "s"),
    "single_ever": ("one restart,\never right", 0, (0, (5, 1.5)), "o"),
    "best_readout": ("best of K,\nat readout", 1, "-", "D"),
    "single_readout": ("one restart,\nat readout", 1, (0, (5, 1.5)), "v"),
}


def draw(inputs: BasinOptions, out: Output, style: Style) -> None:
    """Draw every basin_<tag>.csv that is meant."""
    for one in tagged(inputs.path, "basin", ".csv", RUN, out):
        out.add(basin(one.file, one.tag, style), one.name, one.folder, short=one.short, inputs=[one.file], tag=one.tag)


def basin(source: Path, tag: str, style: Style) -> Plate:
    """Share of failures freed over the noise scale, from a basin_<tag>.csv."""
    values = read_numbers(source, ("sigma", "n"), run=RUN)
    figure = style.figure(2.7)
    ax = figure.subplots()
    table = Table()
    sigmas = values["sigma"]
    place = np.arange(sigmas.size, dtype=float)  # equally spaced: the scales span decades and hold an exact zero
    n = int(values["n"].max())
    ends: list[marks.End] = []
    for offset, (name, (words, colour, dashes, marker)) in enumerate(LINES.items()):
        if n == 0 or name not in values or not np.isfinite(values[name]).any():
            continue
        x = place + (offset - 1.5) * 0.05
        low, high = (values.get(f"{name}_{end}", np.full(sigmas.size, np.nan)) for end in ("low", "high"))
        ax.vlines(x, low, high, color=style.series(colour), lw=0.8 * style.scale)
        ax.plot(x, values[name], color=style.series(colour), ls=dashes, marker=marker)
        table.add(series=name, sigma=sigmas, x=x, rate=values[name], low=low, high=high, n=values["n"])
        ends.append((x[-1], values[name][-1], words, style.series(colour)))
    labels = marks.label_ends(ax, style, ends)
    if not ends:
        marks.empty(ax, style, "the clean run has no failures:\nnothing to free")
    ax.set_xticks(place, [f"{sigma:g}" for sigma in sigmas])
    ax.set_ylim(-0.03, 1.03)
    ax.set_xlabel("noise on $z_0$, $\\sigma$ (times the std of H_init)")
    ax.set_ylabel("share of failures solved")
    ax.set_title(f"{tag}: restarts of failed puzzles\nn = {n:,} failures; stems: 95% intervals")
    marks.spread(figure, [labels])
    return Plate(
        figure=figure,
        table=table,
        caption=f"Share of the {n:,} puzzles that the clean run fails which restarts from z0 + sigma x noise solve "
        f"({tag}): one restart and the best of K, right at any segment and right at the readout. At sigma 0 nothing is "
        "perturbed: what is solved there is solved by the longer budget alone. Best of K is an oracle. Stems: 95% "
        "intervals.",
        alt="Solve rates of failed puzzles against the noise scale, for one restart and the best of K.",
    )
