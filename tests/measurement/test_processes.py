"""`--devices 2` and a group that torchrun started write the bits of one process."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from rrdyn.artifacts.npz import read_npz
from rrdyn.cli.app import main

LINES = {
    "diagnose": ["--n", "8", "--k", "3", "--batch", "2", "--segments", "2"],
    "rollout": ["--n", "8", "--segments", "3", "--batch", "2", "--keep-state"],
    "scale": ["--n", "4", "--budget", "2", "--batch", "1"],
    "perturb": ["--n", "4", "--segments", "4", "--copies", "2", "--calibrate-kl", "0.5", "--calibrate-n", "1"],
}


def assert_same_bytes(folder):
    one, two = (read_npz(folder / f"{name}.npz") for name in ("one", "two"))
    assert list(one) == list(two)
    for key in one:
        assert one[key].tobytes() == two[key].tobytes(), key
    assert not list(folder.glob("*.parts"))


@pytest.mark.slow
@pytest.mark.parametrize("command", LINES)
def test_two_processes_of_one_machine(command, trm_checkpoint, tmp_path, capsys):
    line = [command, str(trm_checkpoint), *LINES[command], "--device", "cpu", "--quiet"]
    assert main([*line, "--devices", "2", "--out", str(tmp_path / "two.npz")]) == 0
    assert "there already" not in capsys.readouterr().out
    assert main([*line, "--out", str(tmp_path / "one.npz")]) == 0
    assert_same_bytes(tmp_path)
    if command == "rollout":
        states = [read_npz(tmp_path / f"{name}_state.npz")["z_H"].tobytes() for name in ("one", "two")]
        assert states[0] == states[1]


@pytest.mark.slow
@pytest.mark.parametrize("command", LINES)
def test_two_processes_that_torchrun_started(command, trm_checkpoint, tmp_path):
    line = [command, str(trm_checkpoint), *LINES[command], "--device", "cpu", "--quiet"]
    ranks = [
        subprocess.Popen(
            [sys.executable, "-m", "rrdyn", *line, "--out", str(tmp_path / "two.npz")],
            env={**os.environ, "RANK": str(rank), "LOCAL_RANK": str(rank), "WORLD_SIZE": "2",
                 "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": "29517"},
            stdout=subprocess.DEVNULL,
        )
        for rank in (0, 1)
    ]  # fmt: skip
    assert [process.wait(timeout=600) for process in ranks] == [0, 0]
    assert main([*line, "--out", str(tmp_path / "one.npz")]) == 0
    assert_same_bytes(tmp_path)
