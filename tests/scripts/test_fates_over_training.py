"""The tables of fates over training, of models without sense: every file is there, agrees, and is kept."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import numpy as np
import polars as pl
import pytest
import torch
from tests.outside_modules import module
from tests.plotting.artifact_writers import dataset
from tests.training.tiny_runs import TRM

from rrdyn.artifacts.files import read_json
from rrdyn.cli.app import main
from rrdyn.models import build, save

script = module(Path(__file__).parents[2] / "scripts" / "fates_over_training.py")


def test_as_what_a_multiplier_leaves_the_circle():
    assert script.crossed(0.9 + 0.3j) == ""
    assert script.crossed(1.1 + 0j) == "fold"
    assert script.crossed(-1.1 + 0j) == "flip"
    assert script.crossed(0.9 + 0.9j) == "Neimark-Sacker"


@pytest.mark.slow
def test_a_small_study(tmp_path, monkeypatch):
    monkeypatch.setattr(script, "HORIZON", 12)
    runs, out = tmp_path / "runs", tmp_path / "out"
    data = dataset(runs / "data", n=24)
    config = {**TRM, "seq_len": 16, "vocab_size": 6, "num_puzzle_identifiers": 1}
    for seed in (0, 1):
        for step in (2, 4):
            torch.manual_seed(10 * seed + step)
            folder = runs / f"s{seed}" / "checkpoints" / f"step_{step}"
            save(build(config), folder, {"step": step, "dataset": str(data)})
        log = {"step": 2, "acc": 0.25, "eval_n": 4, "drift": 1.5, "acc_pert": 0.0, "eval_perturbed_n": 4, "lam1": -0.1}
        (runs / f"s{seed}" / "train.jsonl").write_text(f'{{"step": 1, "loss": 2.0}}\n{json.dumps(log)}\n')
    line = [str(runs), "--out", str(out), "--every", "2", "--puzzles", "3", "--refined", "2", "--many", "16"]
    monkeypatch.setattr(sys, "argv", ["script", *line, "--wide", "4", "--early", "0:2", "--late", "0:4"])
    script.main()
    points, rows, refined = (pl.read_csv(out / f"{name}.csv") for name in ("points", "checkpoints", "multipliers"))
    everyone = [(seed, step) for seed in (0, 1) for step in (2, 4)]
    assert sorted(points.group_by("seed", "step").len().rows()) == [(*where, 3) for where in everyone]
    assert rows.select("seed", "step", "n", "n_wide").rows() == [(*where, 3, 16) for where in everyone]
    assert refined.group_by("seed", "step").len()["len"].to_list() == [2] * 4
    for seed, step in everyone:
        mine = points.filter(seed=seed, step=step)
        share = rows.filter(seed=seed, step=step)["settled"][0]
        assert share == pytest.approx(mine["fate"].is_in(["fixed", "cycle"]).mean(), abs=1e-6)
    told = pl.read_csv(out / "training.csv").select("seed", "step", "n", "right", "accuracy", "drift").rows()
    assert told == [(seed, 2, 4, 1, 0.25, 1.5) for seed in (0, 1)]
    converged = refined.filter("converged")
    size = np.hypot(converged["multiplier_re"], converged["multiplier_im"])
    np.testing.assert_allclose(converged["modulus"], size, atol=2e-6)
    assert read_json(out / "float64.json").keys() == {"s0_00004", "s1_00004"}
    assert (out / "fates_training.png").exists()
    assert main(["fate", str(out / "late"), "--n", "1", "--horizon", "12", "--multipliers", "0"]) == 0
    before = {path.name: path.read_bytes() for path in out.glob("*.csv")}
    script.main()
    assert {path.name: path.read_bytes() for path in out.glob("*.csv")} == before
    (runs / "s0").rename(tmp_path / "s0")  # measured before, and not at hand: its rows stay
    monkeypatch.setattr(sys, "argv", ["script", *line, "--wide", "4", "--moving"])
    script.main()
    kept = ("points.csv", "checkpoints.csv", "training.csv")
    assert {name: (out / name).read_bytes() for name in kept} == {name: before[name] for name in kept}
    more = pl.read_csv(out / "multipliers.csv")
    assert more.filter(seed=0).equals(refined.filter(seed=0))
    moving = points.filter(pl.col("seed") == 1, pl.col("period") == 0, pl.col("idx") > 1)
    assert len(more.filter(seed=1)) == len(refined.filter(seed=1)) + len(moving)
