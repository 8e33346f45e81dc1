"""What lies beside a figure, and what a figure never takes the place of."""

from __future__ import annotations

import pytest

from rrdyn.artifacts.errors import RrdynError
from rrdyn.plotting.plate import Plate, Table, save
from rrdyn.plotting.style import Style


def drawn(folder, name="heights", svg=False, **columns):
    style = Style()
    with style.active():
        figure, table = style.figure(1.0), Table()
        figure.subplots().plot([1, 2])
        table.add(**(columns or {"height": [1.5, 2.0]}))
        return save(Plate(figure=figure, table=table, caption="Heights."), folder / name, style, meta={}, svg=svg)


def test_columns_appear_as_they_are_first_named_and_what_is_not_there_stays_empty():
    table = Table()
    table.add(a=[1, 2], b="x")
    table.add(c=0.1 + 0.2, a=float("nan"))
    assert table.csv() == "a,b,c\n1,x,\n2,x,\n,,0.3\n"


def test_an_svg_is_written_on_request_with_its_text_as_text_and_again_the_same(tmp_path):
    wrote = drawn(tmp_path, svg=True)
    assert [path.suffix for path in wrote] == [".png", ".pdf", ".svg", ".csv", ".txt"]
    before = wrote[2].read_bytes()
    assert b"<text" in before
    assert b"Heights." in before
    assert drawn(tmp_path, svg=True)[2].read_bytes() == before


def test_a_figure_of_ours_is_drawn_again_over_itself(tmp_path):
    first = drawn(tmp_path)
    before = [path.read_bytes() for path in first]
    assert drawn(tmp_path) == first
    assert [path.read_bytes() for path in first] == before
    first[0].unlink()  # a picture that is gone does not lock what lay beside it
    first[1].unlink()
    drawn(tmp_path)


@pytest.mark.parametrize("suffix", [".png", ".pdf", ".svg", ".data.csv", ".caption.txt"])
def test_a_file_that_is_none_of_ours_stays(tmp_path, suffix):
    theirs = tmp_path / f"heights{suffix}"
    theirs.write_bytes(b"\x89PNG\r\n\x1a\n the holidays")
    with pytest.raises(RrdynError, match="no figure of ours") as refused:
        drawn(tmp_path)
    assert refused.value.exit_code == 1
    assert theirs.read_bytes() == b"\x89PNG\r\n\x1a\n the holidays"
    assert list(tmp_path.iterdir()) == [theirs]


def test_a_folder_of_that_name_stays(tmp_path):
    (tmp_path / "heights.png").mkdir()
    with pytest.raises(RrdynError, match="is a folder"):
        drawn(tmp_path)
