"""`rrdyn survival` from files: escapes simulated, rates and their ratio recovered."""

from __future__ import annotations

import json

import numpy as np
import polars as pl
import pytest
from tests.analysis.made_files import write_rollout

from rrdyn.analysis import survival
from rrdyn.analysis.thresholds import Tau
from rrdyn.artifacts.errors import InputError, UsageError


def test_rates_ratio_and_the_settled_wrong(tmp_path):
    trm = survival.read_rollout(write_rollout(tmp_path / "trm.npz", rate=0.05, n=1500, sub_updates_per_segment=21))
    hrm = survival.read_rollout(
        write_rollout(
            tmp_path / "hrm.npz",
            rate=0.01,
            n=1500,
            stuck=0.3,
            seed=1,
            model={"H_cycles": 2, "L_cycles": 2, "halt_max_steps": 16},
        )
    )
    models = [survival.survive(trm, "trm"), survival.survive(hrm, "hrm")]
    record = json.loads(json.dumps([model.record().model_dump() for model in models]))
    rate = record[0]["fits"]["exponential"]["escape_rate"]
    assert rate["per_segment"]["low"] < 0.05 < rate["per_segment"]["high"]
    assert rate["per_module_evaluation"]["value"] == pytest.approx(rate["per_segment"]["value"] / 21)
    assert record[0]["settled_wrong"]["value"] == 0
    stuck = record[1]["settled_wrong"]
    assert stuck["value"] == pytest.approx(0.3 / (0.7 * np.exp(-0.16) + 0.3), abs=0.02)
    wandering = record[1]["wandering_only"]["escape_rate"]["per_segment"]
    assert wandering["value"] == pytest.approx(0.01, rel=0.1)
    assert record[1]["fits"]["exponential"]["escape_rate"]["per_segment"]["value"] < wandering["low"]
    assert record[1]["best"] == "cure"
    assert record[1]["cure_fraction"]["low"] < stuck["value"] < record[1]["cure_fraction"]["high"]
    found = survival.compare(models)
    assert found.p < 1e-10
    ratio = found.pairs[0].rate_ratio
    assert ratio.per_segment.value > 5
    assert ratio.per_module_evaluation.value == pytest.approx(ratio.per_segment.value * 6 / 21)


def test_the_log_rank_finds_no_difference_where_there_is_none(tmp_path):
    models = [
        survival.survive(
            survival.read_rollout(write_rollout(tmp_path / f"{seed}.npz", rate=0.03, seed=seed)), str(seed)
        )
        for seed in range(3)
    ]
    found = survival.compare(models)
    assert found.p > 0.01
    assert found.degrees == 2
    assert len(found.pairs) == 3
    assert found.pairs[0].rate_ratio.per_module_evaluation is None


def test_survival_is_never_correct_from_the_readout_on(tmp_path):
    """Right before the readout and wrong at it is a failure that has not escaped yet."""
    exact = np.zeros((4, 8), bool)
    exact[0, 1] = True  # right once, lost before the readout at 4
    exact[1, 5:] = True  # escapes at 6
    exact[2, 5] = True  # escapes at 6, lost again
    exact[3, 3:7] = True  # right at the readout, lost at the end
    from rrdyn.artifacts.npz import write_npz
    from rrdyn.artifacts.schemas import ROLLOUT

    path = write_npz(tmp_path / "r.npz", ROLLOUT, {"exact": exact, "drift": np.ones((4, 8))}, {})
    rollout = survival.read_rollout(path, readout=4)
    time, came = rollout.escapes()
    assert time.tolist() == [4, 2, 2]
    assert came.tolist() == [False, True, True]
    with pytest.warns(UserWarning, match="one mode"):
        model = survival.survive(rollout, "r")
    table = survival.survival_table(model)
    assert table["segment"].to_list() == [4, 5, 6, 7, 8]
    assert table["at_risk"].to_list() == [3, 3, 3, 1, 1]
    assert table["survival"].to_list() == pytest.approx([1, 1, 1 / 3, 1 / 3, 1 / 3])
    assert model.record().lost == 1
    accuracy = survival.accuracy_table(rollout)
    assert accuracy["accuracy"].to_list() == pytest.approx(exact.mean(0))
    assert accuracy["ever"].to_list()[-1] == 1.0


