"""The page on the deeper recipe says what its table says, and the table's intervals are those of its counts."""

from __future__ import annotations

from pathlib import Path

import polars as pl
import pytest

from rrdyn.analysis.intervals import rate

FATES = Path(__file__).resolve().parents[2] / "docs" / "fates"


@pytest.fixture(scope="module")
def rows():
    return pl.read_csv(FATES / "training.csv").to_dicts()


def short(value):
    return f"{value:.3f}".removeprefix("0")


def test_every_row_of_the_page_is_one_of_the_table(rows):
    page = (FATES / "README.md").read_text()
    told = [line for line in page.splitlines() if line.startswith("| ") and line[2].isdigit()]
    known = [
        f"| {row['step']:,} | {short(row['accuracy'])} [{short(row['low'])}, {short(row['high'])}] | "
        f"{short(row['drift'])} | {short(row['accuracy_perturbed'])} |"
        for row in rows
        if row["step"] >= 500
    ]
    assert told == known
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
