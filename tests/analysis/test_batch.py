"""Files with too little, too much of one kind, or broken numbers in them: sensible results or one clear message."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest
from tests.analysis.made_files import ESTIMATOR, diagnosis, write_diagnosis

from rrdyn.analysis.batch import Batch, analyze_files
from rrdyn.analysis.puzzles import read_puzzles, tags
from rrdyn.artifacts.errors import InputError, NumericalError
from rrdyn.artifacts.npz import write_npz
from rrdyn.artifacts.schemas import DIAG

pytestmark = pytest.mark.filterwarnings("ignore::rrdyn.artifacts.errors.Notice")


def written(paths: list, out, **settings) -> Batch:
    """Files analysed, and everything of it written."""
    batch = analyze_files(paths, **settings)
    batch.write(out)
    return batch


def all_right():
    return {**diagnosis(60), "exact_correct": np.ones(60)}


def all_wrong():
    return {**diagnosis(60), "exact_correct": np.zeros(60)}


def frozen():
    return {**diagnosis(60), "drift_zH": np.zeros((60, 16)), "drift_zL": np.zeros((60, 16))}


def one_right():
    arrays = all_wrong()
    arrays["exact_correct"][0] = 1
    return arrays


CASES = {
    "all right": all_right,
    "all wrong": all_wrong,
    "frozen": frozen,
    "one right": one_right,
    "k = 1": lambda: diagnosis(60, k=1),
    "S = 3": lambda: diagnosis(60, segments=3),
    "S = 1": lambda: diagnosis(60, segments=1),
    "N = 1": lambda: diagnosis(1),
    "N = 2": lambda: diagnosis(2),
    "N = 3": lambda: diagnosis(3),
    "constant": lambda: {
        **{key: np.broadcast_to(value[:1], value.shape) for key, value in diagnosis(40).items()},
        "idx": np.arange(40),
    },
    "maze": lambda: diagnosis(80, maze=True),
    "maze, no valid path": lambda: {**diagnosis(80), "path_valid": np.zeros(80, bool)},
    "NaN difficulty": lambda: {**diagnosis(80), "difficulty": np.full(80, np.nan)},
}


@pytest.mark.parametrize("compat", [False, True])
@pytest.mark.parametrize("name", CASES)
def test_sensible_results(name, compat, tmp_path):
    path = write_diagnosis(tmp_path / "diag.npz", CASES[name]())
    batch = written([path], tmp_path / "out", compat=compat, replicates=100)
    text = (tmp_path / "out" / "results_diag.json").read_text()
    record = json.loads(text, parse_constant=lambda word: pytest.fail(f"{word} in strict JSON"))
    assert record["n"] == sum(cell["n"] for cell in record["cells"].values())
    for value in record["auc"].values():
        assert value is None or 0 <= value <= 1
    assert (tmp_path / "out" / "results.md").read_text()
    if not compat:
        _check_intervals(record)
        assert ("path_valid" in record) == name.startswith("maze")
    assert len(batch.found) == 1


def _check_intervals(record):
    for name, bound in record["intervals"].items():
        for one in bound if isinstance(bound, list) else [bound]:
            if one["low"] is not None and "median" not in name and "contrasts" not in name:
                assert one["low"] - 1e-9 <= one["value"] <= one["high"] + 1e-9, name
            assert one["value"] is None or math.isfinite(one["value"])


def test_warnings_say_what_is_odd(tmp_path):
    def told(name):
        path = write_diagnosis(tmp_path / f"{name}.npz", CASES[name]())
        return " ".join(written([path], tmp_path / "out", replicates=100).found[0].warnings)

    assert "all 60 puzzles are right" in told("all right")
    assert "all 60 puzzles are wrong" in told("all wrong")
    assert "60 puzzles do not move" in told("frozen")
    assert "late is the last quarter of 3 segments, 1 of them" in told("S = 3")


def test_rows_with_nan_are_dropped_and_told(tmp_path):
    arrays = diagnosis(50)
    arrays["lyap_spec"][3, 1] = np.nan
    arrays["drift_zH"][7, 0] = np.inf
    path = write_diagnosis(tmp_path / "diag.npz", arrays)
    with pytest.warns(UserWarning, match="dropped 2 of 50"):
        batch = written([path], tmp_path, replicates=100)
    assert batch.found[0].results.n == 48
    assert batch.found[0].results.n_dropped == 2
    with pytest.raises(NumericalError, match="2 of 50 puzzles have numbers that are not finite"):
        written([path], tmp_path, compat=True)
    arrays["q_halt"][:] = np.nan
    with pytest.raises(NumericalError, match="no puzzle has finite numbers"):
        read_puzzles(write_diagnosis(tmp_path / "e.npz", arrays))


@pytest.mark.parametrize("arrays", [diagnosis(0), diagnosis(5, segments=0), diagnosis(5, k=0)])
def test_files_without_rows(arrays, tmp_path):
    with pytest.raises(InputError, match="nothing to analyse"):
        read_puzzles(write_npz(tmp_path / "diag.npz", DIAG, arrays, {}))


def test_two_estimators_are_refused_and_named(tmp_path):
    one = write_diagnosis(tmp_path / "a.npz", estimator=ESTIMATOR)
    two = write_diagnosis(tmp_path / "b.npz", estimator={**ESTIMATOR, "sub_updates_per_segment": 6})
    with pytest.raises(InputError, match="two estimators") as caught:
        written([one, two], tmp_path / "out")
    assert "21" in caught.value.found
    assert "6" in caught.value.found
    assert "a.npz" in caught.value.found
    assert not (tmp_path / "out").exists()
    other = write_diagnosis(tmp_path / "c.npz", diagnosis(k=2))
    plain = write_diagnosis(tmp_path / "d.npz")
    with pytest.raises(InputError, match="two estimators"):
        written([plain, other], tmp_path / "out")
    with pytest.warns(UserWarning, match="does not say which estimator"):
        written([one, plain], tmp_path / "out", replicates=100)


def test_missing_files_are_skipped_while_one_is_there(tmp_path):
    path = write_diagnosis(tmp_path / "diag.npz")
    with pytest.warns(UserWarning, match="missing: skipped"):
        batch = written([path, tmp_path / "no.npz"], tmp_path / "out", replicates=100)
    assert len(batch.found) == 1
    with pytest.raises(InputError, match="none of the 2 files"):
        written([tmp_path / "a.npz", tmp_path / "b.npz"], tmp_path)


def test_several_files_share_a_threshold_when_asked(tmp_path):
    paths = [write_diagnosis(tmp_path / f"diag_model_{s}.npz", diagnosis(seed=s)) for s in (1, 2)]
    apart = written(paths, tmp_path / "out", replicates=100)
    shared = written(paths, tmp_path / "out", replicates=100, shared_tau=True)
    assert len({item.results.tau for item in apart.found}) == 2
    assert len({item.results.tau for item in shared.found}) == 1
    assert shared.series.tag == "model"
    assert (tmp_path / "out" / "evolution_model.csv").exists()
    assert {item.tag for item in shared.found} == {"model_1", "model_2"}


def test_tags_differ(tmp_path):
    paths = [tmp_path / "a" / "diag" / "diag.npz", tmp_path / "b" / "diag" / "diag.npz", tmp_path / "diag_8k.npz"]
    found = tags(paths)
    assert len(set(found)) == 3
    assert found[0].endswith("a")
    assert tags([tmp_path / "diag_x y.npz"]) == ["x_y"]


def test_results_do_not_depend_on_the_order_of_files(tmp_path):
    paths = [write_diagnosis(tmp_path / f"diag_{s}.npz", diagnosis(seed=s, n=100)) for s in (1, 2)]
    one = written(paths, tmp_path / "one", replicates=100).found
    two = written(paths[::-1], tmp_path / "two", replicates=100).found
    assert one[0].results.intervals == two[1].results.intervals