def test_files(tmp_path):
    rollout = survival.read_rollout(write_rollout(tmp_path / "a.npz", rate=0.05))
    model = survival.survive(rollout, "a", Tau(method="fixed", value=-0.5))
    wrote = survival.write([model], [], tmp_path / "out", Tau())
    assert {path.name for path in wrote} == {"survival_a.csv", "accuracy_a.csv", "survival.json", "survival.md"}
    record = json.loads((tmp_path / "out" / "survival.json").read_text())
    table = pl.read_csv(tmp_path / "out" / "survival_a.csv")
    assert len(record["models"]["a"]["fits"]["exponential"]["curve"]) == len(table) == 128 - 16 + 1
    assert record["log_rank"] is None


@pytest.mark.filterwarnings("ignore::rrdyn.artifacts.errors.Notice")
def test_bad_rollouts(tmp_path):
    short = write_rollout(tmp_path / "short.npz", rate=0.05, horizon=16)
    with pytest.raises(UsageError, match="nothing was rolled out after segment 16"):
        survival.read_rollout(short)
    solved = survival.read_rollout(write_rollout(tmp_path / "solved.npz", rate=50.0))
    assert survival.survive(solved, "solved") is None
    stuck = survival.survive(survival.read_rollout(write_rollout(tmp_path / "s.npz", rate=1e-9)), "s")
    assert stuck.record().best is None
    assert stuck.record().escaped.method == "rule of three"
    from rrdyn.artifacts.npz import write_npz
    from rrdyn.artifacts.schemas import ROLLOUT

    nan = {"exact": np.zeros((3, 20), bool), "drift": np.full((3, 20), np.nan)}
    path = write_npz(tmp_path / "nan.npz", ROLLOUT, nan, {})
    with pytest.raises(InputError, match="no drift is finite"):
        survival.survive(survival.read_rollout(path), "nan")


@pytest.mark.filterwarnings("ignore::rrdyn.artifacts.errors.Notice")
def test_a_maze_may_be_judged_by_its_path(tmp_path):
    from rrdyn.artifacts.npz import write_npz
    from rrdyn.artifacts.schemas import ROLLOUT

    valid = np.zeros((3, 20), bool)
    valid[0, 17:] = True
    arrays = {"exact": np.zeros((3, 20), bool), "drift": np.ones((3, 20)), "path_valid": valid}
    path = write_npz(tmp_path / "m.npz", ROLLOUT, arrays, {})
    assert survival.survive(survival.read_rollout(path), "m").record().escaped.value == 0
    assert survival.survive(survival.read_rollout(path, label="path_valid"), "m").record().escaped.value == 1 / 3
    assert survival.accuracy_table(survival.read_rollout(path))["path_valid"].to_list()[-1] == 1 / 3
    with pytest.raises(InputError, match="holds no path_valid"):
        survival.read_rollout(write_rollout(tmp_path / "a.npz", rate=0.1), label="path_valid")


def test_of_stopped_puzzles_only_the_escapes_are_told(tmp_path):
    whole = survival.read_rollout(write_rollout(tmp_path / "whole.npz", rate=0.05, n=300))
    path = write_rollout(tmp_path / "stopped.npz", rate=0.05, n=300, settings={"stop_after": 8})
    known = survival.survive(whole, "m").record()
    with pytest.warns(UserWarning, match="made with --stop-after"):
        model = survival.survive(survival.read_rollout(path), "m")
    found = model.record()
    assert (found.lost, found.settled_wrong, found.threshold, found.wandering_only) == (None, None, None, None)
    assert known.lost == 0
    assert known.settled_wrong is not None
    assert found.escaped == known.escaped
    assert found.fits["exponential"] == known.fits["exponential"]
    text = survival.summary(survival.told([model]))
    assert "wrong at 128: -\n" in text
    assert "settled on a wrong answer: -\n" in text
