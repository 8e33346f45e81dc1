"""A small study on disk: a 4x4 Sudoku dataset and a TRM and an HRM that name it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from tests.dynamics.small_models import HRM, SRM, TRM_MLP, grids, random_model

from rrdyn.data.folder import write_split
from rrdyn.data.sudoku.kind import Sudoku
from rrdyn.models.checkpoints import save


@pytest.fixture(scope="session")
def dataset(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("dynamics") / "four"
    puzzle = Sudoku(4)
    for split, n in (("train", 512), ("test", 40)):
        inputs, labels = grids(n)
        write_split(folder, split, puzzle, inputs, labels, difficulty=np.arange(n, dtype=float))
    return folder


def saved(folder, arch, dataset):
    return save(random_model(arch), folder, {"step": 7, "dataset": str(dataset)})


@pytest.fixture(scope="session")
def trm_checkpoint(tmp_path_factory, dataset) -> Path:
    return saved(tmp_path_factory.mktemp("trm") / "ckpt", TRM_MLP, dataset)


@pytest.fixture(scope="session")
def hrm_checkpoint(tmp_path_factory, dataset) -> Path:
    return saved(tmp_path_factory.mktemp("hrm") / "ckpt", HRM, dataset)


@pytest.fixture(scope="session")
def srm_checkpoint(tmp_path_factory, dataset) -> Path:
    return saved(tmp_path_factory.mktemp("srm") / "ckpt", SRM, dataset)
