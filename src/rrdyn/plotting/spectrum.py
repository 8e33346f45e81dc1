"""The exponent spectrum per cell with its intervals, one panel per analysed file."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes

from rrdyn.plotting import marks
from rrdyn.plotting.options import SpectrumOptions
from rrdyn.plotting.output import Output
from rrdyn.plotting.plate import Plate, Table
from rrdyn.plotting.study import RUN, Study, read_study
from rrdyn.plotting.style import CELLS, Style
from rrdyn.plotting.tables import tagged


def draw(inputs: SpectrumOptions, out: Output, style: Style) -> None:
    """Draw the spectra of all tags that are meant side by side."""
    tags = tagged(inputs.path, "results", ".json", RUN, out)
    studies = [read_study(one.folder, one.tag) for one in tags]
    name = f"spectrum_{tags[0].tag}" if len(tags) == 1 else "spectrum"
    files = [file for study in studies for file in study.files]
    out.text = ""  # one picture, however many tags
    out.add(spectra(studies, style), name, tags[0].folder, inputs=files, tags=[one.tag for one in tags])


def spectra(studies: Sequence[Study], style: Style) -> Plate:
    """Median of every exponent with its 95% interval, per cell; spectra of several files share one scale."""
    across, blocks = marks.blocks_of(len(studies), 1 if style.size == "column" else 3)
    figure = style.figure(0.25 + 2.3 * blocks)
    grid = figure.subplots(blocks, across, squeeze=False, sharey=True)
    table = Table()
    labels = []
    for ax, study in zip(grid.flat, studies):
        ends = _panel(ax, style, study, table)
        last = study is studies[-1] or across == 1
        labels.append(marks.label_ends(ax, style, ends if last else []))
        ax.set_title(f"{study.title}\nn = {study.n:,}")
        ax.set_xlabel("exponent index $i$")
    for ax in grid[:, 0]:
        ax.set_ylabel("median $\\lambda_i$\n(nats per sub-update)")
    for ax in list(grid.flat)[len(studies) :]:
        ax.set_visible(False)
    marks.spread(figure, labels)
    return Plate(
        figure=figure,
        table=table,
        caption="Median finite-time Lyapunov spectrum of each cell with 95% intervals; cells of fewer than three "
        "puzzles are left out. " + " ".join(f"{study.title}: n = {study.n:,}, {study.units}." for study in studies),
        alt="Median exponents by index, one line a cell, for " + ", ".join(study.title for study in studies),
    )


def _panel(ax: Axes, style: Style, study: Study, table: Table) -> list[marks.End]:
    marks.rule(ax, style, y=0.0)
    ends: list[marks.End] = []
    for offset, (cell, look) in enumerate(CELLS.items()):
        n = study.counts[cell]
        if n < 3:
            continue
        y = study.spectrum(cell)
        x = np.arange(1, y.size + 1)
        low, high = study.spectrum_bounds(cell)
        ax.vlines(x + (offset - 1.5) * 0.08, low, high, color=style.cell(cell), lw=0.8 * style.scale)
        ax.plot(x + (offset - 1.5) * 0.08, y, color=style.cell(cell), marker=look.marker, ls=look.dashes)
        table.add(tag=study.tag, cell=cell, n=n, exponent=x, median=y, low=low, high=high)
        ends.append((float(x[-1]), float(y[-1]), f"{cell} {look.name}\nn = {n:,}", style.cell(cell)))
    if not ends:
        marks.empty(ax, style, "every cell holds\nfewer than three puzzles")
    ax.set_xticks(study.spectrum_names)
    return ends
