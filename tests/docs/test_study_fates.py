"""The page of the study's fates says what its files say, and the table is that of its rows."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from rrdyn.analysis.fates import WORDS, fate_table, sentences
from rrdyn.artifacts.files import read_json

FATES = Path(__file__).resolve().parents[2] / "docs" / "study" / "first" / "fates"


@pytest.fixture(scope="module")
def page():
    return (FATES / "README.md").read_text()


@pytest.fixture(scope="module")
def points():
    return pl.read_csv(FATES / "points.csv")


@pytest.fixture(scope="module")
def table(points):
    names = list(WORDS)
    arrays = {"fate": np.array([names.index(name) for name in points["fate"]])}
    arrays |= {key: points[key].to_numpy() for key in ("right_budget", "right_end")}
    return fate_table(arrays, names, 8, 256)


def told(value, low, high):
    return f"{value:.3f} [{low:.3f}, {high:.3f}]".replace("0.", ".")


def test_the_sentences_are_those_of_the_rows(page, table):
    assert all(f"> {line}" in page for line in sentences(table).splitlines())
    assert read_json(FATES / "fates.json")["says"] == sentences(table).splitlines()


def test_the_table_is_that_of_the_rows(page, table):
    for code, name in enumerate(table.fates):
        if table.counts[code].any():
            wrong, right = (table.share(code, side) for side in (0, 1))
            cells = [told(share.value, share.low, share.high) for share in (wrong, right)]
            row = f"| {name} | {' | '.join(cells)} | {table.out_of_time[code]} | {table.lost[code]} |"
            assert row in page


def test_the_numbers_in_words(page, points):
    cycles = points.filter(pl.col("fate") == "cycle")["period"]
    assert (
        f"{(cycles == 2).sum()} of the {len(cycles)} cycles have period 2 and {(cycles == 4).sum()} have period 4"
        in page
    )
    settled = points.filter(pl.col("settled_at") >= 0)["settled_at"]
    words = f"by segment {settled.median():.0f}, all of it by {settled.max()}"
    assert words in page
    for name, rows, most in (("failures", ~pl.col("right_budget"), 40), ("right", pl.col("right_budget"), 8)):
        few = read_json(FATES / "fates.json")["few"][name]
        counted = points.filter(rows).head(most)["fate"].value_counts()
        assert few == dict(counted.iter_rows())
        listed = ", ".join(f"{few[fate]} {fate}" for fate in WORDS if fate in few)
        assert listed in re.sub(r"\s+", " ", page)


@pytest.fixture(scope="module")
def others():
    return read_json(FATES / "agreement.json")["others"]


def test_what_arithmetic_and_horizon_change(page, others):
    for row in others:
        same = row["same_fate"]
        line = next(text for text in page.splitlines()
                    if text.startswith(f"| {row['of']['dtype']}, {row['of']['horizon']} segments |"))  # fmt: skip
        assert f"| {row['n'] - row['changed']} | {told(same['value'], same['low'], same['high'])} |" in line
        for change, count in row["changes"].items():
            assert f"{change.replace(' -> ', ' to ')} {count}" in line
        assert row["n"] == 512


def test_the_sentences_on_what_changes(page, others):
    text = " ".join(page.split())
    wide, longer, shorter = others
    late = sum(count for change, count in wide["changes"].items() if change in ("fixed -> slow", "cycle -> slow"))
    assert f"of the {wide['changed']} that change, {late} are called fixed or a cycle" in text
    for row, change, words in (
        (longer, "marginal -> quasiperiodic", "tori ({} of {}), what a shorter"),
        (shorter, "quasiperiodic -> marginal", "not yet told ({} of {})"),
    ):
        assert max(row["changes"], key=row["changes"].get) == change
        assert words.format(row["changes"][change], row["changed"]) in text
    assert not any("chaotic" in change for row in others for change in row["changes"])
    lost = [{change: count for change, count in row["changes"].items() if change.split(" -> ")[0] in ("fixed", "cycle")
             and change.split(" -> ")[1] not in ("fixed", "cycle", "slow")} for row in others]  # fmt: skip
    assert lost == [{"cycle -> marginal": 1}, {}, {"cycle -> marginal": 2}]


def test_two_processors_agree_on_every_fate_and_on_all_ends_but_one(page, points):
    second = pl.read_csv(FATES / "points_second.csv")
    assert second["idx"].equals(points["idx"])
    assert second["fate"].equals(points["fate"])
    assert second.filter(second["right_end"] != points["right_end"])["idx"].to_list() == [420]
    late = second.filter(~pl.col("right_budget") & pl.col("right_end"))
    assert f"{len(late)} are out of time there" in " ".join(page.split())
