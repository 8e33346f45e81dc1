"""Where pictures go: beside what was read, into a folder, or under one name."""

from __future__ import annotations

from pathlib import Path

import pytest

from rrdyn.artifacts.errors import RrdynError, UsageError
from rrdyn.plotting.output import Output
from rrdyn.plotting.plate import Plate, Table
from rrdyn.plotting.style import Style

HERE = Path("read")


@pytest.mark.parametrize(
    ("given", "first", "second"),
    [
        (None, "read/fig_trm", "read/fig_trm_scatter"),
        ("drawn", "drawn/fig_trm", "drawn/fig_trm_scatter"),
        ("drawn/mine.pdf", "drawn/mine", "drawn/mine_scatter"),
        ("drawn/mine.svg", "drawn/mine", "drawn/mine_scatter"),
        ("v1.2", "v1.2/fig_trm", "v1.2/fig_trm_scatter"),
    ],
)
def test_stems(given, first, second):
    out = Output(given and Path(given), Style())
    assert out.stem("fig_trm", HERE) == Path(first)
    assert out.stem("fig_trm_scatter", HERE, "scatter") == Path(second)


def test_a_picture_of_another_kind_is_refused_before_anything_is_drawn():
    with pytest.raises(UsageError, match=r"not written as \.jpg"):
        Output(Path("mine.jpg"), Style())


def test_two_pictures_of_one_name_are_refused(tmp_path):
    style = Style()
    out = Output(tmp_path, style, writes=False)
    plate = Plate(figure=style.figure(1.0), table=Table(), caption="")
    out.add(plate, "one", HERE, inputs=[])
    with pytest.raises(RrdynError, match="are called one"):
        out.add(plate, "one", HERE, inputs=[])
    assert not list(tmp_path.iterdir())


def test_a_film_needs_a_place(tmp_path):
    with pytest.raises(UsageError, match="a film is a file"):
        Output(None, Style(), writes=False).add_film(None, tmp_path / "film", "gif")
