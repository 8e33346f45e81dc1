"""Intervals as columns, there and back, and as lines of a page."""

from __future__ import annotations

import polars as pl
import pytest

from rrdyn.artifacts.interval import Interval
from rrdyn.studies.seed_tables import bounds, over_seeds, pipe, read_table, told


def test_an_interval_is_three_columns_and_reads_the_same(tmp_path):
    row = {"seed": 0, **bounds("right", Interval(value=0.5, low=0.25, high=0.75)), **bounds("nothing", None)}
    pl.DataFrame([row]).write_csv(tmp_path / "table.csv")
    table = read_table(tmp_path / "table.csv")
    assert table["nothing_low"].dtype == pl.Float64
    (back,) = table.to_dicts()
    assert told(back, "right") == "0.500 [0.250, 0.750]"
    assert told(back, "right", sign=True).startswith("+0.500")
    assert told(back, "nothing") == told(None, "right") == "-"


def test_means_over_seeds_are_of_the_seeds_that_have_a_number():
    table = pl.DataFrame(
        {"model": ["b", "b", "a", "a"], "right": [0.5, 0.7, 0.2, None], "gain": [None, None, 1.0, 3.0]}
    )
    found = over_seeds(table, ["model"], {"right": True, "gain": False})
    assert found["model"].to_list() == ["b", "a"]
    assert found["seeds"].to_list() == [2, 2]
    b, a = found.to_dicts()
    assert (b["right"], a["right"], a["right_low"]) == (pytest.approx(0.6), 0.2, None)
    assert b["gain"] is None
    half = 12.706204736 * 2**0.5 / 2**0.5  # Student's t of one degree of freedom, times the error of the mean
    assert (a["gain"], a["gain_low"], a["gain_high"]) == pytest.approx((2, 2 - half, 2 + half))
    assert 0 < b["right_low"] < 0.6 < b["right_high"] < 1


def test_a_table_of_a_page():
    assert pipe(["a", "b"], [["1", "2"]]) == ["| a | b |", "| --- | --- |", "| 1 | 2 |"]
