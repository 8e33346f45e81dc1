"""`rrdyn evolution`: one row a checkpoint, under one threshold."""

from __future__ import annotations

import polars as pl
import pytest
from tests.analysis.made_files import diagnosis, write_diagnosis

from rrdyn.analysis import evolution
from rrdyn.analysis.thresholds import Tau
from rrdyn.artifacts.errors import Notice
from rrdyn.plotting.evolution import evolution as draw_evolution
from rrdyn.plotting.style import Style


def test_one_threshold_for_all_checkpoints(tmp_path):
    paths = [
        write_diagnosis(tmp_path / f"diag_step_{step}.npz", diagnosis(seed=step, n=400, accuracy=accuracy))
        for step, accuracy in ((200, 0.7), (100, 0.2))
    ]
    found = evolution.evolve(evolution.read_series(paths), "x", replicates=200)
    assert [row["step"] for row in found.rows] == ["100", "200"]
    assert len({row["tau"] for row in found.rows}) == 1
    assert found.rows[0]["acc"] < found.rows[1]["acc"]
    for row in found.rows:
        assert row["fA"] + row["fB"] + row["fC"] + row["fD"] == pytest.approx(1)
        assert row["acc_low"] < row["acc"] < row["acc_high"]
        assert row["l1A_low"] <= row["l1A"] <= row["l1A_high"]
        assert row["auc_low"] < row["auc"] < row["auc_high"]
    each = evolution.evolve(evolution.read_series(paths), "x", per_checkpoint=True, replicates=200)
    assert len({row["tau"] for row in each.rows}) == 2
    fixed = evolution.evolve(evolution.read_series(paths), "x", tau=Tau(method="fixed", value=-1.0), replicates=200)
    assert {row["tau"] for row in fixed.rows} == {-1.0}
    names = {path.name for path in evolution.write(found, tmp_path / "out")}
    assert names == {"evolution_x.csv", "evolution_x.md", "evolution_x.json"}
    table = pl.read_csv(tmp_path / "out" / "evolution_x.csv")
    assert table.columns[:11] == ["step", "acc", "tau", "fA", "fB", "fC", "fD", "l1A", "l1B", "l1C", "l1D"]


def test_steps_from_provenance_before_names(tmp_path):
    one = write_diagnosis(tmp_path / "diag_step_9.npz", checkpoint={"step": 500})
    two = write_diagnosis(tmp_path / "b.npz", step=300)
    series = evolution.in_order(evolution.read_series([one, two]))
    assert evolution.labels(series) == ["300", "500"]
    three = write_diagnosis(tmp_path / "c.npz")
    assert evolution.labels(evolution.read_series([one, three])) == ["step_9", "c"]


@pytest.mark.parametrize(
    "apart", [{"model": {"name": "hrm"}}, {"inputs": {"other/checkpoints/step_9": "0"}}], ids=["model", "run"]
)
def test_only_the_checkpoints_of_one_run_are_put_in_order(tmp_path, apart):
    one_run = {"model": {"name": "trm"}, "inputs": {"run/checkpoints/step_9": "0"}}
    paths = [write_diagnosis(tmp_path / "diag_late.npz", step=9, **one_run)]
    paths += [write_diagnosis(tmp_path / "diag_early.npz", step=5, **one_run)]
    assert [row["step"] for row in evolution.evolve(evolution.read_series(paths), "x", replicates=50).rows] == [
        "5",
        "9",
    ]
    paths[1] = write_diagnosis(tmp_path / "diag_early.npz", step=5, **{**one_run, **apart})
    with pytest.warns(Notice, match="not the steps of one run"):
        found = evolution.evolve(evolution.read_series(paths), "x", replicates=50)
    assert [row["step"] for row in found.rows] == ["late", "early"]
    evolution.write(found, tmp_path)
    with Style().active():
        figure = draw_evolution(tmp_path / "evolution_x.csv", "x", Style()).figure
    assert {line.get_linestyle() for line in figure.axes[0].lines} == {"None"}


def test_a_maze_series_has_both_labels(tmp_path):
    path = write_diagnosis(tmp_path / "diag_step_1.npz", diagnosis(maze=True))
    (row,) = evolution.evolve(evolution.read_series([path]), "m", replicates=200).rows
    assert row["acc_path_valid"] > row["acc"]
    assert "auc_path_valid_low" in row
