"""Every number that the README tells of the demo stands in the files of the run that it tells of."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest

from rrdyn.artifacts.files import read_json

ROOT = Path(__file__).resolve().parents[2]
DEMO = ROOT / "docs" / "demo"
NUMBER = re.compile(r"\d*\.?\d+")
PART = re.compile(r"<!-- demo -->(.*?)<!-- /demo -->", re.DOTALL)
MODELS = ("pretrain", "none-fixed", "multi4")


@pytest.fixture(scope="module")
def told():
    return (DEMO / "demo.txt").read_text()


@pytest.fixture(scope="module")
def data():
    return read_json(DEMO / "demo.json")


def numbers(text):
    return {float(number) for number in NUMBER.findall(text)}


def test_every_number_of_the_readme_is_of_the_run(told):
    part = PART.search((ROOT / "README.md").read_text())[1]
    assert len(numbers(part)) > 10
    assert numbers(re.sub(r"\]\(.*?\)", "]", part)) <= numbers(told)
    sentences = [line.lstrip("> ") for line in part.splitlines() if line.startswith("> ")]
    assert len(sentences) >= 2
    assert all(sentence in told for sentence in sentences)


def test_what_was_told_is_what_the_data_say(told, data):
    for model in MODELS:
        assert all(f"{model}: {line}" in told for line in data["fates"][model]["says"])
    for name in ("right_budget", "right_end"):
        column = data["arms"]["columns"][name]
        gap = column["difference"]
        assert f"{gap['value']:+.3f} [{gap['low']:+.3f}, {gap['high']:+.3f}] (n={column['n']}" in told


@pytest.mark.parametrize("model", MODELS)
def test_the_counts_are_those_of_the_puzzles(model, data):
    """Counted anew from a row a puzzle."""
    header, *rows = [line.split(",") for line in (DEMO / f"points_{model}.csv").read_text().splitlines()]
    columns = {name: np.array(values) for name, values in zip(header, zip(*rows))}
    right, end = (columns[name] == "1" for name in ("right_budget", "right_end"))
    known = data["fates"][model]
    assert known["n"] == len(right)
    for row in known["fates"]:
        mine = columns["fate"] == row["fate"]
        assert row["wrong"]["n"] == (~right).sum()
        if row["wrong"]["n"]:
            assert row["wrong"]["value"] == pytest.approx((mine & ~right).sum() / (~right).sum())
        assert row["out_of_time"] == (mine & ~right & end).sum()
        assert row["lost"] == (mine & right & ~end).sum()
