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


def test_what_the_readme_says_of_recipes_stands_in_the_docs():
    """Each measured row word for word, times and published accuracies as numbers."""
    part = re.search(r"<!-- recipes -->(.*?)<!-- /recipes -->", (ROOT / "README.md").read_text(), re.DOTALL)[1]
    docs = "".join((ROOT / "docs" / name).read_text() for name in ("training.md", "scale.md"))
    rates = re.findall(r"\d+\.\d%(?: \[[^]]*\])?", part)
    assert len(rates) == 7
    assert all(rate in docs for rate in rates)
    for words in ("after 198 s", "about 9 minutes on one", "1,800 steps", "less than 36 hours on one L40S",
                  "less than 24 hours on four", "about 10 minutes on eight GPUs"):  # fmt: skip
        assert words in docs
        assert re.search(r"\d[\d,]*(?: \w+)?", words)[0] in part


def test_the_first_sentences_of_the_readme_are_the_studys():
    opening = (ROOT / "README.md").read_text().split("## Install")[0]
    study = (ROOT / "docs" / "study" / "first" / "fates" / "README.md").read_text()
    said = re.search(r"[Oo]f (192 failures.*?39 cycle)", opening)[1]
    assert said in study
    assert "154,754 parameters" in (ROOT / "docs" / "study" / "first" / "README.md").read_text()


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
