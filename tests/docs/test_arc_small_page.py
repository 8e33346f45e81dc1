"""The page on small ARC says what its tables say, and they agree with each other."""

from __future__ import annotations

from pathlib import Path

import polars as pl
import pytest
from tests.outside_modules import module

from rrdyn.dynamics import FATES
from rrdyn.studies.seed_tables import over_seeds, read_table

ROOT = Path(__file__).parents[2]
script = module(ROOT / "scripts" / "arc_study.py")


def check(folder):
    """Numbers of the page are those of the tables beside it; means are those of the seeds, fates are of all copies."""
    assert (folder / "README.md").read_text() == script.page(folder)
    tables = {name: read_table(folder / f"{name}.csv").with_columns(pl.col("seed").cast(str)) for name in script.TABLES}
    for name, key, columns in (("votes", "asked", script.VOTED), ("readers", "reader", script.READ)):
        rows = tables[name].filter(pl.col("seed") != script.ALL)
        kept = tables[name].filter(seed=script.ALL)
        again = over_seeds(rows, (key,), columns)
        assert (again["seeds"] == len(script.SEEDS)).all()
        for column in (column + end for column in columns for end in ("", "_low", "_high")):
            assert kept[column].to_list() == pytest.approx(again[column].to_list(), abs=1e-9, nan_ok=True)
    for row in tables["models"].to_dicts():
        assert (
            sum(row[f"{fate}_{end}"] for fate in FATES for end in ("right", "wrong") if f"{fate}_{end}" in row)
            == (row["copies"])
        )
        assert sum(row[f"cell_{cell}"] for cell in "ABCD") == row["copies"]


def test_the_page_says_what_its_tables_say():
    folder = ROOT / "docs" / "arc_small"
    check(folder)
    votes = pl.read_csv(folder / "votes.csv").filter(asked="budget")
    assert set(votes["seed"].cast(str)) == {"0", "1", "2", script.ALL}
