"""The page on the deeper recipe says what its table says, and the table's intervals are those of its counts."""

from __future__ import annotations

import json
from pathlib import Path

import polars as pl
import pytest

from rrdyn.analysis.intervals import rate

FATES = Path(__file__).resolve().parents[2] / "docs" / "fates"


@pytest.fixture(scope="module")
def everything():
    names = ("training", "checkpoints", "points", "multipliers")
    return {name: pl.read_csv(FATES / f"{name}.csv", infer_schema_length=None) for name in names}


@pytest.fixture(scope="module")
def rows(everything):
    return everything["training"].filter(seed=0).to_dicts()


@pytest.fixture(scope="module")
def checkpoints(everything):
    return everything["checkpoints"].filter(seed=0).to_dicts()


@pytest.fixture(scope="module")
def points(everything):
    return everything["points"].filter(seed=0)


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


def test_the_intervals_are_those_of_the_counts(everything):
    for row in everything["training"].to_dicts():
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


def test_the_sentences_on_multipliers(everything, page):
    orbits = everything["multipliers"].filter(seed=0)
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


SEEDS = (0, 1, 2)


def at_rest(points):
    return points.filter(pl.col("fate").is_in(["fixed", "cycle"]))


def test_three_seeds_side_by_side(everything, page):
    training, points = everything["training"], everything["points"]
    known = []
    for step in range(500, 1501, 125):
        rows = [training.filter(seed=seed, step=step).to_dicts()[0] for seed in SEEDS]
        cells = [f"{short(row['accuracy'])}, {short(row['drift'])}" for row in rows]
        known.append(f"| {step:,} | {' | '.join(cells)} |")
    for step in sorted(points["step"].unique()):
        cells = []
        for seed in SEEDS:
            mine = points.filter(seed=seed, step=step)
            cells.append(f"{mine['right_budget'].sum()}, {len(at_rest(mine))}" if len(mine) else "")
        known.append(f"| {step:,} | {' | '.join(cells)} |".replace("|  |", "| |"))
    assert table(page, "## Three seeds") == known


def test_the_sentences_on_three_seeds(everything, page):
    points, training = everything["points"], everything["training"]
    moving = points.filter(~pl.col("fate").is_in(["fixed", "cycle"]))
    late = moving.filter(pl.col("step") >= 500).group_by("seed", "step").len()
    most = late.group_by("seed").agg(pl.col("len").max()).sort("seed")["len"].to_list()
    ends = [len(moving.filter(seed=seed, step=1500)) for seed in SEEDS]
    text = " ".join(page.split())
    right = [len(moving.filter(pl.col("right_end"), seed=seed, step=1500)) for seed in SEEDS]
    assert f"At most {most[0]}, {most[1]} and {most[2]} of 24 move" in text
    assert f"at the end {ends[0]}, {ends[1]} and {ends[2]} of 24" in text
    assert f"of right answers {right[0]}, {right[1]} and {right[2]}" in text
    assert f"seed 2 has {len(points.filter(seed=2, step=1125, fate='cycle'))} of them at 1,125" in text
    peaks = [short(training.filter(pl.col("step") > 750, seed=seed)["drift"].max()) for seed in SEEDS]
    assert f"to {peaks[0]}, {peaks[1]} and {peaks[2]}" in text
    drifts = [[training.filter(seed=seed, step=step)["drift"][0] for step in (750, 1500)] for seed in SEEDS]
    times = [f"{end / before:.0f}" for before, end in drifts]
    assert f"{times[0]}, {times[1]} and {times[2]} times that of step 750" in text
    named = training.rename({"low": "accuracy_low", "high": "accuracy_high"})
    last = [told(named.filter(seed=seed, step=1500).to_dicts()[0], "accuracy") for seed in SEEDS]
    assert f"{last[0]}, {last[1]} and {last[2]}" in text
    wide = json.loads((FATES / "float64.json").read_text())
    same = [round(wide[f"s{seed}_01500"]["same_fate"]["value"] * 24) for seed in SEEDS]
    assert f"{same[0]}, {same[1]} and {same[2]} of 24 keep their fate" in text
    late = everything["checkpoints"].filter(pl.col("step") >= 750)
    least = [late.filter(seed=seed).sort("auc").to_dicts()[0] for seed in SEEDS]
    assert [row["step"] for row in least] == [1250, 1000, 1000]
    first, second, third = (told(row, "auc") for row in least)
    assert f"seed 0 at 1,250 ({first}) and in seed 2 at 1,000 ({third})" in text
    assert f"(least from 750 on: {second})" in text


def test_the_sentences_on_the_multipliers_of_three_seeds(everything, page):
    text, orbits = " ".join(page.split()), everything["multipliers"]
    loose = orbits.filter(pl.col("period") == 0, pl.col("step") >= 500)
    found = loose.filter(pl.col("converged"))
    assert f"near {len(found)} of {len(loose)} moving states" in text
    assert f"outside the circle in all {len(found)}" in text
    assert (found["multiplier_im"] != 0).all()
    assert (found["modulus"] > 1).all()
    assert sorted(loose.filter(~pl.col("converged"))["fate"]) == ["chaotic", "chaotic", "marginal"]
    first = orbits.filter(pl.col("idx") < 8, pl.col("step") >= 1000, pl.col("converged"))
    calm, moving = first.filter(pl.col("period") > 0), first.filter(pl.col("period") == 0)
    spiral = [(rows["multiplier_im"] != 0).sum() for rows in (calm, moving)]
    assert f"complex in {spiral[0]} of {len(calm)}, of those that move there in {spiral[1]} of {len(moving)}" in text
    assert 1 not in moving["seed"].to_list()
    low = found["modulus"].sort().to_list()
    near = [value for value in low if value < 1.1]
    assert f"{len(near)} of the {len(found)} are below 1.1 ({near[0]:.2f} and {near[1]:.2f})" in text
    assert f"to {low[-1]:.0f}" in text
    assert f"{(found['outside'] > 2).sum()} have more than one pair outside" in text
