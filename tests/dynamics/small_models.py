"""Small models and puzzles for the dynamics tests: 4x4 Sudoku, random weights, states that wander."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import torch

from rrdyn.models import build

GOLDEN_MODELS = Path(__file__).parents[1] / "golden" / "models"
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
SRM = {
    "name": "srm", "L_cycles": 3, "H_cycles": 2, "L_layers": 1, "alpha": 0.7, "eta": 4.0,
    **{key: value for key, value in ARCH.items() if key != "num_heads"},
}  # fmt: skip
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


def golden_model(name, dtype=torch.float64):
    """A model of the published code with its weights."""
    arch = json.loads((GOLDEN_MODELS / f"{name}.json").read_text())
    config = {**arch["arch"], "name": arch["cls"].lower()}
    if arch["cls"] == "HRM":
        config["no_ACT_continue"] = False
    model = build(config, dtype=dtype).eval()
    model.load_state_dict(torch.load(GOLDEN_MODELS / f"{name}.pt", weights_only=True))
    return model
