"""Installed from a built wheel, outside the repository, the presets and the page templates are there."""

from __future__ import annotations

import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).parents[1]


@pytest.fixture(scope="module")
def installed(tmp_path_factory):
    """The wheel's content, unpacked as pip would."""
    folder = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(folder), str(REPOSITORY)]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    (wheel,) = folder.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(folder / "site")
    return folder / "site"


def run(installed: Path, cwd: Path, *arguments: str) -> subprocess.CompletedProcess:
    environment = os.environ | {"PYTHONPATH": str(installed), "OMP_NUM_THREADS": "1"}
    return subprocess.run(
        [sys.executable, "-m", *arguments], cwd=cwd, env=environment, capture_output=True, text=True, timeout=600
    )


def test_every_file_of_the_package_and_every_preset_travels(installed):
    source = {
        path.relative_to(REPOSITORY / "src").as_posix() for path in (REPOSITORY / "src").rglob("*") if path.is_file()
    }
    source = {name for name in source if "__pycache__" not in name}
    presets = {
        f"rrdyn/configs/{path.relative_to(REPOSITORY / 'configs').as_posix()}"
        for path in (REPOSITORY / "configs").rglob("*.yaml")
    }
    packed = {path.relative_to(installed).as_posix() for path in installed.rglob("*") if path.is_file()}
    assert source | presets <= packed


def test_it_is_the_wheel_that_runs(installed, tmp_path):
    done = subprocess.run(
        [sys.executable, "-c", "import rrdyn; print(rrdyn.__file__)"],
        cwd=tmp_path, env=os.environ | {"PYTHONPATH": str(installed)}, capture_output=True, text=True,
    )  # fmt: skip
    assert done.stdout.startswith(str(installed))


def test_presets_are_found_outside_the_repository(installed, tmp_path):
    made = run(installed, tmp_path, "rrdyn", "data", "sudoku", "--source", "generate", "--size", "4", "--clues", "6",
               "--n", "16", "--test-n", "8", "--val-groups", "1", "--out", "four")  # fmt: skip
    assert made.returncode == 0, made.stderr
    planned = run(
        installed, tmp_path, "rrdyn", "train", "four", "--preset", "demo-tiny", "--aug", "multi4", "--dry-run"
    )
    assert planned.returncode == 0, planned.stderr
    assert "parameters" in planned.stdout
