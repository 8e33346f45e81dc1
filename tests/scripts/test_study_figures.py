"""The figures of the reference study show the rows of its files, and no more."""

from __future__ import annotations

from pathlib import Path

import polars as pl
from tests.outside_modules import module
from tests.scripts.study_scripts import called

from rrdyn.dynamics import FATES

script = module(Path(__file__).parents[2] / "scripts" / "study_figures.py")


def write(path: Path, rows: list[dict]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    pl.DataFrame(rows).write_csv(path)


def test_each_from_its_file(tmp_path, monkeypatch):
    none = dict.fromkeys(FATES, 0)
    write(tmp_path / "fates.csv", [
        {"task": task, "model": "trm", "seed": seed, "at_budget": side, "n": n, **none, "fixed": n}
        for task in ("sudoku", "maze") for seed in (0, 1) for side, n in (("right", 6), ("wrong", 2))
    ])  # fmt: skip
    write(tmp_path / "recipes.csv", [
        {"model": model, "seed": seed, "stage": stage, "moving": 0.1 * seed + 0.2 * stage, "moving_low": 0.0,
         "moving_high": 0.9} for model in ("base", "raw") for seed in (0, 1, 2) for stage in (0, 1, 2)
    ])  # fmt: skip
    write(tmp_path / "beside" / "beside.csv", [
        {"tool": tool, "seed": 0, "step": step, "acc": step / 200, "cpu_seconds": 2.0 * step}
        for tool in ("rrdyn", "nano") for step in (75, 150)
    ])  # fmt: skip
    called(script, monkeypatch, tmp_path)
    assert {path.relative_to(tmp_path).with_suffix("").as_posix() for path in tmp_path.rglob("*.png")} == {
        "fates", "recipes", "beside/accuracy"
    }  # fmt: skip
    drawn = pl.read_csv(tmp_path / "fates.data.csv")
    assert drawn.filter(fate="fixed", at_budget="right")["share"].to_list() == [0.75] * 4
    assert drawn.group_by("task", "seed").agg(pl.col("share").sum())["share"].to_list() == [1.0] * 4
    assert pl.read_csv(tmp_path / "recipes.data.csv")["moving"].to_list() == [0.4, 0.5, 0.6] * 2  # the last stage alone
    assert pl.read_csv(tmp_path / "beside" / "accuracy.data.csv")["cpu_minutes"].to_list() == [2.5, 5.0] * 2
