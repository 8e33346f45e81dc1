"""One process against two, over gloo: the same batches, the same weights; and what happens when one dies."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch
from tiny_runs import arm, tiny_config

from rrdyn.artifacts.errors import RrdynError, UsageError
from rrdyn.runtime import launch
from rrdyn.training.loop import train
from rrdyn.training.start import worker

LIGHT = {"every": 100, "n": 8, "perturbed_n": 4, "lyapunov_n": 1, "batch": 4}


def weights(folder: Path, step: int) -> dict[str, torch.Tensor]:
    saved = torch.load(folder / "checkpoints" / f"step_{step}" / "state.pt", weights_only=True)["trainer"]
    return {
        "weights": saved["weights"],
        "average": saved["average"],
        "puzzle": saved["puzzle_vectors"],
        **saved["slots"],
    }


def in_two(config, folder: Path, state: Path | None = None):
    arguments = (config, folder, state, "cpu", False, 2)
    return launch.start(worker, arguments, 2)


@pytest.mark.parametrize("name", ["none", pytest.param("multi4", marks=pytest.mark.slow)])
def test_two_processes_train_as_one(dataset, tmp_path, name):
    """Twenty steps in float64, sparse embeddings included; then one process goes on where two stopped."""
    config = tiny_config(dataset, aug=arm(name), steps=20, dtype="float64", eval=LIGHT)
    train(config, tmp_path / "one")
    assert in_two(config, tmp_path / "two").step == 20
    assert largest_difference(tmp_path, 20) <= 1e-8
    longer = config.model_copy(update={"steps": 22})
    for folder in (tmp_path / "one", tmp_path / "two"):
        train(longer, folder, state=folder / "checkpoints/step_20/state.pt")
    assert largest_difference(tmp_path, 22) <= 1e-8


def largest_difference(folder: Path, step: int) -> float:
    one, two = weights(folder / "one", step), weights(folder / "two", step)
    assert one.keys() == two.keys()
    return max(float((one[key].double() - two[key].double()).abs().max()) for key in one)


def test_a_batch_that_does_not_split(dataset, tmp_path, monkeypatch):
    monkeypatch.setenv("RANK", "0")
    monkeypatch.setenv("WORLD_SIZE", "3")
    assert launch.given_group() == launch.Group(0, 3, 0)
    from rrdyn.training.store import require_split

    with pytest.raises(UsageError) as caught:
        require_split(8, 3)
    assert "--batch 6" in str(caught.value)


def test_a_slurm_task_is_a_group(monkeypatch):
    for name in ("RANK", "WORLD_SIZE"):
        monkeypatch.delenv(name, raising=False)
    values = {"SLURM_PROCID": "3", "SLURM_STEP_NUM_TASKS": "8", "SLURM_LOCALID": "1", "MASTER_ADDR": "node0"}
    for name, value in values.items():
        monkeypatch.setenv(name, value)
    assert launch.given_group() == launch.Group(3, 8, 1)
    monkeypatch.setenv("SLURM_STEP_NUM_TASKS", "1")
    assert launch.given_group() is None


def test_alone_every_operation_is_the_identity():
    group = launch.Group()
    tensor = torch.arange(3)
    assert group.sum_(tensor) is tensor
    assert group.gather(tensor) is tensor
    assert group.share("x") == "x"
    assert group.leads


def fails(rank_that_dies: int) -> None:
    """A worker of which one dies."""
    if int(os.environ["RANK"]) == rank_that_dies:
        os.kill(os.getpid(), signal.SIGKILL)
    time.sleep(60)


def test_a_dead_worker_stops_the_group():
    with pytest.raises(RrdynError) as caught:
        launch.start(fails, (1,), 2)
    assert "process 1 died, so the group was stopped" in str(caught.value)
    assert "signal SIGKILL" in str(caught.value)
    assert "--resume" in str(caught.value)


@pytest.mark.slow
def test_sigterm_on_two_processes_saves(dataset, tmp_path):
    line = [
        sys.executable, "-m", "rrdyn", "train", str(dataset), "--preset", "demo-tiny", "--devices", "2",
        "--device", "cpu",
        "--steps", "100000", "--out", str(tmp_path / "run"), "--set", "save_minutes=0.01", "eval.every=100000",
    ]  # fmt: skip
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    process = subprocess.Popen(line, stderr=subprocess.PIPE, text=True, env=environment)
    last = tmp_path / "run" / "checkpoints" / "last"
    end = time.monotonic() + 600
    while not last.exists() and time.monotonic() < end:
        time.sleep(0.05)
    assert last.exists()
    process.send_signal(signal.SIGTERM)
    _, messages = process.communicate(timeout=600)
    assert process.returncode == 130, messages
    assert "state saved" in messages
    assert "Traceback" not in messages


@pytest.mark.slow
def test_one_of_two_workers_killed(dataset, tmp_path):
    """A message, exit code 1, and the run goes on from its last state, here in one process."""
    line = [
        "train", str(dataset), "--preset", "demo-tiny", "--steps", "100000", "--out", str(tmp_path / "run"),
        "--set", "save_minutes=0.01", "eval.every=100000", "optim.lr_min_ratio=1.0",
    ]  # fmt: skip
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    start = [sys.executable, "-m", "rrdyn"]
    process = subprocess.Popen(
        [*start, *line, "--devices", "2", "--device", "cpu"], stderr=subprocess.PIPE, text=True, env=environment
    )
    last = tmp_path / "run" / "checkpoints" / "last"
    end = time.monotonic() + 600
    while not last.exists() and time.monotonic() < end:
        time.sleep(0.05)
    children = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
    workers = [pid for pid in children if b"spawn_main" in Path(f"/proc/{pid}/cmdline").read_bytes()]
    os.kill(int(workers[-1]), signal.SIGKILL)
    _, messages = process.communicate(timeout=600)
    assert process.returncode == 1, messages
    assert "died, so the group was stopped" in messages
    assert "Traceback" not in messages
    done = subprocess.run(
        [*start, *line, "--resume", str(tmp_path / "run"), "--steps", str(int(last.resolve().name[5:]) + 5)],
        env=environment, capture_output=True, text=True, timeout=600,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "going on from" in done.stderr
