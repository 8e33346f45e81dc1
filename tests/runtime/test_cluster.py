"""Jobs of a cluster: what is submitted, and that a job which has to go saves first and goes on later."""

from __future__ import annotations

import os
import signal
import sys
import time
from pathlib import Path

import pytest

from rrdyn.artifacts.errors import RrdynError, UsageError
from rrdyn.cli import submission
from rrdyn.cli.app import main
from rrdyn.runtime import cluster
from rrdyn.runtime.cluster import Task, submit

SAVES = """
import pathlib, signal, sys, time

def stop(*_):
    pathlib.Path(sys.argv[1], "saved").touch()
    sys.exit(130)

signal.signal(signal.SIGTERM, stop)
if not pathlib.Path(sys.argv[1], "saved").exists():
    pathlib.Path(sys.argv[1], "begun").touch()
    time.sleep(300)
pathlib.Path(sys.argv[1], "done").touch()
"""
"""A command that never ends unless it goes on from what it has saved."""


def until(there) -> None:
    end = time.monotonic() + 300
    while not there() and time.monotonic() < end:
        time.sleep(0.05)
    assert there()


def test_a_command_that_fails_fails_its_job():
    assert Task([sys.executable, "-c", ""])() == 0
    with pytest.raises(RrdynError, match="exit code 3"):
        Task([sys.executable, "-c", "raise SystemExit(3)"])()


def test_a_job_that_has_to_go_waits_until_its_command_has_saved(tmp_path, monkeypatch):
    """The handler runs while the command is being waited for; it is the signal that submitit has Slurm send."""
    monkeypatch.setattr(cluster, "LOOK", 0.01)
    task = Task([sys.executable, "-c", SAVES, str(tmp_path)])

    def leave(*_):
        task.stop()
        assert (tmp_path / "saved").exists()
        raise SystemExit(-1)

    before = signal.signal(signal.SIGUSR2, leave)
    look = time.sleep

    def looked(seconds):
        look(seconds)
        if (tmp_path / "begun").exists() and not (tmp_path / "saved").exists():
            os.kill(os.getpid(), signal.SIGUSR2)

    monkeypatch.setattr(time, "sleep", looked)
    try:
        with pytest.raises(SystemExit):
            task()
    finally:
        signal.signal(signal.SIGUSR2, before)


@pytest.fixture
def lines(monkeypatch):
    """Command lines that would be submitted, with their folder and settings."""
    found = []
    monkeypatch.setattr(cluster, "submit", lambda lines, folder, settings, at_once=None: (
        found.append(([list(line)[3:] for line in lines], folder, settings, at_once)), ["7_0", "7_1"])[1])  # fmt: skip
    return found


def test_a_measurement_is_an_array_of_shards(lines, tmp_path, capsys):
    out = tmp_path / "diag.npz"
    line = ["diagnose", str(tmp_path), "--n", "4", "--submit", "2", "--job", "timeout_min=60", "cluster=local"]
    assert main([*line, "--out", str(out)]) == 0
    (found,) = lines
    own = ["diagnose", str(tmp_path), "--n", "4", "--out", str(out), "--shard"]
    assert found == ([[*own, "0/2"], [*own, "1/2"]], tmp_path / "diag.npz.jobs",
                     {"timeout_min": 60, "cluster": "local"}, None)  # fmt: skip
    assert "2 jobs: 7_0, 7_1" in capsys.readouterr().out
    assert main([*line, "--shard", "0/2"]) == 2


def test_a_sweep_is_an_array_of_runs(lines, tmp_path):
    file = tmp_path / "arms.yaml"
    file.write_text(f"train: sudoku\nout: {tmp_path / 'runs'}\narms: {{a: {{}}, b: {{}}}}\n")
    assert main(["sweep", str(file), "--submit", "1", "--job", "gpus_per_node=1"]) == 0
    (found,) = lines
    assert found == ([["sweep", str(file), "--only", "0"], ["sweep", str(file), "--only", "1"]],
                     tmp_path / "runs" / "jobs", {"gpus_per_node": 1}, 1)  # fmt: skip


@pytest.mark.parametrize(
    ("given", "kept"),
    [(["a", "--submit", "2", "b"], ["a", "b"]), (["--submit=2", "a"], ["a"]), (["--job", "x=1", "y=2", "--n", "3"],
     ["--n", "3"]), (["--job=x=1", "a"], ["a"]), (["a", "-1"], ["a", "-1"])],
)  # fmt: skip
def test_what_a_job_does_not_have_to_know(given, kept):
    assert submission.without(given) == kept


def test_without_submitit(monkeypatch, tmp_path):
    monkeypatch.setitem(sys.modules, "submitit", None)
    with pytest.raises(UsageError, match="submitit is not installed"):
        submit([["true"]], tmp_path, {})


def test_settings_that_submitit_does_not_take(tmp_path):
    pytest.importorskip("submitit")
    for settings in ({"cluster": "none"}, {"cluster": "local", "no_such_setting": 1}):
        with pytest.raises(UsageError, match="with these settings"):
            submit([["true"]], tmp_path, settings)


@pytest.mark.slow
def test_a_job_is_queued_again_and_goes_on(tmp_path):
    """submitit's own processes on this machine, of which one is told to make room."""
    submitit = pytest.importorskip("submitit")
    line = [sys.executable, "-c", SAVES, str(tmp_path)]
    (job,) = submit([line], tmp_path / "jobs", {"cluster": "local"})
    until((tmp_path / "begun").exists)
    watched = submitit.local.local.LocalJob(tmp_path / "jobs", job)
    (task,) = Path(f"/proc/{job}/task/{job}/children").read_text().split()  # of the one that keeps the job
    os.kill(int(task), signal.SIGUSR2)
    until((tmp_path / "saved").exists)
    assert watched.results() == [0]
    assert (tmp_path / "done").exists()
