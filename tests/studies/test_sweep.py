"""A sweep: its lines, its resumption, its job script."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from rrdyn.artifacts.errors import InputError
from rrdyn.cli.app import main
from rrdyn.data.defaults import ensure
from rrdyn.studies import sweep

FILE = """
train: {data}
out: {out}
arms:
  base: {{aug: none-fixed}}
  multi4: {{aug: multi4, ramp_steps: 0}}
seeds: [0, 1]
settings: {{preset: demo-tiny, steps: 4, batch: 4, eval_every: 2, eval.lyapunov_n: 0}}
"""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    data = ensure("sudoku", "sudoku-4x4-tiny", root=tmp_path / "data")
    path = tmp_path / "sweep.yaml"
    path.write_text(FILE.format(data=data, out=tmp_path / "runs"))
    return path


def test_lines(file):
    lines = [step.line for step in sweep.plan(sweep.read_sweep(file))]
    assert len(lines) == 4
    assert "--aug none-fixed --seed 0" in lines[0].replace("  ", " ") or "--aug none-fixed" in lines[0]
    assert "--set eval.lyapunov_n=0" in lines[0]
    assert [line.rsplit("/", 2)[-2:] for line in lines] == [
        ["base", "s0"],
        ["multi4", "s0"],
        ["base", "s1"],
        ["multi4", "s1"],
    ]


def test_a_grid_is_crossed():
    config = sweep.SweepConfig(
        train="sudoku", out=Path("r"), arms={"a": {}}, seeds=(0,), grid={"lr": (1e-4, 1e-3), "aug.copies": (2, 4)}
    )
    lines = [step.line for step in sweep.plan(config)]
    assert len(lines) == 4
    assert "--lr 0.0001" in lines[0]
    assert "--set aug.copies=2" in lines[0]
    assert "a-lr=0.0001-aug.copies=2" in lines[0]


STOPPED = """
import os, signal, sys
from rrdyn.cli.app import main
from rrdyn.training.log import TrainLog

row = TrainLog.row

def stopping(self, values):
    row(self, values)
    if self.folder.parts[-2:] == ("multi4", "s0"):
        os.kill(os.getpid(), signal.SIGTERM)

TrainLog.row = stopping
sys.exit(main(sys.argv[1:]))
"""
"""A sweep that gets SIGTERM when its second run has written a row, however busy the machine is."""


def test_an_interrupted_sweep_goes_on(file, tmp_path):
    """Two arms x two seeds, stopped in the second run, then run to the end; the finished run is not run again."""
    line = [sys.executable, "-c", STOPPED, "sweep", str(file)]
    stopped = subprocess.run(line, capture_output=True, text=True, env={**os.environ, "OMP_NUM_THREADS": "1"})
    assert stopped.returncode == 130, stopped.stderr
    assert "Traceback" not in stopped.stderr
    assert not (tmp_path / "runs" / "base" / "s1").exists()
    first = tmp_path / "runs" / "base" / "s0" / "checkpoints" / "step_4" / "state.pt"
    written = first.stat().st_mtime_ns
    assert main(["sweep", str(file)]) == 0
    assert first.stat().st_mtime_ns == written
    for arm in ("base", "multi4"):
        for seed in ("s0", "s1"):
            rows = (tmp_path / "runs" / arm / seed / "train.jsonl").read_text().splitlines()
            assert json.loads(rows[-1])["step"] == 4


def test_one_task_of_an_array(file, tmp_path, capsys):
    assert main(["sweep", str(file), "--only", "2", "--json"]) == 0
    assert (tmp_path / "runs" / "base" / "s1" / "checkpoints" / "last").exists()
    assert not (tmp_path / "runs" / "base" / "s0").exists()
    assert main(["sweep", str(file), "--only", "4"]) == 2
    assert "0 to 3" in capsys.readouterr().err


def test_the_job_script(file, tmp_path):
    assert main(["sweep", str(file), "--slurm", "--sbatch=--gpus=1", "--quiet"]) == 0
    script = (tmp_path / "runs" / "sweep.sbatch").read_text()
    assert "#SBATCH --array=0-3" in script
    assert "#SBATCH --gpus=1" in script
    assert '--only "$SLURM_ARRAY_TASK_ID"' in script


def test_mistakes_name_the_file(tmp_path):
    path = tmp_path / "sweep.yaml"
    path.write_text("train: sudoku\nout: runs\narmes: {a: {}}\n")
    with pytest.raises(InputError, match=r"sweep\.yaml"):
        sweep.read_sweep(path)


@pytest.mark.slow
def test_two_at_a_time_are_the_runs_of_one_after_another(file, tmp_path):
    assert main(["sweep", str(file), "--quiet"]) == 0
    one = {path.relative_to(tmp_path / "runs"): path.read_bytes() for path in weights(tmp_path)}
    (tmp_path / "runs").rename(tmp_path / "before")
    assert main(["sweep", str(file), "--jobs", "2", "--quiet"]) == 0
    assert {path.relative_to(tmp_path / "runs"): path.read_bytes() for path in weights(tmp_path)} == one
    assert len(one) == 4


def weights(folder: Path) -> list[Path]:
    return sorted((folder / "runs").glob("*/s*/checkpoints/last/model.safetensors"))


def test_a_run_that_fails_beside_others_is_told_with_its_log(file, capsys, monkeypatch):
    monkeypatch.setattr(sweep, "side_by_side", lambda lines, *_, **__: iter([(2, 0), (0, 0), (1, 4), (3, 0)]))
    assert main(["sweep", str(file), "--jobs", "2"]) == 4
    said = capsys.readouterr().err
    assert "1 of 4 runs failed" in said
    assert "logs/1.log" in said
