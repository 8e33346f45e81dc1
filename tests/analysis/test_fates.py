"""Fate x right: numbers of a sentence add up, whatever the file holds; what is drawn of it sums to all puzzles."""

from __future__ import annotations

import re

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rrdyn.analysis.fates import (
    WORDS,
    fate_table,
    flow,
    of_result,
    over_segments,
    page,
    read_fates,
    sentences,
    stays_right,
    told,
)
from rrdyn.artifacts.errors import InputError
from rrdyn.artifacts.npz import write_npz
from rrdyn.artifacts.schemas import FATE
from rrdyn.cli.app import main

NAMES = list(WORDS)
HORIZON = 64


@st.composite
def outcomes(draw):
    n = draw(st.integers(1, 60))
    fate = np.array(draw(st.lists(st.integers(0, len(NAMES) - 1), min_size=n, max_size=n)))
    since = np.where(fate < 2, draw(st.integers(0, HORIZON)), -1)
    flags = np.array(draw(st.lists(st.tuples(st.booleans(), st.booleans()), min_size=n, max_size=n)))
    asked = np.array(draw(st.lists(st.integers(0, 2), min_size=n, max_size=n)))
    return {"fate": fate, "settled_at": since, "right_budget": flags[:, 0], "right_end": flags[:, 1], "asked": asked}


@given(outcomes())
def test_the_numbers_of_a_sentence_add_up(arrays):
    table = fate_table(arrays, NAMES, 8, HORIZON)
    everything = 0
    for line in sentences(table).splitlines():
        total, rest = re.fullmatch(r"of (\d+) (?:failures at segment 8|right at segment 8|without an answer): (.*)",
                                   line).groups()  # fmt: skip
        everything += int(total)
        assert int(total) == sum(int(part.split()[0]) for part in rest.split(", "))
    assert everything == len(arrays["fate"])
    assert ("out of time" in told(table)) == bool(arrays["asked"].any())


@given(outcomes())
def test_shares_over_segments_sum_to_all(arrays):
    shares = over_segments(arrays, NAMES, HORIZON)
    np.testing.assert_allclose(sum(shares.values()), np.ones(HORIZON + 1))
    assert all((share >= 0).all() for share in shares.values())


@given(outcomes())
def test_the_flow_holds_every_puzzle_once(arrays):
    table = fate_table(arrays, NAMES, 8, HORIZON)
    rows, judged = flow(table), arrays["asked"] > 0
    assert sum(count for *_, count in rows) == judged.sum()
    assert sum(count for begins, _, _, count in rows if begins) == (judged & arrays["right_budget"]).sum()
    assert sum(count for *_, ends, count in rows if ends) == (judged & arrays["right_end"]).sum()


def test_a_sentence_in_words():
    arrays = {
        "fate": np.array([0, 0, 0, 1, 5, 0, 1]),
        "right_budget": np.array([0, 0, 0, 0, 0, 1, 1]),
        "right_end": np.array([0, 0, 1, 0, 0, 1, 0]),
    }
    table = fate_table(arrays, NAMES, 8, HORIZON)
    assert sentences(table) == (
        "of 5 failures at segment 8: 1 becomes right by segment 64 (out of time), 2 settle on a wrong answer, "
        "1 cycles, 1 wanders (lambda_1 > 0)\nof 2 right at segment 8: 1 settles, 1 is wrong by segment 64"
    )
    assert table.share(0, 0).value == pytest.approx(3 / 5)
    assert "**of 5 failures at segment 8" in page({"tiny": table})


def test_passing_the_answer_on_a_cycle_is_not_becoming_right():
    arrays = {
        "fate": np.array([1, 1, 0, 5]), "period": np.array([3, 3, 1, 0]), "right_budget": np.zeros(4, bool),
        "right_end": np.ones(4, bool), "right_at": np.array([29, 28, 30, 30]), "followed": np.full(4, 30),
    }  # fmt: skip
    assert stays_right(arrays).tolist() == [False, True, True, True]
    assert sentences(fate_table(arrays, NAMES, 8, HORIZON)) == (
        "of 4 failures at segment 8: 3 become right by segment 64 (out of time), 1 cycles"
    )


def file_of(path, n=20, *, meta=None, restarts=0):
    rng = np.random.default_rng(0)
    fate = rng.integers(0, 3, n)
    flags = rng.random((2, n)) < 0.5
    arrays = {
        "fate": fate, "period": (fate < 2) * (fate + 1), "settled_at": np.where(fate < 2, 5, -1),
        "return_distance": rng.random((n, 4)), "right_budget": flags[0], "right_end": flags[1],
        "right_at": np.where(flags[1], 3, -1), "lost": flags[0] & ~flags[1], "idx": np.arange(n),
        **{f"lambda_{key}": np.full(n, np.nan) for key in ("late", "low", "high")},
        "multiplier_re": rng.random((n, 2)) - 0.5, "multiplier_im": rng.random((n, 2)) - 0.5,
    }  # fmt: skip
    if restarts:
        arrays |= {"restart_fate": np.repeat(fate[:, None], restarts, 1),
                   "restart_right_end": np.repeat(flags[1][:, None], restarts, 1)}  # fmt: skip
    known = {"fates": NAMES, "budget": 4, "settings": {"horizon": HORIZON}, "schema": "fate"}
    return write_npz(path, FATE, arrays, known if meta is None else meta)


def test_a_file_that_does_not_say_what_its_codes_are_is_refused(tmp_path):
    with pytest.raises(InputError, match="does not say what its fates are"):
        read_fates(file_of(tmp_path / "fate.npz", meta={"budget": 4}))


def test_results_md_begins_with_what_became_of_the_puzzles(tmp_path, capsys):
    from tests.plotting import artifact_writers as written

    diag = written.diag(tmp_path / "diag_tiny.npz", written.dataset(tmp_path / "data"))
    fate = file_of(tmp_path / "fate_tiny.npz", restarts=3)
    line = ["analyze-2x2", str(diag), "--fate", str(fate), "--no-figures", "--replicates", "100"]
    assert main([*line, "--out", str(tmp_path / "study")]) == 0
    text = (tmp_path / "study" / "results.md").read_text()
    artifact = read_fates(fate)
    said = sentences(of_result(artifact.arrays, artifact.meta))
    assert text.startswith("# What became of each puzzle\n")
    assert all(part in text for part in said.splitlines())
    assert "basin stability" in text
    assert "# 2x2 analysis" in text
    assert said in capsys.readouterr().out
    assert (tmp_path / "study" / "fates_tiny.json").is_file()
