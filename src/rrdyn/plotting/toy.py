"""The transient-chaos toy: exponents of captured and searching trajectories, and how AUC and success grow with time."""

from __future__ import annotations

import numpy as np
from matplotlib.axes import Axes
from matplotlib.text import Annotation
from matplotlib.ticker import MaxNLocator

from rrdyn.analysis.readouts import over_times
from rrdyn.artifacts.errors import InputError, UsageError
from rrdyn.artifacts.npz import Artifact, read_npz
from rrdyn.artifacts.schemas import TOY
from rrdyn.plotting import marks
from rrdyn.plotting.options import ToyOptions
from rrdyn.plotting.output import Output
from rrdyn.plotting.plate import Plate, Table
from rrdyn.plotting.style import DASHES, MARKERS, Style


def draw(inputs: ToyOptions, out: Output, style: Style) -> None:
    """Draw a toy.npz; the histogram is of one readout time."""
    plate = toy(read_npz(inputs.file, TOY), style, inputs.readout)
    out.add(plate, inputs.file.stem, inputs.file.parent, inputs=[inputs.file], readout=inputs.readout)


def toy(artifact: Artifact, style: Style, readout: int = 16) -> Plate:
    """Exponents of captured and searching trajectories at one readout; AUC and success over readout times."""
    times = artifact["T"].astype(int)
    if not artifact["ftle"].size or not np.isfinite(artifact["ftle"]).all() or (times < 1).any():
        raise InputError(f"{artifact.path} is no toy that can be drawn", expected="finite exponents at times from 1 on")
    if readout not in times:
        raise UsageError(f"the file holds no readout time {readout}", expected=", ".join(map(str, times)))
    stacked = style.size == "column"
    figure = style.figure(4.2 if stacked else 2.5)
    left, right = figure.subplots(2, 1) if stacked else figure.subplots(1, 2)
    table = Table()
    at = int(np.flatnonzero(times == readout)[0])
    ftle, success = artifact["ftle"][at].ravel().astype(float), artifact["success"][at].ravel() > 0
    _histogram(left, style, ftle, success, readout, table)
    labels = [_against_time(right, style, artifact, times, table)]
    trajectories, seeds = artifact["ftle"].shape[2], artifact["ftle"].shape[1]
    right.set_title(f"toy over readout times\nn = {trajectories:,} x {seeds} seeds")
    marks.spread(figure, labels)
    return Plate(
        figure=figure,
        table=table,
        caption=f"The transient-chaos toy. Finite-time exponents at readout T = {readout} of trajectories that "
        f"reached the solution (upwards) and of those still searching (downwards), n = {ftle.size:,}; dashed: ln 2, "
        "the exponent of the search, and ln 0.5, of the captured. Then: share of successes and AUC(-exponent -> "
        f"success) against T, mean and range over {seeds} seeds. Failures vanish as T grows, and the AUC goes to 1; "
        "where none is left there is no AUC.",
        alt="Mirrored histogram of exponents by success, and curves of AUC and success against readout time.",
    )


def _histogram(ax: Axes, style: Style, ftle: np.ndarray, success: np.ndarray, readout: int, table: Table) -> None:
    edges = np.linspace(float(ftle.min()), float(ftle.max()) + 1e-9, 61)
    for sign, rows, colour, name in ((1, success, style.correct, "success"), (-1, ~success, style.wrong, "failure")):
        share = np.histogram(ftle[rows], bins=edges)[0] / max(ftle.size, 1)
        ax.bar(edges[:-1], sign * share, np.diff(edges), align="edge", color=colour, linewidth=0)
        table.add(panel="histogram", series=name, bin_from=edges[:-1], bin_to=edges[1:], share=share)
    reach = 1.5 * max(abs(value) for value in ax.get_ylim())
    ax.set_ylim(-reach, reach)
    for value in (np.log(2.0), np.log(0.5)):
        marks.threshold(ax, style, float(value))
    ax.margins(x=0.08)  # the rule at ln 0.5 stands off the axis
    marks.note(ax, style, f"success, n = {int(success.sum()):,}", x=0.02, y=0.98, colour=style.text(style.correct))
    marks.note(ax, style, f"failure, n = {int((~success).sum()):,}", x=0.02, y=0.02, colour=style.text(style.wrong))
    ax.axhline(0, color=style.soft, lw=0.6 * style.scale)
    ax.yaxis.set_major_formatter(lambda value, _: f"{abs(value):g}")
    ax.set_xlabel("finite-time exponent (nats per step)")
    ax.xaxis.set_major_locator(MaxNLocator(5))
    ax.set_ylabel("share of trajectories")
    ax.set_title(f"toy: exponents at T = {readout}\ndashed: ln 0.5 and ln 2")


def _against_time(ax: Axes, style: Style, artifact: Artifact, times: np.ndarray, table: Table) -> list[Annotation]:
    ends: list[marks.End] = []
    for order, (name, curve) in enumerate(over_times(times, artifact["ftle"], artifact["success"]).items()):
        if not curve.times.size:
            continue
        colour = style.series(order)
        ax.vlines(curve.times, curve.low, curve.high, color=colour, lw=0.8 * style.scale)
        ax.plot(curve.times, curve.mean, color=colour, marker=MARKERS[order], ls=DASHES[order])
        table.add(panel="time", series=name, T=curve.times, mean=curve.mean, low=curve.low, high=curve.high)
        ends.append((float(curve.times[-1]), float(curve.mean[-1]), name, colour))
    ax.set_xscale("log", base=2)
    ax.set_xticks(times, [str(time) for time in times])
    ax.set_ylim(0, 1.05)
    ax.set_xlabel("readout time T (steps, log scale)")
    ax.set_ylabel("AUC, share")
    return marks.label_ends(ax, style, ends)
