"""Fates over checkpoints: runs apart, steps in order, and every puzzle counted once."""

from __future__ import annotations

import pytest
from tests.analysis.test_fates import HORIZON, NAMES, file_of

from rrdyn.analysis.fate_steps import by_run, columns
from rrdyn.artifacts.errors import InputError


def series(folder, run, steps, **about):
    folder.mkdir(parents=True, exist_ok=True)
    meta = {"fates": NAMES, "budget": 4, "settings": {"horizon": HORIZON}, "schema": "fate", **about}
    return [
        file_of(folder / f"fate_{step}.npz",
                meta={**meta, "step": step, "inputs": {f"{run}/checkpoints/step_{step}/model.safetensors": "0"}})
        for step in steps
    ]  # fmt: skip


def test_runs_apart_and_steps_in_order(tmp_path):
    files = [*series(tmp_path / "a", "runs/a", (30, 10, 20)), *series(tmp_path / "b", "runs/b", (10, 20))]
    runs = by_run(files)
    assert {name: [one.step for one in of_run] for name, of_run in runs.items()} == {"a": [10, 20, 30], "b": [10, 20]}
    for of_run in runs.values():
        for one in of_run:
            assert one.ends.sum() == one.table.n == 20
            assert one.ends[:, 1].sum() == one.source["right_end"].sum()
            assert one.share("fixed", "cycle").value == pytest.approx((one.source["fate"] < 2).mean())
            assert one.right.value == pytest.approx(one.source["right_budget"].mean())
    assert columns(runs) == ["fixed", "cycle", "quasiperiodic"]


def test_what_cannot_stand_in_one_picture_is_refused(tmp_path):
    files = series(tmp_path / "a", "runs/a", (10, 20))
    with pytest.raises(InputError, match="are of one checkpoint"):
        by_run([files[0], *files])
    other = series(tmp_path / "c", "runs/c", (10,), settings={"horizon": 2 * HORIZON})
    with pytest.raises(InputError, match="differ in budget, horizon"):
        by_run([*files, *other])
    with pytest.raises(InputError, match="names no training step"):
        by_run([file_of(tmp_path / "fate.npz")])
