"""Two files beside each other: which puzzles, which columns, what is refused, what is written."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import numpy as np
import pytest
from tests.analysis.made_files import ESTIMATOR, diagnosis, write_diagnosis, write_restarts, write_rollout

from rrdyn.analysis.comparison import compare, told, write
from rrdyn.analysis.measured import of_fates, read_measured
from rrdyn.analysis.thresholds import Tau
from rrdyn.artifacts.comparison import ComparisonRecord
from rrdyn.artifacts.errors import InputError
from rrdyn.artifacts.npz import Artifact, write_npz
from rrdyn.artifacts.reading import read_json
from rrdyn.artifacts.schemas import ROLLOUT

FATES = ["fixed", "cycle", "slow"]


def fates(idx, right, fate, *, asked=None, digest="d", schema="fate", horizon=128):
    asked = np.ones(len(idx), int) if asked is None else np.asarray(asked)
    arrays = {"idx": np.asarray(idx), "right_budget": np.asarray(right), "right_end": np.asarray(right)}
    arrays |= {"fate": np.asarray(fate), "asked": asked}
    meta = {"schema": schema, "fates": FATES, "dataset": {"digest": digest, "split": "test"}}
    meta["settings"] = {"horizon": horizon}
    return of_fates(Artifact(path=Path("fate.npz"), schema=None, arrays=arrays, meta=meta))


def two_diagnoses(folder, **changed):
    first = diagnosis(120)
    second = {**first, "idx": first["idx"][::-1].copy()}
    second |= {key: value[::-1].copy() for key, value in first.items() if key != "idx"}
    second["lyap_spec"] = second["lyap_spec"] + np.float32(0.01)
    second["idx"] = np.arange(120)[::-1].copy()
    paths = [folder / "none" / "diag.npz", folder / "multi4" / "diag.npz"]
    for path, arrays in zip(paths, (first, {**second, **changed})):
        path.parent.mkdir()
        write_diagnosis(path, arrays, estimator=ESTIMATOR)
    return paths


def test_puzzles_are_matched_by_their_number_and_the_unlabelled_left_out():
    with pytest.warns(match="1 of 4 puzzles have no label"):
        first = fates([1, 2, 3, 4], [1, 1, 0, 0], [0, 0, 1, 1], asked=[4, 4, 4, 0])
    found = compare(first, fates([4, 3, 2, 9], [1, 1, 1, 1], [2, 1, 0, 0]))
    assert found.n == 2
    column = found.columns["right_end"]
    assert (column.both, column.only_first, column.only_second, column.neither) == (1, 0, 1, 0)
    assert found.fates == {("fixed", "fixed"): 1, ("cycle", "cycle"): 1}
    assert found.same_fate.value == 1
    assert "1 only by b, 0 only by a" in column.sentence("a", "b")
    record = found.record()
    assert record.columns["right_end"].only_second == 1
    assert record.left_out == 3


@pytest.mark.parametrize("other", [{"digest": "other"}, {"schema": "diag"}, {"horizon": 64}])
def test_what_does_not_belong_together_is_refused(other):
    with pytest.raises(InputError, match="are not of one"):
        compare(fates([1], [1], [0]), fates([1], [1], [0], **other))


def test_another_horizon_can_be_what_is_asked():
    found = compare(fates([1, 2], [1, 0], [0, 2]), fates([1, 2], [1, 0], [0, 1], horizon=64), any_horizon=True)
    assert found.fates == {("fixed", "fixed"): 1, ("slow", "cycle"): 1}
    with pytest.raises(InputError, match="are not of one dataset"):
        compare(fates([1], [1], [0]), fates([1], [1], [0], digest="other"), any_horizon=True)


def test_no_puzzle_in_common():
    with pytest.raises(InputError, match="no puzzle with a label in common"):
        compare(fates([1], [1], [0]), fates([2], [1], [0]))


def test_diagnoses_in_another_order_are_the_same_puzzles(tmp_path):
    """By hand: the second file has the rows of the first backwards, and every exponent .01 higher."""
    first, second = read_measured(two_diagnoses(tmp_path), Tau())
    found = compare(first, second, replicates=200)
    column = found.columns["exact_correct"]
    assert (column.only_first, column.only_second, column.p) == (0, 0, 1)
    assert all(a == b for a, b in found.fates)
    assert sum(found.fates.values()) == 120
    assert found.numbers["lambda_1"].median.value == pytest.approx(0.01, abs=1e-6)
    assert found.numbers["log10_late_drift"].mean.value == 0
    assert found.areas["neg_lambda_1"].difference.value == pytest.approx(0)


def test_what_is_written_says_what_was_found(tmp_path):
    paths = two_diagnoses(tmp_path, exact_correct=np.ones(120, np.float32))
    found = compare(*read_measured(paths, Tau()), replicates=200)
    record, wrote = write(found, ("none", "multi4"), tmp_path / "out")
    assert [path.name for path in wrote] == ["comparison.json", "comparison.md", "comparison.csv", "points.csv"]
    read = read_json(wrote[0], ComparisonRecord)
    assert read.columns == record.columns
    assert read.names == ("none", "multi4")
    assert read.columns["exact_correct"].only_first == 0
    assert list(read.meta["inputs"]) == [str(path) for path in paths]
    assert json.loads(wrote[0].read_text())["schema"] == "comparison"
    rows = list(csv.DictReader(wrote[3].open()))
    assert len(rows) == 120
    assert {row["exact_correct_second"] for row in rows} == {"true"}
    assert sum(row["exact_correct_first"] == "false" for row in rows) == read.columns["exact_correct"].only_second
    share = next(row for row in csv.DictReader(wrote[2].open()) if row["what"] == "share")
    assert float(share["difference"]) == read.columns["exact_correct"].difference.value
    text = told(record)
    assert "only none" in text
    assert "-lambda_1 -> right" not in text  # one class only in the second file: no area


def test_exponents_of_two_estimators_are_not_compared(tmp_path):
    paths = [write_diagnosis(tmp_path / f"{k}.npz", diagnosis(), estimator={**ESTIMATOR, "k": k}) for k in (4, 5)]
    with pytest.raises(InputError, match="two estimators"):
        read_measured(paths, Tau())


def test_rollouts_and_perturbations(tmp_path):
    rolled = []
    for name, rate in (("a", 0.02), ("b", 0.2)):
        rolled.append(write_rollout(tmp_path / f"{name}.npz", rate=rate, n=200, budget=16))
    found = compare(*read_measured(rolled, Tau()), replicates=200)
    assert found.columns["right_budget"].only_second > 50
    assert found.numbers["log10_late_drift"].n == 200
    base = np.arange(6) < 3
    restarts = {"solve": np.zeros((6, 1, 2), bool), "sigmas": np.zeros(1), "idx": np.arange(6)}
    paths = [write_restarts(tmp_path / f"p{i}.npz", {**restarts, "base": b}) for i, b in enumerate((base, ~base))]
    found = compare(*read_measured(paths, Tau()))
    assert (found.columns["base"].only_first, found.columns["base"].only_second) == (3, 3)
    assert found.fates == {}
    assert found.same_fate is None


def test_files_without_puzzles_numbers_and_other_files_are_refused(tmp_path):
    plain = tmp_path / "a.npz"
    write_npz(plain, ROLLOUT, {"exact": np.ones((2, 4), bool), "drift": np.ones((2, 4), np.float32)}, {})
    with pytest.raises(InputError, match="does not say which puzzles"):
        read_measured([plain, plain], Tau())
    diag = write_diagnosis(tmp_path / "d.npz")
    with pytest.raises(InputError, match="not of one kind"):
        read_measured([plain, diag], Tau())
    np.savez(tmp_path / "toy.npz", T=np.arange(3))
    with pytest.raises(InputError, match="nothing that is compared"):
        read_measured([tmp_path / "toy.npz"] * 2, Tau())
