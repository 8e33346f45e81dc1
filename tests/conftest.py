"""What several rooms' tests share: one tiny study, made once a session."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

import pytest
import torch
from hypothesis import settings
from jaxtyping import install_import_hook
from tests import agreement

# On tensors this small two threads mostly wait for each other; OMP_NUM_THREADS=2 tests with two all the same.
torch.set_num_threads(int(os.environ.setdefault("OMP_NUM_THREADS", "1")))

# Shapes at the doors of models/ are checked in every test. The layers inside are not: a thousand checks a segment would
# nearly double the time of a small one; tests/models/test_shapes.py goes through them once.
DOORS = ["rrdyn.models.model", "rrdyn.models.reasoner", "rrdyn.models.latent", "rrdyn.models.losses"]
install_import_hook(DOORS, "beartype.beartype")

# Where others use the machine too, an example may take long: that says nothing about the code.
settings.register_profile("patient", deadline=None)
settings.load_profile("patient")


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
    """Read it, and write beside it: other tests rely on what lies in runs/tiny."""
    place = tmp_path_factory.mktemp("study")
    command = [sys.executable, "-m", "rrdyn", "demo", "--tiny", "--out", "runs/tiny"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=900, cwd=place)
    assert done.returncode == 0, done.stderr
    return TinyStudy(place, done)
