from __future__ import annotations

import json
from pathlib import Path

import numpy as np

from rrdyn.artifacts.npz import read_npz
from rrdyn.artifacts.schemas import TOY
from rrdyn.cli.app import main
from rrdyn.dynamics.toy import run_toy, separation

DATA = Path(__file__).parents[1] / "golden" / "dynamics"
GOLDEN = json.loads((DATA / "toy_golden.json").read_text())["T"]


def test_golden_numbers():
    times = [int(t) for t in GOLDEN]
    ftle, success = run_toy(times)
    for row, time in enumerate(times):
        golden = GOLDEN[str(time)]
        assert success[row].sum() == golden["n_success"]
        np.testing.assert_allclose(ftle[row].sum(), golden["ftle_sum"], rtol=1e-12)
        np.testing.assert_allclose(np.median(ftle[row][success[row]]), golden["ftle_med_success"], rtol=1e-12)
        if golden["ftle_med_failure"] is not None:
            np.testing.assert_allclose(np.median(ftle[row][~success[row]]), golden["ftle_med_failure"], rtol=1e-12)
        np.testing.assert_allclose(separation(ftle[row], success[row]), golden["auc"], rtol=1e-12)


def test_golden_draw():
    golden = np.load(DATA / "toy_n500_T16_seed3.npz")
    ftle, success = run_toy([16], n=500, seed=3)
    np.testing.assert_allclose(ftle[0], golden["ftle"], rtol=1e-10, atol=1e-12)
    np.testing.assert_array_equal(success[0], golden["success"])


def test_command(tmp_path, capsys):
    out = tmp_path / "toy.npz"
    assert main(["toy", "--T", "4", "16", "--n", "500", "--seeds", "0", "3", "--out", str(out)]) == 0
    assert read_npz(out, TOY)["ftle"].shape == (2, 2, 500)
    assert "AUC" in capsys.readouterr().out
