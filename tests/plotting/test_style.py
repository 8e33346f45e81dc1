"""The look of figures: a sheet of the user's comes on top, and a file that is none is refused in words."""

from __future__ import annotations

import matplotlib
import pytest
from matplotlib import colormaps
from matplotlib.colors import to_rgb

from rrdyn.artifacts.errors import InputError
from rrdyn.plotting.style import SERIES, Style, contrast, ink_on, over


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


@pytest.mark.parametrize("dark", [False, True])
def test_letters_on_a_coloured_ground_can_be_read(dark):
    style = Style(dark=dark)
    grounds = [over(colour, alpha, style.ground) for colour in (*SERIES, style.soft) for alpha in (0.12, 0.42, 0.72)]
    grounds += [colormaps["viridis"](value / 20) for value in range(21)]
    assert min(contrast(to_rgb(ink_on(ground)), ground) for ground in grounds) >= 4.5


def test_the_margin_grows_with_the_letters():
    pads = {}
    for size in ("column", "slide"):
        with Style(size).active():
            pads[size] = [matplotlib.rcParams[f"figure.constrained_layout.{way}_pad"] for way in "hw"]
    assert pads["slide"] == [pytest.approx(pad * 14 / 8) for pad in pads["column"]]
