"""Renderings against the committed ones, on the matplotlib they were drawn with; and what no figure may do."""

from __future__ import annotations

import re
from pathlib import Path

import matplotlib
import numpy as np
import pytest
from matplotlib.colors import to_rgb
from tests.plotting.renderings import FOLDER, RENDERINGS, pixels, render, study

from rrdyn.plotting.style import CELLS, Style, contrast

PINNED = re.search(r"^matplotlib==(\S+)", (Path(__file__).parents[2] / "constraints.txt").read_text(), re.M)
same_matplotlib = pytest.mark.skipif(
    PINNED is None or matplotlib.__version__ != PINNED[1], reason="the renderings are those of the pinned matplotlib"
)


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    return study(tmp_path_factory.mktemp("renderings"))


@same_matplotlib
@pytest.mark.parametrize("name", RENDERINGS)
def test_rendering_is_the_committed_one(root, tmp_path, name):
    drawn, kept = pixels(render(name, root, tmp_path / "drawn.png")), pixels(FOLDER / f"{name}.png")
    assert drawn.shape == kept.shape
    assert np.sqrt(np.mean((drawn - kept) ** 2)) < 4.0  # of 255; a shifted label or a changed colour is beyond it


@pytest.mark.parametrize(
    ("name", "size"),
    [*((name, "column") for name in RENDERINGS), ("dynamics", "slide"), ("perturbation_mass", "slide")],
)
def test_no_words_are_cut_at_any_size(root, name, size):
    style, make = Style(size), RENDERINGS[name][1]
    with style.active():
        figure = make(root, style).figure
        figure.draw_without_rendering()
        used, paper = figure.get_tightbbox(), figure.bbox_inches
    assert used.x0 > -0.02
    assert used.y0 > -0.02
    assert used.x1 < paper.x1 + 0.02
    assert used.y1 < paper.y1 + 0.02


@pytest.mark.parametrize("dark", [False, True])
def test_letters_have_contrast_and_cells_differ_in_grey(dark):
    style = Style(dark=dark)
    for colour in [style.soft, style.ink, *(style.text(style.cell(cell)) for cell in CELLS)]:
        assert contrast(to_rgb(colour), to_rgb(style.ground)) >= 4.5
    assert len({look.marker for look in CELLS.values()}) == 4
    assert len({str(look.dashes) for look in CELLS.values()}) == 4
