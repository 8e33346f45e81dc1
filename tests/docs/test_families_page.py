"""The page on families and arms says what its tables say, and they agree with each other."""

from __future__ import annotations

from pathlib import Path

import polars as pl
import pytest
from tests.outside_modules import module

from rrdyn.analysis.intervals import mean_over_seeds, rate

ROOT = Path(__file__).parents[2]
script = module(ROOT / "scripts" / "families_study.py")


def check(folder):
    """Every number of the page is one of the tables beside it; what follows from others follows from them."""
    assert (folder / "README.md").read_text() == script.page(folder)
    tables = {name: script.read(folder / f"{name}.csv") for name in script.TABLES}
    models = tables["models"]
    for row in models.to_dicts():
        found = rate(round(row["right"] * row["n"]), row["n"])
        told = (row["right"], row["right_low"], row["right_high"])
        assert told == pytest.approx((found.value, found.low, found.high))
        if row["proved"] is not None:
            assert row["hostile_gain"] < row["bound"] < 1
            assert row["lambda_certified_max"] < row["proved"] < 0
    means(tables["seeds"], models, ["stage", "model"], script.MODEL_COLUMNS.items())
    means(tables["arms_seeds"], tables["arms"], ["arm"], script.ARM_COLUMNS.items())
    for row in tables["arms"].to_dicts():
        base = tables["arms"].filter(arm="none-fixed", seed=row["seed"]).to_dicts()[0]
        for name in ("right", *script.QUANTITIES):
            assert row[f"{name}_change"] == pytest.approx(row[name] - base[name], abs=1e-6)


def means(over, table, keys, columns):
    for row in over.to_dicts():
        mine = table.filter(**{key: row[key] for key in keys})
        assert len(mine) == row["seeds"]
        for name, share in columns:
            found = mean_over_seeds(mine[name].to_numpy(), share=share)
            told = (row[name], row[f"{name}_low"], row[f"{name}_high"])
            assert told == pytest.approx((found.value, found.low, found.high), nan_ok=True, abs=1e-9)


def test_the_page_says_what_its_tables_say():
    folder = ROOT / "docs" / "families"
    check(folder)
    models = script.read(folder / "models.csv").filter(pl.col("stage").is_in(["sudoku", "maze"]))
    assert len(models) == 18
    for row in models.to_dicts():
        passes = {"trm": 1 + 2 * 4 / 12, "hrm": 1 + 1 + 2 * 2 / 24, "srm": 1 + 1 + 2 * 2 / 8}[row["model"]]
        told = row["training_operations"] / (row["steps"] * 64 * row["operations"])
        assert told == pytest.approx(passes)
