"""The page on the deeper recipe says what its table says, and the table's intervals are those of its counts."""

from __future__ import annotations

import json
from pathlib import Path

import polars as pl
import pytest

from rrdyn.analysis.intervals import rate

FATES = Path(__file__).resolve().parents[2] / "docs" / "fates"


@pytest.fixture(scope="module")
def rows():
    return pl.read_csv(FATES / "training.csv").to_dicts()


@pytest.fixture(scope="module")
def checkpoints():
    return pl.read_csv(FATES / "checkpoints.csv").to_dicts()


@pytest.fixture(scope="module")
def points():
    return pl.read_csv(FATES / "points.csv")


@pytest.fixture(scope="module")
def page():
    return (FATES / "README.md").read_text()


def short(value):
    return f"{value:.3f}".removeprefix("0")


def told(row, name):
    return f"{short(row[name])} [{short(row[name + '_low'])}, {short(row[name + '_high'])}]"


def table(page, heading):
    """The lines of the first table under a heading, without its head."""
    lines = page.split(f"{heading}\n", 1)[1].split("\n## ")[0].splitlines()
    return [line for line in lines if line.startswith("| ") and line[2].isdigit()]


def test_every_row_of_the_page_is_one_of_the_table(rows, page):
    known = [
        f"| {row['step']:,} | {short(row['accuracy'])} [{short(row['low'])}, {short(row['high'])}] | "
        f"{short(row['drift'])} | {short(row['accuracy_perturbed'])} |"
        for row in rows
        if row["step"] >= 500
    ]
    assert table(page, "# While a deeper model learns") == known
    drift = {row["step"]: row["drift"] for row in rows}
    assert min(drift, key=drift.get) == 625
    assert f"a factor of {drift[1250] / drift[625]:.0f} from step 625 to 1,250" in page
    assert f"the mean drift is {drift[1500] / drift[625]:.0f} times" in page
    assert f"{rows[-1]['right']} of {rows[-1]['n']} answers are right" in page


def test_the_intervals_are_those_of_the_counts(rows):
    for row in rows:
        found = rate(row["right"], row["n"])
        assert (row["accuracy"], row["low"], row["high"]) == pytest.approx(
            (found.value, found.low, found.high), abs=1e-6
        )


FATES_TOLD = ("fixed", "cycle", "quasiperiodic", "slow", "chaotic", "marginal")


def test_what_becomes_of_the_puzzles_is_counted_from_their_rows(checkpoints, points, page):
    known = []
    for row in checkpoints:
        mine = points.filter(pl.col("step") == row["step"])
        counts = [mine.filter(pl.col("fate") == name) for name in FATES_TOLD]
        assert sum(map(len, counts)) == len(mine) == row["n"]
        assert mine["right_budget"].sum() == round(row["right_few"] * row["n"])
        cells = [f"{len(some)} ({some['right_end'].sum()})" for some in counts]
        known.append(f"| {row['step']:,} | {told(row, 'right_few')} | {' | '.join(cells)} |")
    assert table(page, "## What becomes of the puzzles") == known


def test_the_sentences_on_what_moves(points, page):
    early = points.filter(pl.col("step").is_between(500, 1000))
    assert f"{(early['fate'] == 'fixed').sum()} of {len(early)} from step 500" in page
    at = {step: points.filter(pl.col("step") == step).sort("idx") for step in (1250, 1500)}
    moves = {step: (mine["fate"] != "fixed").to_numpy() for step, mine in at.items()}
    right = at[1250]["right_end"].to_numpy()
    assert f"right answers ({moves[1250][right].sum()} of {right.sum()})" in page
    assert f"wrong ones ({moves[1250][~right].sum()} of {(~right).sum()})" in page
    firm = [mine.filter((pl.col("fate") != "fixed") & pl.col("right_end"))["right_at"] for mine in at.values()]
    gained = at[1500].filter(pl.col("right_end") & ~pl.col("right_budget"))["right_at"].to_list()
    assert gained == [31]
    assert max(value for column in firm for value in column if value != 31) == 2
    rested, new = moves[1250] & ~moves[1500], ~moves[1250] & moves[1500]
    assert f"{rested.sum()} of those {moves[1250].sum()} rest again and {new.sum()} more moves" in page
    (chaotic,) = points.filter(pl.col("fate") == "chaotic").to_dicts()
    assert chaotic["lambda_low"] > 0
    assert chaotic["right_budget"]
    assert not chaotic["right_end"]
    wide = json.loads((FATES / "float64.json").read_text())["s0_01500"]
    same = wide["same_fate"]
    assert f"{round(same['value'] * wide['n'])} of {wide['n']} keep their fate" in page
    assert f"{short(same['value'])} [{short(same['low'])}, {short(same['high'])}]" in page
    assert wide["changes"] == {"fixed -> slow": 1, "chaotic -> marginal": 1}


def test_the_sentences_on_multipliers(page):
    orbits = pl.read_csv(FATES / "multipliers.csv", infer_schema_length=None)
    assert len(orbits) == 48
    moving = orbits.filter(pl.col("period") == 0)
    assert len(orbits) - len(moving) == 39
    found = moving.filter(pl.col("converged"))
    outside = found.filter(pl.col("modulus") > 1)
    assert (len(moving), len(found), len(outside)) == (9, 8, 6)
    assert (found["multiplier_im"] != 0).all()
    assert (outside["outside"] == 2).all()
    assert [f"{value:.2f}" for value in outside["modulus"].sort()][:: len(outside) - 1] == ["1.07", "5.84"]
    assert [f"{value:.2f}" for value in outside["modulus"].sort()][1] == "1.38"
    assert outside.sort("modulus")["step"][0] == 250
    assert [f"{value:.2f}" for value in found.filter(pl.col("modulus") < 1)["modulus"]] == ["0.99", "0.98"]
    assert f"at most {orbits.filter(pl.col('converged'))['residual'].max():.1e}" in page
    resting = orbits.filter(pl.col("period") > 0)
    assert (resting["modulus"] < 1).all()
    assert "39 rest" in page
    assert "in 6 of them its leading pair is complex and outside the unit circle" in page


def test_the_table_within_the_budget(checkpoints, page):
    known = [
        f"| {row['step']:,} | {told(row, 'right')} | {told(row, 'settled_2x2')} | {told(row, 'auc')} |"
        for row in checkpoints
        if row["step"] >= 500
    ]
    assert table(page, "## What that does to the 2x2 and to lambda_1") == known
    assert f"{checkpoints[1]['eta']:.2f}" == "0.76"
    assert [row["n_wide"] - round(row["right"] * row["n_wide"]) for row in checkpoints[-2:]] == [23, 5]
