"""One process against two, over gloo: the same batches, the same weights; and what happens when one dies."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from contextlib import nullcontext
from pathlib import Path

import pytest
import torch
import torch.distributed as dist
from tiny_runs import arm, tiny_config

from rrdyn.artifacts.errors import Interrupted, NumericalError, RrdynError, UsageError
from rrdyn.runtime import launch
from rrdyn.training import store
from rrdyn.training.folder import RunFolder
from rrdyn.training.loop import train
from rrdyn.training.rollouts import Rollouts
from rrdyn.training.start import worker
from rrdyn.training.stopping import Accord, StopSignal
from rrdyn.training.trainer import Trainer

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


def test_one_that_is_asked_to_stop_is_heard_by_all_within_a_segment(monkeypatch):
    """The others went on to the end of their rollout, a minute and more; they may have unequal numbers of segments."""
    monkeypatch.setattr(launch, "_board", dist.HashStore())
    one, other = (Accord(launch.Group(rank, 2), StopSignal(), lambda: False) for rank in (0, 1))
    assert not one.asked()
    assert not other.asked()
    other.signal.heard = "SIGTERM"
    assert other.asked()
    assert one.asked()


@pytest.mark.parametrize("poisoned", [False, True])
def test_no_process_leaves_before_the_state_is_written(dataset, tmp_path, monkeypatch, poisoned):
    """Others left while the first was writing, so that it was killed: each save is met for, at a bad gradient too."""
    events = []
    monkeypatch.setattr(launch.Group, "wait", lambda group: events.append("met"))
    monkeypatch.setattr(launch, "leave", lambda: events.append("left"))
    write, update = store.write_checkpoint, Trainer.update
    monkeypatch.setattr(store, "write_checkpoint", lambda *given, **more: (write(*given, **more),
                                                                             events.append("written")))  # fmt: skip

    def spoiled(trainer: Trainer) -> None:
        if poisoned and trainer.step == 2:
            trainer.flat.grad[5] = float("nan")
        update(trainer)

    monkeypatch.setattr(Trainer, "update", spoiled)
    config = tiny_config(dataset, steps=3, eval={**LIGHT, "every": 3})
    with pytest.raises(NumericalError) if poisoned else nullcontext():
        train(config, tmp_path / "run")
    assert events == ["met", "written", "met", "left"]
    assert RunFolder(tmp_path / "run").steps() == [1 if poisoned else 3]


def asked_in_the_middle(config, folder: Path) -> None:
    """A worker; the second is asked to stop in its third rollout, the first notes where it is then."""
    first, enter = os.environ["RANK"] == "0", Rollouts.enter

    def noting(rollouts, z, alive, batch, copies, *, step, segment):
        if first:
            with open(folder.with_suffix(".txt"), "a") as notes:
                notes.write(f"{step}.{segment} ")
        if (step, segment) == (3, 1):
            if not first:
                os.kill(os.getpid(), signal.SIGTERM)
            end = time.monotonic() + 60
            while first and not launch.Group(0, 2).called_out("stop") and time.monotonic() < end:
                time.sleep(0.01)
        return enter(rollouts, z, alive, batch, copies, step=step, segment=segment)

    Rollouts.enter = noting
    train(config, folder, device="cpu")


@pytest.mark.slow
def test_whole_rollouts_are_given_up_by_all(dataset, tmp_path):
    config = tiny_config(dataset, aug=arm("multi4"), steps=6, eval={**LIGHT, "every": 6}, dtype="float64")
    with pytest.raises(Interrupted):
        launch.start(asked_in_the_middle, (config, tmp_path / "run"), 2)
    assert (tmp_path / "run.txt").read_text().split()[-2:] == ["3.0", "3.1"]
    assert RunFolder(tmp_path / "run").steps() == [2]
    train(config, tmp_path / "run", state=RunFolder(tmp_path / "run").last_state())
    train(config, tmp_path / "whole")
    one, two = (weights(tmp_path / name, 6) for name in ("whole", "run"))
    assert max(float((one[key].double() - two[key].double()).abs().max()) for key in one) <= 1e-8


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
