"""docs/statistics: its pages say what its tables say, and the tables are what their replicates give."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from tests.outside_modules import module

ROOT = Path(__file__).parents[2]
TABLES = ROOT / "docs" / "statistics"


def script(name: str):
    return module(ROOT / "scripts" / f"{name}.py")


nulls, coverage, again = script("nulls"), script("interval_coverage"), script("study_again")


def test_the_page_on_the_increment_is_its_replicates():
    rows = nulls.read(TABLES / "increment_replicates.csv")
    lines = nulls.table(rows)
    assert (TABLES / "increment.md").read_text() == nulls.page(lines)
    written = (TABLES / "increment.csv").read_text().splitlines()
    assert len(written) == len(lines) + 1


def test_a_gain_that_is_not_there_is_claimed_no_more_often_than_said():
    lines = nulls.table(nulls.read(TABLES / "increment_replicates.csv"))
    for line in lines:
        if line["kind"] == "null":
            assert line["claimed_low"] <= 0.05, line


def test_a_replicate_of_the_table_comes_out_again():
    rows = nulls.read(TABLES / "increment_replicates.csv")
    row = next(row for row in rows if (row["world"], row["n"], row["replicate"]) == ("sharp", "60", "7"))
    world = next(world for world in nulls.WORLDS if world.name == "sharp")
    found = nulls.replicate(world, 0.0, 60, 7)
    for name in ("smooth", "smooth_low", "flexible", "p"):
        assert float(found[name]) == pytest.approx(float(row[name]), rel=0.02, abs=1e-3)


def test_the_script_goes_on_where_it_stopped(tmp_path, monkeypatch):
    small = (nulls.WORLDS[0],)
    monkeypatch.setattr(nulls, "WORLDS", small)
    monkeypatch.setattr(nulls, "SIZES", {60: 4})
    path = tmp_path / "rows.csv"
    whole = nulls.run(path, None, None)
    assert len(whole) == 4
    lines = path.read_text().splitlines()
    path.write_text("\n".join(lines[:3]) + "\n" + lines[3][:20])  # cut off in a line
    asked = []
    kept = nulls.replicate
    monkeypatch.setattr(nulls, "replicate", lambda *a: asked.append(a[3]) or kept(*a))
    assert nulls.run(path, None, None) == whole
    assert asked == [2, 3]


def test_every_null_is_one():
    """Given base and answer lambda_1 is as it is given the base: its residual is uncorrelated with the answer's."""
    for world in nulls.WORLDS:
        if world.kind != "null" or world.name == "imbalance":
            continue
        base, exponent, odds = world.draw(np.random.default_rng(0), 200_000, 0.0)
        answer = np.random.default_rng(1).random(200_000) < 1 / (1 + np.exp(-odds))
        left = answer - 1 / (1 + np.exp(-odds))
        assert abs(np.corrcoef(left, exponent)[0, 1]) < 0.01


def test_the_page_on_coverage_is_its_table():
    rows = coverage.read(TABLES / "coverage.csv")
    assert (TABLES / "coverage.md").read_text() == coverage.page(rows)
    known = {(setting.quantity, setting.data, setting.method) for setting in coverage.settings()}
    assert {(row["quantity"], row["data"], row["method"]) for row in rows} <= known


def test_a_row_of_the_coverage_table_is_measured_again():
    setting = next(s for s in coverage.settings() if s.quantity == "share")
    row = setting.measure(50)
    assert row["given"] == "1.0000"
    assert 0.8 <= float(row["covered"]) <= 1


def test_the_study_under_the_mended_statistics():
    study = ROOT / "docs" / "study" / "first"
    written = json.loads((study / "again" / "again.json").read_text())
    assert (study / "again" / "again.md").read_text() == again.page(written)
    found = json.loads(json.dumps({"escapes": again.escapes(study), "seeds": again.seeds(study)}))
    _alike({key: written[key] for key in found}, found)


def _alike(one, other, place=""):
    if isinstance(one, dict):
        assert one.keys() == other.keys(), place
        for key in one:
            _alike(one[key], other[key], f"{place}/{key}")
    elif isinstance(one, list):
        for number, (a, b) in enumerate(zip(one, other, strict=True)):
            _alike(a, b, f"{place}/{number}")
    elif isinstance(one, float):
        assert other == pytest.approx(one, rel=1e-3, abs=1e-6), place
    else:
        assert one == other, place
