"""The card under these tests: a real one where there is one, else the pretended one; and what goes on it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from tests.cuda.pretended import PretendedCard
from tests.dynamics.small_models import HRM, TRM_ATT, TRM_MLP, grids, random_model

from rrdyn.data.folder import write_split
from rrdyn.data.sudoku.kind import Sudoku
from rrdyn.models.checkpoints import save

ARCHITECTURES = {"mlp": TRM_MLP, "attention": TRM_ATT, "hrm": HRM}


@pytest.fixture
def card():
    """A device cuda:0 for the time of a test."""
    if torch.cuda.is_available():
        yield None
        return
    with PretendedCard() as pretended:
        yield pretended


@pytest.fixture
def ledger():
    """The pretended card, for tests of what it counts: a real one does not tell."""
    with PretendedCard() as pretended:
        yield pretended


@pytest.fixture(scope="session")
def dataset(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("cuda") / "four"
    for split, n in (("train", 64), ("val", 8), ("test", 12)):
        inputs, labels = grids(n)
        write_split(folder, split, Sudoku(4), inputs, labels, difficulty=np.arange(n, dtype=float))
    return folder


@pytest.fixture(scope="session")
def checkpoints(tmp_path_factory, dataset) -> dict[str, Path]:
    """A checkpoint of each architecture, by name."""
    folder = tmp_path_factory.mktemp("checkpoints")
    return {
        name: save(random_model(arch), folder / name, {"step": 7, "dataset": str(dataset)})
        for name, arch in ARCHITECTURES.items()
    }
