"""Intervals as columns, there and back, and as lines of a page."""

from __future__ import annotations

import polars as pl

from rrdyn.artifacts.interval import Interval
from rrdyn.studies.seed_tables import bounds, pipe, read_table, told


def test_an_interval_is_three_columns_and_reads_the_same(tmp_path):
    row = {"seed": 0, **bounds("right", Interval(value=0.5, low=0.25, high=0.75)), **bounds("nothing", None)}
    pl.DataFrame([row]).write_csv(tmp_path / "table.csv")
    table = read_table(tmp_path / "table.csv")
    assert table["nothing_low"].dtype == pl.Float64
    (back,) = table.to_dicts()
    assert told(back, "right") == "0.500 [0.250, 0.750]"
    assert told(back, "right", sign=True).startswith("+0.500")
    assert told(back, "nothing") == told(None, "right") == "-"


def test_a_table_of_a_page():
    assert pipe(["a", "b"], [["1", "2"]]) == ["| a | b |", "| --- | --- |", "| 1 | 2 |"]
