"""The demo from end to end, and killed in the middle: nothing unreadable under a final name, the rerun completes."""

from __future__ import annotations

import json
import os
import random
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from matplotlib.image import imread
from safetensors import safe_open

from rrdyn.analysis.fates import of_result, read_fates, sentences
from rrdyn.artifacts.files import read_json
from rrdyn.artifacts.npz import read_npz

TINY = [sys.executable, "-m", "rrdyn", "demo", "--tiny", "--out"]


def run_whole(out: Path) -> subprocess.CompletedProcess:
    return subprocess.run([*TINY, str(out)], capture_output=True, text=True, timeout=900)


@pytest.fixture
def whole(tiny_study, monkeypatch):
    monkeypatch.chdir(tiny_study.place)
    return Path("runs/tiny"), tiny_study.done


def unreadable(folder: Path) -> list[str]:
    """Files under a final name that cannot be read whole. Temporary names begin with a dot."""
    broken = []
    for path in sorted(p for p in folder.rglob("*") if p.is_file()):
        if any(part.startswith(".") for part in path.relative_to(folder).parts):
            continue
        try:
            read_whole(path)
        except Exception as error:
            broken.append(f"{path.relative_to(folder)}: {error}")
    return broken


def read_whole(path: Path) -> None:
    if path.suffix == ".npz":
        read_npz(path)
    elif path.suffix == ".json":
        read_json(path)
    elif path.suffix == ".npy":
        np.load(path, allow_pickle=False)
    elif path.suffix == ".safetensors":
        with safe_open(path, "numpy") as tensors:
            assert all(tensors.get_slice(key).get_shape() is not None for key in sorted(tensors.keys()))
    elif path.suffix == ".png":
        assert path.read_bytes().endswith(b"IEND\xaeB`\x82")
    elif path.suffix == ".pdf":
        assert path.read_bytes().rstrip().endswith(b"%%EOF")
    elif path.suffix == ".html":
        assert path.read_text().rstrip().endswith("</html>")
    elif path.suffix == ".jsonl":
        lines = path.read_text().split("\n")
        for line in lines[:-1]:
            json.loads(line)


def test_the_demo_prints_its_result(whole):
    _, done = whole
    for words in ("settled", "correct", "AUC(-lambda_1 -> correct)", "late drift", "noise", "McNemar exact p ="):
        assert words in done.stdout
    last = done.stdout.rstrip().splitlines()[-3:]
    for model, line in zip(("pretrain", "none-fixed", "multi4"), last):
        assert re.match(rf"{model}: of \d+ (failures|right) at segment 8: ", line)


def test_its_fates_are_those_of_the_files(whole):
    out, done = whole
    for model in ("pretrain", "none-fixed", "multi4"):
        artifact = read_fates(out / "fates" / f"fate_{model}_last.npz")
        table = of_result(artifact.arrays, artifact.meta)
        assert table.n == 16
        assert all(f"{model}: {line}" in done.stdout for line in sentences(table).splitlines())
        assert all(line in (out / "analysis" / "results.md").read_text() for line in sentences(table).splitlines())
    assert "left" in done.stderr
    assert "$ rrdyn train" in done.stderr


def test_everything_it_wrote_is_readable(whole):
    out, _ = whole
    assert unreadable(out) == []
    assert list(out.rglob("*.partial")) == []


def test_every_artifact_names_its_command(whole):
    out, _ = whole
    for path in out.rglob("*.npz"):
        assert read_npz(path).meta["command"].startswith(("rrdyn diagnose ", "rrdyn fate "))


def test_the_lines_typed_by_hand_give_the_same_files(whole, tmp_path):
    out, done = whole
    lines = [line[2:] for line in done.stderr.splitlines() if line.startswith("$ rrdyn ")]
    (diagnose, *_) = [line for line in lines if line.startswith("rrdyn diagnose")]
    words = diagnose.split()
    target = Path(words[words.index("--out") + 1])
    words[words.index("--out") + 1] = str(tmp_path / "diag.npz")
    subprocess.run([sys.executable, "-m", *words], check=True, capture_output=True)
    ours, theirs = read_npz(target), read_npz(tmp_path / "diag.npz")
    assert set(ours) == set(theirs)
    for key in ours:
        np.testing.assert_array_equal(ours[key], theirs[key])


def test_a_second_run_does_nothing_again(whole):
    out, first = whole
    before = {path: path.stat().st_mtime_ns for path in out.rglob("*") if path.is_file()}
    again = run_whole(out)
    assert again.returncode == 0
    assert again.stdout == first.stdout
    assert {path: path.stat().st_mtime_ns for path in out.rglob("*") if path.is_file()} == before


def test_deleted_figures_are_drawn_again(whole):
    """The data to the byte, the pictures to the pixel (a picture also names the command that drew it)."""
    out, _ = whole

    def drawn() -> dict[str, object]:
        found = {path.name: path.read_bytes() for path in (out / "figures").glob("fig_*.csv")}
        return found | {path.name: imread(path).tobytes() for path in (out / "figures").glob("fig_*.png")}

    first = drawn()
    assert len(first) == 2 * 4
    for path in (out / "figures").glob("fig_*"):
        path.unlink()
    results = out / "analysis" / "results_pretrain.json"
    plot = [sys.executable, "-m", "rrdyn", "plot", "2x2", str(results), "--out", str(out / "figures")]
    again = subprocess.run(plot, capture_output=True)
    assert again.returncode == 0, again.stderr
    assert drawn() == first


def kill_once(out: Path, after: float) -> bool:
    """Start the demo and kill it with SIGKILL after some seconds; False where it had finished by then."""
    process = subprocess.Popen(
        [*TINY, str(out)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True
    )
    time.sleep(after)
    finished = process.poll() is not None
    if not finished:
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    return not finished


@pytest.mark.parametrize("kills", [1, pytest.param(20, marks=pytest.mark.slow)])
def test_killed_at_random_moments(kills, tmp_path, whole):
    reference, _ = whole
    draw = random.Random(kills)
    out = tmp_path / "tiny"
    killed = 0
    while killed < kills:
        if not kill_once(out, draw.uniform(0.5, 9.0)):
            out = tmp_path / f"tiny-{killed}"
            continue
        killed += 1
        assert unreadable(out) == [] if out.exists() else True
    done = run_whole(out)
    assert done.returncode == 0, done.stderr
    assert unreadable(out) == []
    for path in sorted(reference.rglob("*.npz")):
        theirs = read_npz(out / path.relative_to(reference))
        for key, array in read_npz(path).items():
            np.testing.assert_array_equal(array, theirs[key], err_msg=f"{path.name} {key}")
