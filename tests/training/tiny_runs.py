"""A tiny dataset and tiny models, on which a training step takes milliseconds; imported by the tests beside it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch

from rrdyn.artifacts.config import read_preset
from rrdyn.models import build
from rrdyn.training.augmentation import AugConfig
from rrdyn.training.config import TrainConfig
from rrdyn.training.learner import Learner

GOLDEN = Path(__file__).parents[1] / "golden" / "training"

TRM = {
    "name": "trm", "hidden_size": 16, "num_heads": 2, "expansion": 1.0, "H_cycles": 2, "L_cycles": 2, "L_layers": 1,
    "puzzle_emb_ndim": 16, "puzzle_emb_len": 1, "halt_max_steps": 4, "pos_encodings": "rope",
}  # fmt: skip
HRM = {
    "name": "hrm", "hidden_size": 16, "num_heads": 2, "expansion": 1.0, "H_cycles": 2, "L_cycles": 2, "H_layers": 1,
    "L_layers": 1, "puzzle_emb_ndim": 16, "halt_max_steps": 4, "pos_encodings": "rope",
}  # fmt: skip
SRM = {
    "name": "srm", "hidden_size": 16, "expansion": 1.0, "H_cycles": 2, "L_cycles": 2, "L_layers": 1,
    "puzzle_emb_ndim": 16, "halt_max_steps": 4, "kappa_learned": True,
}  # fmt: skip
ARCHS = {"trm": TRM, "hrm": HRM, "srm": SRM}


def tiny_config(dataset: Path, arch: str = "trm", **changes) -> TrainConfig:
    """A run of seconds; `changes` replace whole settings."""
    settings = {
        "data": dataset, "model": ARCHS[arch], "global_batch": 8, "steps": 6, "log_every": 2, "task": "sudoku",
        "optim": {"lr": 1e-3, "lr_warmup_steps": 2, "ema_rate": 0.9, "weight_decay": 0.1, "puzzle_emb_lr": 1e-2},
        "eval": {"every": 3, "n": 8, "perturbed_n": 4, "lyapunov_n": 1, "batch": 8},
    }  # fmt: skip
    return TrainConfig(**{**settings, **changes})


def arm(name: str, **changes) -> AugConfig:
    """A preset arm without its long ramp, so that its noise acts from the first step; loud enough to matter."""
    content = {**read_preset("aug", name), "name": name}
    if "noise" in content:
        noise = {**content["noise"], "ramp_steps": 0, "warmup_steps": 0, "sigma_max": 0.3, "sigma": 0.2}
        content["noise"] = noise
    return AugConfig(**{**content, **changes})


def random_rows(count: int, seed: int = 0, seq_len: int = 16, vocab: int = 6, ids: int = 3) -> dict[str, torch.Tensor]:
    """Examples with random tokens; some labels are ignored."""
    rng = np.random.default_rng(seed)
    inputs = rng.integers(1, vocab, (count, seq_len)).astype(np.int32)
    labels = rng.integers(1, vocab, (count, seq_len)).astype(np.int32)
    labels[rng.random(labels.shape) < 0.2] = -100
    columns = {
        "inputs": inputs,
        "labels": labels,
        "puzzle_identifiers": rng.integers(0, ids, count).astype(np.int32),
        "index": 100 + np.arange(count),
    }
    return {name: torch.from_numpy(column) for name, column in columns.items()}


def tiny_learner(arch: str = "trm", dtype: torch.dtype = torch.float64, seed: int = 0, **changes) -> Learner:
    """A model whose every parameter is non-trivial, halting heads included."""
    torch.manual_seed(seed)
    model = build({**ARCHS[arch], "seq_len": 16, "vocab_size": 6, "num_puzzle_identifiers": 3, **changes}, dtype)
    if dtype == torch.float64:
        model = model.double()
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if name.startswith("inner.q_head"):
                parameter.normal_(std=0.5)
        model.inner.puzzle_emb.weights.normal_(std=0.1)
    return Learner(model.train())
