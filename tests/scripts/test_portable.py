"""The goldens hold under the oldest kernels too: the short form of `make test-portable`."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[2] / "scripts" / "portable.py"


@pytest.mark.long
def test_the_goldens_hold_under_other_kernels():
    done = subprocess.run([sys.executable, str(SCRIPT), "--short"], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    told = done.stdout.splitlines()
    assert "all the oldest: ATen DEFAULT" in told[2], "the setting reached the libraries"
    assert "ATen" in told[2].partition("other than own: ")[2], "and changed their results"
    assert " passed" in told[-1]
