"""`rrdyn aggregate` over runs and calibrated cells."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from tabulate import tabulate
from tests.analysis.made_files import diagnosis, write_diagnosis, write_rollout

from rrdyn.analysis import aggregate
from rrdyn.artifacts.cells import write_cell
from rrdyn.artifacts.errors import InputError
from rrdyn.artifacts.files import write_json, write_text


def make_run(root: Path, name: str, seed: int, accuracies: list[float], **settings) -> None:
    folder = root / name / f"20260101-s{seed}"
    config = {"task": "sudoku", "preset": "small", "model": {"name": "trm"}, "aug": {"name": "multi4"}, "seed": seed}
    write_text(folder / "config.yaml", json.dumps(config | settings))
    rows = [{"step": step, "acc": acc, "acc_pert": acc / 2} for step, acc in enumerate(accuracies)]
    lines = [json.dumps(row) for row in rows] + ['{"step": 9, "loss": 1.0}', '{"step": 10, "ac']
    write_text(folder / "train.jsonl", "\n".join(lines))


def test_runs_over_seeds(tmp_path):
    for seed, best in enumerate((0.5, 0.6, 0.7)):
        make_run(tmp_path, "sudoku-trm-multi4", seed, [0.1, best, best - 0.1])
    make_run(tmp_path, "sudoku-trm-multi4-lr", 0, [0.9], optim={"lr": 1e-3})
    run = tmp_path / "sudoku-trm-multi4" / "20260101-s0"
    arrays = diagnosis(seed=3)
    write_diagnosis(run / "diag" / "diag.npz", arrays)
    write_rollout(run / "rollout.npz", rate=0.05, n=1000)
    write_json(run / "cells" / "a" / "calib.json", {"c_star": 0.25})
    found = aggregate.aggregate(tmp_path)
    assert found.table["setting"].to_list() == ["small optim.lr=0.001", "small optim.lr=None"]
    row = found.table.row(1, named=True)
    assert row["n_seeds"] == 3
    assert row["accuracy_best_mean"] == pytest.approx(0.6)
    assert row["accuracy_best_std"] == pytest.approx(0.1)
    assert row["accuracy_best_cv"] == pytest.approx(0.1 / 0.6)
    assert row["accuracy_last_mean"] == pytest.approx(0.5)
    assert row["perturbed_accuracy_mean"] == pytest.approx(0.25)
    assert row["escape_rate_mean"] == pytest.approx(0.05, rel=0.15)
    assert row["escape_rate_n"] == 1
    assert row["sigma_star_mean"] == 0.25
    right = arrays["exact_correct"] == 1
    assert row["lambda_1_correct_mean"] == pytest.approx(float(np.median(arrays["lyap_spec"][right, 0])))
    alone = found.table.row(0, named=True)
    assert alone["accuracy_best_std"] is None
    names = {path.name for path in aggregate.write(found, tmp_path / "out")}
    assert names >= {"aggregate.csv", "aggregate.md", "aggregate.json", "runs.csv"}
    # Student's t with two degrees of freedom, 4.3027 standard errors, on the logit scale
    half = 4.302653 * 0.1 / 3**0.5 / 0.24
    wanted = [1 / (1 + (0.4 / 0.6) * np.exp(way * half)) for way in (1, -1)]
    assert (row["accuracy_best_low"], row["accuracy_best_high"]) == pytest.approx(wanted)
    assert alone["accuracy_best_low"] is None
    assert "0.6000 [0.3476, 0.8085] (n=3)" in (tmp_path / "out" / "aggregate.md").read_text()


def test_an_arm_beside_its_baseline_on_the_same_seeds(tmp_path):
    for seed, (base, arm) in enumerate([(0.5, 0.55), (0.6, 0.67), (0.2, 0.26)]):
        start = f"runs/pretrain/s{seed}/checkpoints/last"
        for name, accuracy in (("none-fixed", base), ("multi4", arm)):
            make_run(tmp_path, f"sudoku-trm-{name}", seed, [accuracy], aug={"name": name}, init=start)
    make_run(tmp_path, "sudoku-trm-multi4", 9, [0.99])  # no baseline of this seed
    found = aggregate.aggregate(tmp_path)
    assert found.table["setting"].str.starts_with("small init=runs/pretrain").sum() == 1  # s9 starts from no checkpoint
    gaps = np.array([0.05, 0.07, 0.06])
    row = found.contrasts.filter(pl.col("metric") == "accuracy_best").row(0, named=True)
    half = 4.302653 * gaps.std(ddof=1) / 3**0.5
    assert (row["aug"], row["baseline"], row["n"]) == ("multi4", "none-fixed", 3)
    assert (row["difference"], row["low"], row["high"]) == pytest.approx((0.06, 0.06 - half, 0.06 + half))
    assert "contrasts.csv" in {path.name for path in aggregate.write(found, tmp_path / "out")}
    assert "multi4 - none-fixed" in (tmp_path / "out" / "aggregate.md").read_text()


def test_settings_seeds_and_presets_are_never_pooled(tmp_path):
    for seed in (0, 1):
        make_run(tmp_path, "base", seed, [0.5], aug={"name": "none-fixed"})
        make_run(tmp_path, "other", seed, [0.9], aug={"name": "none-fixed"}, preset="large")
        for copies, accuracy in ((4, 0.9 + seed / 100), (8, 0.1)):
            make_run(tmp_path, f"arm{copies}", seed, [accuracy], aug={"name": "multi4", "copies": copies})
    make_run(tmp_path, "again", 0, [0.5], aug={"name": "none-fixed"})  # the same run twice is one seed
    found = aggregate.aggregate(tmp_path)
    rows = found.contrasts.filter(pl.col("metric") == "accuracy_best")
    assert rows["setting"].to_list() == ["small aug.copies=4", "small aug.copies=8"]
    assert rows["difference"].to_list() == pytest.approx([0.405, -0.4])
    base = found.table.filter((pl.col("aug") == "none-fixed") & (pl.col("setting") == "small"))
    assert base["accuracy_best_n"].to_list() == [2]


def test_all_arms_from_one_checkpoint_are_one_setting(tmp_path):
    for seed in (0, 1, 2):
        make_run(tmp_path, "arm", seed, [0.5], init="runs/pretrain/s0/checkpoints/last")
    assert aggregate.aggregate(tmp_path).table["n_seeds"].to_list() == [3]


def test_what_was_set_aside_is_not_the_run_s(tmp_path):
    make_run(tmp_path, "arm", 0, [0.5])
    folder = tmp_path / "arm" / "20260101-s0"
    for name, accuracy in (("diag.1.npz", 1.0), ("diag.npz", 0.0)):
        arrays = diagnosis(n=50) | {"exact_correct": np.full(50, accuracy, np.uint8)}
        write_diagnosis(folder / name, arrays, dataset={"split": "test"})
    assert aggregate.aggregate(tmp_path).runs["test_accuracy"].to_list() == [0.0]


def test_foreign_files_are_told_and_left_out(tmp_path):
    make_run(tmp_path, "arm", 0, [0.5], model="trm")
    (tmp_path / "arm" / "20260101-s0" / "train.jsonl").write_text('3\n{"acc": NaN}\n{"acc": 0.25}\n')
    write_text(tmp_path / "arm" / "20260101-s0" / "results_x.json", '{"intervals": {}}')
    with pytest.warns(UserWarning, match="left out"):
        found = aggregate.aggregate(tmp_path)
    assert found.runs["accuracy_last"].to_list() == [0.25]


def test_labels_from_folder_names(tmp_path):
    write_text(tmp_path / "maze-hrm-none" / "20260101-s7" / "train.jsonl", '{"acc": 0.5}\n')
    row = aggregate.aggregate(tmp_path).runs.row(0, named=True)
    assert (row["task"], row["model"], row["aug"], row["seed"]) == ("maze", "hrm", "none", 7)


def test_the_table_of_calibrated_cells(tmp_path):
    """The steering study's table: mean, std (n - 1), n and cv of c_star by model, method and window."""
    for place, (model, method, window, c_star) in enumerate(
        [
            ("org/b-model", "mean_diff", 512, 1.0),
            ("org/b-model", "mean_diff", 512, 1.5),
            ("org/b-model", "mean_diff", 512, -0.1),
            ("org/b-model", "pca", 512, -2.0),
            ("org/b-model", "pca", 64, None),
            ("a-model", "pca", 64, 0.5),
        ]
    ):
        calib = {"model": model, "method": method, "window": window, "c_star": c_star, "seed": place}
        write_cell(tmp_path / f"cell{place}", calib, {"per_prompt_per_t_kl": {"1.0": [[0.1]]}}, {"computed": False})
    write_cell(tmp_path / "_old", {"model": "x", "method": "y", "window": 1, "c_star": 9.0}, {}, {})
    found = aggregate.aggregate(tmp_path).cells
    values = np.array([1.0, 1.5, -0.1])
    wanted = [
        ("a-model", "pca", 64, 0.5, None, 1, None),
        ("b-model", "mean_diff", 512, values.mean(), values.std(ddof=1), 3, values.std(ddof=1) / abs(values.mean())),
        ("b-model", "pca", 64, None, None, 1, None),
        ("b-model", "pca", 512, -2.0, None, 1, None),
    ]
    assert found.columns == ["model_short", "method", "window", "c_mean", "c_std", "n_seeds", "c_cv"]
    for row, line in zip(found.rows(), wanted, strict=True):
        assert row == pytest.approx(line)
    aggregate.write(aggregate.aggregate(tmp_path), tmp_path / "out")
    text = tabulate(found.rows(), headers=found.columns, tablefmt="pipe", floatfmt=".3f")
    assert (tmp_path / "out" / "table.md").read_text() == text


def test_nothing_to_aggregate(tmp_path):
    with pytest.raises(InputError, match="no runs"):
        aggregate.aggregate(tmp_path)
    with pytest.raises(InputError, match="does not exist"):
        aggregate.aggregate(tmp_path / "missing")


def test_a_broken_artifact_is_told_and_left_out(tmp_path):
    make_run(tmp_path, "sudoku-trm-multi4", 0, [0.5])
    (tmp_path / "sudoku-trm-multi4" / "20260101-s0" / "diag.npz").write_bytes(b"PK nonsense")
    with pytest.warns(UserWarning, match="left out"):
        found = aggregate.aggregate(tmp_path)
    assert found.runs["auc"].to_list() == [None]
    assert found.runs["accuracy_best"].to_list() == [0.5]


def test_names_that_are_not_utf8(tmp_path):
    make_run(tmp_path / "a\udcffb", "sudoku-trm-multi4", 0, [0.5])
    found = aggregate.aggregate(tmp_path / "a\udcffb")
    aggregate.write(found, tmp_path / "out")
    assert r"a\udcffb" in (tmp_path / "out" / "runs.csv").read_text()
