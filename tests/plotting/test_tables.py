"""Tables of the analysis as figures read them: what is missing, damaged or no number is told with its place."""

from __future__ import annotations

import os

import numpy as np
import pytest

from rrdyn.artifacts.errors import InputError
from rrdyn.plotting.output import Output
from rrdyn.plotting.style import Style
from rrdyn.plotting.tables import numbers, read_columns, read_numbers, tagged


def table(path, text):
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


def test_columns_stand_by_their_names_whatever_the_encoding_mark_and_line_ends(tmp_path):
    path = table(tmp_path / "a.csv", b"\xef\xbb\xbfa,b\r\n1,\r\nnull,true\r\n")
    assert read_columns(path, ("a", "b")) == {"a": ["1", "null"], "b": ["", "true"]}
    assert np.array_equal(numbers(["", "2", "inf", "true"]), [np.nan, 2, np.nan, 1], equal_nan=True)


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("", "is empty"),
        ("a,b\n", "has no rows"),
        ("a,b\n1\n", "is damaged"),
        ("a,c\n1,2\n", "lacks b"),
        ("a,b\n1,2\n3,nan\n", "b is no number in row 2"),
        (b"a,b\n\xff,1\n", "is not UTF-8 text"),
    ],
)
def test_a_table_that_cannot_be_drawn_is_told(tmp_path, text, problem):
    with pytest.raises(InputError, match=problem):
        read_numbers(table(tmp_path / "a.csv", text), ("a", "b"))


def test_a_table_without_rows_may_have_its_meaning(tmp_path):
    assert read_numbers(table(tmp_path / "a.csv", "a,b\n"), ("a",), empty=True)["b"].size == 0


def test_a_pipe_in_the_place_of_a_table_is_not_waited_for(tmp_path):
    os.mkfifo(tmp_path / "a.csv")
    with pytest.raises(InputError, match="is a named pipe"):
        read_columns(tmp_path / "a.csv")


def test_tags_of_a_folder_and_of_one_file(tmp_path):
    for name in ("basin_b.csv", "basin_a.csv", "basin_a.data.csv", "select_a.csv"):
        (tmp_path / name).touch()
    out = Output(None, Style(), writes=False)
    assert [(one.tag, one.short, one.name) for one in tagged(tmp_path, "basin", ".csv", "rrdyn select", out)] == [
        ("a", "a", "basin_a"),
        ("b", "b", "basin_b"),
    ]
    assert out.told == {"tags": ["a", "b"]}
    (only,) = tagged(tmp_path / "basin_b.csv", "basin", ".csv", "rrdyn select", out)
    assert (only.tag, only.short, only.folder) == ("b", "", tmp_path)
    with pytest.raises(InputError, match="is not what this figure is drawn from"):
        tagged(tmp_path / "select_a.csv", "basin", ".csv", "rrdyn select", out)
