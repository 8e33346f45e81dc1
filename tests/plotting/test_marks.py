"""Marks shared by the figures: the axes of a grid of panels, and rules that leave room for words."""

from __future__ import annotations

import numpy as np
import pytest

from rrdyn.plotting import marks
from rrdyn.plotting.style import Style


@pytest.mark.parametrize(("drawn", "lowest"), [(1, {0}), (3, {1, 2}), (4, {2, 3}), (5, {3, 4})])
def test_the_lowest_panel_of_every_column_says_what_its_axis_is(drawn, lowest):
    """Five panels in two columns: the right column ends a row above the left one."""
    panels = Style().figure(2).subplots(3, 2, squeeze=False, sharex=True)
    marks.name_axes(panels, drawn, "segments", "share")
    assert {place for place, ax in enumerate(panels.flat) if ax.get_xlabel() == "segments"} == lowest
    assert [ax.axison for ax in panels.flat] == [place < drawn for place in range(6)]
    for place in lowest:
        assert panels.flat[place].xaxis.get_major_ticks()[0].label1.get_visible()
    assert [ax.get_ylabel() for ax in panels[:, 0]] == ["share"] * 3


def test_a_threshold_ends_before_the_words_of_its_panel():
    ax = Style().figure(2).subplots()
    low, high = marks.threshold(ax, Style(), 0.3).get_ydata()
    assert 0.1 < low < np.nextafter(1 - high, 1) + 1e-9 < 0.25
