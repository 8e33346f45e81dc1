"""The shapes that dynamics/ promises: checked in its estimators, on maps and on a plain callable, once."""

from __future__ import annotations

import subprocess
import sys

CHECKED = """
from dataclasses import replace
from jaxtyping import install_import_hook
doors = ("lyapunov", "fate", "cycle", "observers", "exponents", "returns")
install_import_hook([f"rrdyn.dynamics.{name}" for name in doors], "beartype.beartype")
import torch
from rrdyn.dynamics import classify_fate, find_cycle, lyapunov_spectrum, maps

for recurrence in (maps.henon(), lambda z: 3.2 * z * (1 - z)):
    z = torch.full((3, 2), 0.1, dtype=torch.float64)
    found = lyapunov_spectrum(recurrence, z, 4, 2)
    classify_fate(recurrence, z, 24)
    find_cycle(recurrence, z, 1)
try:
    replace(found, exponents=found.exponents[:1])
except Exception as error:
    print(type(error).__name__)
"""


def test_every_estimator_keeps_its_shapes():
    done = subprocess.run([sys.executable, "-c", CHECKED], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "TypeCheck" in done.stdout  # where they do not agree it says so
