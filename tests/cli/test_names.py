"""Mistyped names: told at once, without the seconds that torch takes to load."""

from __future__ import annotations

import os
import re
import subprocess
import sys

from rrdyn.cli import names

LINES = [
    ("train nosuch", 3, "rrdyn train sudoku"), ("train suduko", 3, "did you mean 'sudoku'?"),
    ("train sudoku --preset maze-tmr", 2, "--preset maze-trm"), ("train sudoku --aug flosing", 2, "--aug flossing"),
    ("train sudoku --init nosuch", 3, "rrdyn hub pull"), ("measure fat .", 2, "did you mean 'fate'?"),
    ("scale . --methods longer longr=1", 2, "did you mean 'longer'?"), ("plot latnt x", 2, "did you mean 'latent'?"),
    ("diagnose nosuch", 3, "rrdyn hub pull"), ("evaluate . --data nosuch", 3, "nosuch does not exist"),
    ("solve nosuch --idx 1", 3, "rrdyn hub pull"), ("export nosuch x.pt", 3, "rrdyn hub pull"),
    ("merge nosuch --out x.npz", 3, "nosuch does not exist"), ("data latin", 2, "one of"),
    ("train --resume nosuch", 3, "nosuch is not a run to resume"), ("train --resume last", 3, "--resume RUN"),
    ("train sudoku --set optim.lrr=1", 2, "did you mean optim.lr?"), ("train . --set lr=1", 2, "unknown key lr"),
    ("train sudoku --set aug.noise.sigmo=1", 2, "aug.noise.sigma"), ("train sudoku --set lr", 2, "KEY=VALUE"),
    ("train sudoku --device mps --dtype bfloat16", 2, "mps is not offered"), ("fate . --device tpu", 2, "cuda:N"),
    ("rollout . --device mps --dtype float64", 2, "float64, which MPS has not"),
    ("evaluate . --device mps", 2, "--device cpu"),
]  # fmt: skip


def test_they_are_told_before_torch_is_loaded(tmp_path):
    program = "import sys; from rrdyn.cli.app import main\n" \
              "for line in sys.argv[1:]: print(main(line.split()), 'torch' in sys.modules)"  # fmt: skip
    lines = [line for line, _, _ in LINES]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    done = subprocess.run([sys.executable, "-c", program, *lines], capture_output=True, text=True, cwd=tmp_path,
                          env=environment)  # fmt: skip
    assert done.stdout.splitlines() == [f"{code} False" for _, code, _ in LINES], done.stderr
    told = re.split(r"^rrdyn: ", done.stderr, flags=re.M)[1:]
    for (line, _, hint), text in zip(LINES, told, strict=True):
        assert hint in text, line


def test_they_are_those_of_the_registries():
    from rrdyn.measurement.measurement import MEASUREMENTS
    from rrdyn.measurement.scaling import METHODS

    for known, registry in ((names.MEASUREMENTS, MEASUREMENTS), (names.METHODS, METHODS)):
        assert sorted(known) == sorted(name for name, kind in registry.items() if kind.__module__.startswith("rrdyn."))
