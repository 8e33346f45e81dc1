"""scripts/compare_studies.py finds every change of a result, lets additions and listed corrections pass."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import save_file

SCRIPT = Path(__file__).parents[2] / "scripts" / "compare_studies.py"
DRIFT = np.array([[1.0, np.nan], [0.0, 2.0]], np.float32)


def study(folder: Path, command: str = "rrdyn diagnose a", **changes) -> Path:
    values = {"drift": DRIFT, "auc": 0.75, "cell": "0.123456789012345", "weight": np.ones(3, np.float32), **changes}
    (folder / "run").mkdir(parents=True)
    meta = {"command": command, "revision": 1, "git_commit": command}
    more = values.get("more", {})
    np.savez(folder / "diag.npz", drift=values["drift"], meta=np.array(json.dumps(meta)), **more)
    (folder / "results.json").write_text(json.dumps({"auc": {"lambda": values["auc"]}, "meta": meta}))
    (folder / "points.csv").write_text(f"idx,value\n0,{values['cell']}\n")
    (folder / "run" / "train.jsonl").write_text(json.dumps({"step": 1, "loss": 0.5, "sps": len(command)}))
    save_file({"weight": values["weight"]}, folder / "run" / "model.safetensors")
    return folder


def compared(*arguments: object) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(SCRIPT), *(str(argument) for argument in arguments)]
    return subprocess.run(command, capture_output=True, text=True)


@pytest.fixture
def before(tmp_path) -> Path:
    return study(tmp_path / "before")


def test_equal_results_of_another_run_and_additions_pass(before, tmp_path):
    done = compared(before, study(tmp_path / "after", "rrdyn diagnose elsewhere", more={"valid": np.zeros(2)}))
    assert done.returncode == 0, done.stdout
    assert done.stdout == "5 files, 0 differences, 0 allowed\n"


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"drift": np.nextafter(DRIFT, 9, dtype=np.float32)}, "diag.npz:drift: 3 of 4 differ"),
        ({"drift": DRIFT.astype(np.float64)}, "diag.npz:drift: float32[2, 2] became float64[2, 2]"),
        ({"drift": DRIFT.copy() * np.array([[1, 1], [-1, 1]], np.float32)}, "diag.npz:drift: 0 of 4 differ"),  # -0.0
        ({"auc": 0.7500000000000001}, "results.json:auc.lambda: 0.75 became 0.7500000000000001"),
        ({"cell": "0.12345678901234"}, "points.csv:value: "),
        ({"weight": np.zeros(3, np.float32)}, "run/model.safetensors:weight: 3 of 3 differ"),
    ],
)
def test_any_change_is_found(before, tmp_path, changes, said):
    done = compared(before, study(tmp_path / "after", **changes))
    assert done.returncode == 1
    (line,) = [line for line in done.stdout.splitlines() if line.startswith("DIFFERS")]
    assert said in line


def test_what_is_gone_is_found(before, tmp_path):
    after = study(tmp_path / "after")
    shutil.rmtree(after / "run")
    done = compared(before, after)
    assert done.returncode == 1
    assert "run/train.jsonl: is gone" in done.stdout


def test_a_listed_correction_passes_and_a_needless_one_does_not(before, tmp_path):
    after = study(tmp_path / "after", auc=0.8)
    assert compared(before, after, "--allow", "results.json:auc.*").returncode == 0
    done = compared(before, after, "--allow", "results.json:auc.*", "diag.npz:lyap_low")
    assert done.returncode == 1
    assert "UNUSED   diag.npz:lyap_low" in done.stdout


def test_folders_without_results_are_refused(before, tmp_path):
    (tmp_path / "empty").mkdir()
    assert compared(tmp_path / "empty", before).returncode == 2
    assert compared(before, tmp_path / "missing").returncode == 2
