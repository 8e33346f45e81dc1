"""A figure as a stranger would write it: one file, which touches nothing of the package."""

from __future__ import annotations

from pathlib import Path

from rrdyn.plotting import FigureOptions, Positional, register
from rrdyn.plotting.output import Output
from rrdyn.plotting.plate import Plate, Table
from rrdyn.plotting.style import Style
from rrdyn.plotting.tables import read_numbers


class HeightsOptions(FigureOptions):
    """Heights of people, one mark each.

    1. rrdyn plot heights heights.csv
    """

    path: Positional[Path]
    """A csv with a column `height`."""
    unit: str = "cm"
    """Unit on the axis."""


@register("heights", HeightsOptions)
def draw(inputs: HeightsOptions, out: Output, style: Style) -> None:
    heights = read_numbers(inputs.path, ["height"])["height"]
    figure, table = style.figure(2.0), Table()
    ax = figure.subplots()
    ax.plot(heights, "o", color=style.series(0))
    ax.set_ylabel(f"height ({inputs.unit})")
    table.add(height=heights)
    plate = Plate(figure=figure, table=table, caption=f"Heights, n = {heights.size}.")
    out.add(plate, "heights", inputs.path.parent, inputs=[inputs.path], unit=inputs.unit)
    out.told = {"n": int(heights.size)}
