"""Commands stopped at random moments by SIGKILL, SIGTERM and SIGINT: what has a final name can be read, nothing is
left over after the next run, and what that makes is what an uninterrupted run makes, to the bit."""

from __future__ import annotations

import os
import random
import shutil
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

import pytest
from tests.studies.test_demo import unreadable

CKPT = "runs/tiny/pretrain/checkpoints/last"
MADE = ["diagnose", CKPT, "--n", "24", "--k", "2", "--quiet"]
PIECES = [[*MADE, "--piece", f"{piece}/2", "--out", f"piece{piece}.npz"] for piece in (0, 1)]
SWEEP = """
train: runs/tiny/data
out: out/arms
arms: {base: {aug: none-fixed}, single: {aug: single}}
seeds: [0]
settings: {preset: demo-tiny, steps: 6, batch: 8, eval_every: 3, eval.lyapunov_n: 0, compile: "off"}
"""
LINES: dict[str, list[str]] = {
    "train": ["train", "runs/tiny/data", "--preset", "demo-tiny", "--steps", "30", "--out", "out/run", "--quiet",
              "--eval-every", "10"],
    "diagnose": [*MADE, "--out", "out/diag.npz"],
    "rollout": ["rollout", CKPT, "--n", "24", "--segments", "60", "--keep-state", "--quiet",
                "--out", "out/rollout.npz"],
    "perturb": ["perturb", CKPT, "--n", "8", "--copies", "2", "--segments", "12", "--quiet",
                "--out", "out/perturb.npz"],
    "scale": ["scale", CKPT, "--n", "12", "--budget", "2", "--quiet", "--out", "out/scale.npz"],
    "analyze-2x2": ["analyze-2x2", "made.npz", "--replicates", "300", "--out", "out/analysis"],
    "data": ["data", "sudoku", "--source", "generate", "--size", "4", "--clues", "6", "--n", "128", "--test-n", "64",
             "--out", "out/data", "--quiet"],
    "report": ["report", "runs/tiny", "--out", "out/report.html"],
    "sweep": ["sweep", "arms.yaml"],
    "export": ["export", CKPT, "out/trm.pt"],
    "merge": ["merge", "piece0.npz", "piece1.npz", "--out", "out/merged.npz"],
}  # fmt: skip
TIMED = (
    "train.jsonl",
    "train.log",
    "state.pt",
    "sweep.json",
    "study.json",
    "report.html",
)  # hold seconds, or the figures' folder

STOPPED = (130, -signal.SIGINT)
"""What a shell shows as 130: where an interrupt passed through Python code that an extension runs (torch does so while
it is loaded), the interpreter ends by a SIGINT of its own, whatever the program returns."""


def started(line: list[str], folder: Path) -> subprocess.Popen[bytes]:
    """The command as the head of a group of processes of its own."""
    return subprocess.Popen([sys.executable, "-m", "rrdyn", *line], cwd=folder, start_new_session=True,
                            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)  # fmt: skip


def made(folder: Path) -> dict[str, bytes]:
    """Relative name -> content of every file of the command."""
    files = (path for path in (folder / "out").rglob("*") if path.is_file())
    return {str(path.relative_to(folder)): b"" if path.name in TIMED else path.read_bytes() for path in files}


@pytest.fixture
def places(tiny_study, tmp_path) -> tuple[Path, Path]:
    """Two equal folders to work in."""
    for name in ("whole", "stopped"):
        place = tmp_path / name
        shutil.copytree(tiny_study.place, place)
        (place / "out").mkdir()
        (place / "arms.yaml").write_text(SWEEP)
        for line in (*PIECES, [*MADE, "--out", "made.npz"]):
            assert started(line, place).wait() == 0
    return tmp_path / "whole", tmp_path / "stopped"


@pytest.mark.slow
@pytest.mark.parametrize("command", LINES)
def test_stopped_at_ten_random_moments(command, places):
    whole, stopped = places
    line, draw = LINES[command], random.Random(command)
    before = time.monotonic()
    assert started(line, whole).wait() == 0
    usual = time.monotonic() - before
    for number in [signal.SIGKILL, signal.SIGTERM, signal.SIGINT] * 3 + [signal.SIGKILL]:
        child = started(line, stopped)
        time.sleep(draw.uniform(0.02, usual))
        with suppress(ProcessLookupError):  # it has ended by itself
            os.killpg(child.pid, number)
        assert child.wait() in (0, *STOPPED, -number)
        assert unreadable(stopped / "out") == []
    assert started(line, stopped).wait() == 0
    assert made(stopped) == made(whole)
