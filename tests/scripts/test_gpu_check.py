"""The check for a machine with a GPU, along its path on a CPU: what it writes, and that it goes on where it stopped."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


def run(folder: Path, *more: str) -> subprocess.CompletedProcess:
    line = [sys.executable, "scripts/gpu_check.py", "--dry", "--out", str(folder), *more]
    return subprocess.run(line, capture_output=True, text=True, cwd=ROOT, timeout=900)


@pytest.mark.slow
def test_the_dry_form_goes_through_every_piece(tmp_path):
    first = run(tmp_path, "--piece", "memory", "exponents")
    assert first.returncode == 0, first.stderr
    path = tmp_path / "dry.json"
    before = json.loads(path.read_text())["pieces"]
    assert set(before) == {"memory", "exponents"}
    rest = run(tmp_path)
    assert rest.returncode == 0, rest.stderr
    record = json.loads(path.read_text())
    assert set(record["pieces"]) == {"tests", "exponents", "training", "rates", "memory", "tf32"}
    assert record["device"] == "dry"
    for piece, kept in before.items():  # not done again
        assert record["pieces"][piece] == kept
    assert record["pieces"]["tests"]["exit"] == 0
    for numbers in record["pieces"]["training"].values():
        if isinstance(numbers, dict):
            assert numbers["flops"] > 0
            assert numbers["mfu"] is None  # of a CPU there is no share


def test_without_a_gpu_it_says_so(tmp_path):
    line = [sys.executable, "scripts/gpu_check.py", "--out", str(tmp_path)]
    blind = {**os.environ, "CUDA_VISIBLE_DEVICES": ""}
    done = subprocess.run(line, capture_output=True, text=True, cwd=ROOT, timeout=300, env=blind)
    assert done.returncode == 1
    assert "no CUDA device" in done.stderr
    assert not list(tmp_path.iterdir())
