"""The look of figures: a sheet of the user's comes on top, and a file that is none is refused in words."""

from __future__ import annotations

import matplotlib
import pytest

from rrdyn.artifacts.errors import InputError
from rrdyn.plotting.style import Style


def test_a_sheet_of_the_user_comes_on_top(tmp_path):
    sheet = tmp_path / "mine.mplstyle"
    sheet.write_text("\ufeffaxes.grid: True  # rules\nlines.linewidth: 7\nbackend: agg\n", encoding="utf-8")
    before = matplotlib.rcParams["lines.linewidth"]
    with Style(sheet=sheet).active():
        assert matplotlib.rcParams["axes.grid"] is True
        assert matplotlib.rcParams["lines.linewidth"] == 7
        assert matplotlib.rcParams["pdf.fonttype"] == 42, "ours stay"
    assert matplotlib.rcParams["lines.linewidth"] == before


@pytest.mark.parametrize(
    ("text", "words"),
    [("axes.gird: True", "did you mean axes.grid"), ("lines.linewidth: wide", "linewidth"), ("hello", "hello"),
     ("\x00", "x00")],
)  # fmt: skip
def test_a_file_that_is_no_sheet_is_named(tmp_path, text, words):
    sheet = tmp_path / "mine.mplstyle"
    sheet.write_text(text)
    with pytest.raises(InputError, match=r"mine\.mplstyle") as caught, Style(sheet=sheet).active():
        pass
    assert words in str(caught.value)
