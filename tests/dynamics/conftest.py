"""A small study for the dynamics tests: 4x4 Sudoku and models with random weights, whose states wander."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from rrdyn.data.folder import write_split
from rrdyn.data.sudoku import Sudoku
from rrdyn.models import build
from rrdyn.models.checkpoints import save

ARCH = {
    "seq_len": 16,
    "vocab_size": 6,
    "hidden_size": 16,
    "num_heads": 2,
    "puzzle_emb_ndim": 16,
    "expansion": 2.0,
    "halt_max_steps": 4,
    "forward_dtype": "float32",
}
TRM_MLP = {
    "name": "trm",
    "H_cycles": 2,
    "L_cycles": 2,
    "mlp_t": True,
    "puzzle_emb_len": 1,
    "pos_encodings": "none",
    **ARCH,
}
TRM_ATT = {"name": "trm", "H_cycles": 2, "L_cycles": 2, "mlp_t": False, "puzzle_emb_len": 1, **ARCH}
HRM = {"name": "hrm", "H_cycles": 2, "L_cycles": 2, "H_layers": 1, "L_layers": 1, **ARCH}
SOLUTION = np.array([2, 3, 4, 5, 4, 5, 2, 3, 3, 2, 5, 4, 5, 4, 3, 2])


def random_model(arch, seed=0, dtype=torch.float32):
    """A model every parameter of which matters."""
    torch.manual_seed(seed)
    model = build(arch, dtype=dtype).eval()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.mul_(1.5)
        model.inner.q_head.weight.normal_()
        model.inner.q_head.bias.zero_()
        model.inner.puzzle_emb.weights.normal_()
    return model


def grids(n, seed=0):
    """n puzzles (inputs, labels): relabelled copies of one solution with half of the cells blank (token 1)."""
    random = np.random.default_rng(seed)
    labels = np.stack([random.permutation(4)[SOLUTION - 2] + 2 for _ in range(n)])
    inputs = np.where(random.random(labels.shape) < 0.5, 1, labels)
    return inputs.astype(np.uint8), labels.astype(np.uint8)


@pytest.fixture(scope="session")
def dataset(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("dynamics") / "four"
    puzzle = Sudoku(4)
    for split, n in (("train", 8), ("test", 40)):
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
