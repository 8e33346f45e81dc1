"""Fixtures of the model tests; what they share is in model_cases.py, which this makes importable."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest
import torch

sys.path.insert(0, str(Path(__file__).parent))
from model_cases import DATA, FAMILIES, NAMES, Golden, drawn, read_golden

from rrdyn.models import Model


@pytest.fixture(params=NAMES, scope="session")
def golden(request) -> Golden:
    return read_golden(request.param)


@pytest.fixture(scope="session")
def primitives() -> dict[str, torch.Tensor]:
    with np.load(DATA / "primitives_trm.npz") as arrays:
        return {key: torch.from_numpy(arrays[key]) for key in arrays.files}


@pytest.fixture(autouse=True)
def seeded():
    torch.manual_seed(0)


@pytest.fixture(params=sorted(FAMILIES))
def small(request) -> Model:
    """A small random model of each kind, every parameter drawn."""
    return drawn(FAMILIES[request.param])


@pytest.fixture
def batch(small):
    inputs = torch.randint(1, small.config.vocab_size, (3, small.config.seq_len))
    return inputs, torch.arange(3) % small.config.num_puzzle_identifiers
