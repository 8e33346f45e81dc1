"""The shapes that models/ promises: checked in every function of it, once for each kind of model."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
import torch
from model_cases import FAMILIES, drawn

CHECKED = """
from jaxtyping import install_import_hook
install_import_hook("rrdyn.models", "beartype.beartype")
import sys
sys.path.insert(0, sys.argv[1])
import torch
from model_cases import FAMILIES, drawn
from rrdyn.dynamics.lyapunov import lyapunov_spectrum
from rrdyn.models import layers, losses, save, load
from rrdyn.models.description import describe
from rrdyn.models.exporting import export

torch.manual_seed(0)
for kind in FAMILIES:
    model = drawn(FAMILIES[kind])
    inputs, ids = torch.randint(1, 6, (3, 16)), torch.arange(3) % model.config.num_puzzle_identifiers
    e = model.embed(inputs, ids)
    z = model.recurrence(e).segment(model.initial(3), truncate=True)
    readout = model.read(z)
    losses.answer_loss(readout.logits, inputs).sum().backward()
    exact = losses.correctness(readout.logits.argmax(-1), inputs).exact
    losses.total_loss(losses.answer_loss(readout.logits, inputs, "softmax"), losses.halt_loss(readout.q_halt, exact))
    model.halts(readout)
    lyapunov_spectrum(model.recurrence(e.detach()), model.initial(3), 1, 3)
    folder = save(model, sys.argv[2] + "/" + kind)
    export(load(folder), folder / "one.pt", "pt")
    describe(folder)
try:
    layers.rotate(torch.zeros(1, 3, 2, 4), torch.zeros(5, 4), torch.zeros(5, 4))
except Exception as error:
    print(type(error).__name__)
"""


def test_every_function_keeps_its_shapes(tmp_path):
    command = [sys.executable, "-c", CHECKED, str(Path(__file__).parent), str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (0, "TypeCheckError\n"), done.stderr


def test_a_wrong_shape_is_told_at_the_door():
    from jaxtyping import TypeCheckError

    model = drawn(FAMILIES["hrm"])
    with pytest.raises(TypeCheckError):
        model.recurrence(torch.zeros(2, 17))
    with pytest.raises(TypeCheckError):
        model.embed(torch.ones(2, 16, dtype=torch.long), torch.zeros(3, dtype=torch.long))
