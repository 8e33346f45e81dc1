"""What several rooms' tests share: one tiny study, made once a session."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

import pytest
from hypothesis import settings
from tests import agreement

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
