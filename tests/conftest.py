"""What several rooms' tests share: one tiny study, made once a session."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

import pytest
import torch
from filelock import FileLock
from hypothesis import settings
from jaxtyping import install_import_hook
from tests import agreement

# On tensors this small two threads mostly wait for each other; OMP_NUM_THREADS=2 tests with two all the same.
torch.set_num_threads(int(os.environ.setdefault("OMP_NUM_THREADS", "1")))

# Shapes at the doors of models/, dynamics/ and measurement/ are checked in every test. What lies inside is not: a
# thousand checks a segment would nearly double the time of a small one; tests/models/test_shapes.py goes through the
# layers once, and tests/dynamics/test_shapes.py through the estimators, which refuse bad values in words of their own.
DOORS = [
    *(f"rrdyn.models.{name}" for name in ("model", "reasoner", "latent", "losses")),
    *(f"rrdyn.dynamics.{name}" for name in ("exponents", "observers")),
    *(f"rrdyn.measurement.{name}" for name in ("judging", "answers")),
]
install_import_hook(DOORS, "beartype.beartype")

# Where others use the machine too, an example may take long: that says nothing about the code.
settings.register_profile("patient", deadline=None)
settings.load_profile("patient")


def pytest_collection_modifyitems(items):
    items.sort(key=lambda item: item.get_closest_marker("long") is None)


def pytest_terminal_summary(terminalreporter):
    line = agreement.summary(terminalreporter.getreports("passed"))
    if line:
        terminalreporter.write_line(line)


class TinyStudy(NamedTuple):
    """A folder in which `rrdyn demo --tiny --out runs/tiny` was typed."""

    place: Path
    done: subprocess.CompletedProcess


@pytest.fixture(scope="session")
def tiny_study(tmp_path_factory) -> TinyStudy:
    """Read it, and write beside it: other tests rely on what lies in runs/tiny. The first worker makes it for all."""
    shared = (
        tmp_path_factory.getbasetemp().parent if "PYTEST_XDIST_WORKER" in os.environ else tmp_path_factory.mktemp("one")
    )
    made, told = shared / "study", shared / "study.json"
    with FileLock(shared / "study.lock"):
        if not told.exists():
            made.mkdir()
            command = [sys.executable, "-m", "rrdyn", "demo", "--tiny", "--out", "runs/tiny"]
            done = subprocess.run(command, capture_output=True, text=True, timeout=900, cwd=made)
            assert done.returncode == 0, done.stderr
            told.write_text(json.dumps([done.args, done.returncode, done.stdout, done.stderr]))
    place = tmp_path_factory.mktemp("study")
    shutil.copytree(made, place, dirs_exist_ok=True)  # with the times of its files, by which a second run is told
    return TinyStudy(place, subprocess.CompletedProcess(*json.loads(told.read_text())))
