"""Golden models (the published code's numbers, and the models that must give them) and small random ones."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
import yaml

from rrdyn.models import Latent, Model, build, find_family

DATA = Path(__file__).parents[1] / "golden" / "models"
SHARED = Path(__file__).parents[3] / "shared" / "golden"
NAMES = ("hrm_s16v6", "trm_att_pe16_s16v6", "trm_mlp_pe16_s16v6")


@dataclass(frozen=True)
class Golden:
    """A golden model and its numbers; `model(dtype)` builds it."""

    name: str
    arch: dict
    state: dict
    numbers: dict

    def model(self, **changes: object) -> Model:
        model = build({**self.arch, **changes})
        model.load_state_dict(self.state)
        return model.eval()

    def tensor(self, key: str) -> torch.Tensor:
        return torch.from_numpy(self.numbers[key])

    def carry(self, row: int) -> Latent:
        return Latent(self.tensor("z_H")[row], self.tensor("z_L")[row])

    def embed(self, model: Model) -> torch.Tensor:
        return model.embed(self.tensor("inputs"), self.tensor("puzzle_identifiers"))


def read_golden(name: str, folder: Path = DATA) -> Golden:
    about = json.loads((folder / f"{name}.json").read_text())
    with np.load(folder / f"{name}.npz") as arrays:
        numbers = {key: arrays[key] for key in arrays.files}
    state = torch.load(folder / f"{name}.pt", weights_only=True)
    return Golden(name, {**about["arch"], "name": about["cls"].lower()}, state, numbers)


SMALL = {
    "hidden_size": 16, "num_heads": 2, "expansion": 1.0, "L_layers": 1, "puzzle_emb_ndim": 16, "halt_max_steps": 4,
    "seq_len": 16, "vocab_size": 6, "num_puzzle_identifiers": 3, "forward_dtype": "float32",
}  # fmt: skip
FAMILIES = {
    "trm_att": {"name": "trm", **SMALL, "H_cycles": 2, "L_cycles": 2, "puzzle_emb_len": 2},
    "trm_mlp": {"name": "trm", **SMALL, "H_cycles": 2, "L_cycles": 2, "puzzle_emb_len": 2, "mlp_t": True},
    "trm_learned": {"name": "trm", **SMALL, "pos_encodings": "learned", "H_cycles": 2, "L_cycles": 1},
    "trm_bare": {"name": "trm", **SMALL, "pos_encodings": "none", "puzzle_emb_ndim": 0},
    "hrm": {"name": "hrm", **SMALL, "H_layers": 1},
}


def drawn(config: dict) -> Model:
    model = build(config).eval()
    with torch.no_grad():
        for name, tensor in model.state_dict().items():
            if tensor.is_floating_point() and ("puzzle_emb" in name or "q_head" in name):
                tensor.normal_()
    return model


def write_upstream(folder: Path, model: Model, *, name="step_7", prefix="_orig_mod.model.", **more) -> Path:
    """A folder as upstream's trainer writes it."""
    folder.mkdir(parents=True, exist_ok=True)
    torch.save({prefix + key: value for key, value in model.state_dict().items()}, folder / name)
    arch = {
        k: v
        for k, v in model.config.model_dump().items()
        if k not in ("seq_len", "vocab_size", "num_puzzle_identifiers")
    }
    arch |= {"name": find_family(model.config.name).upstream[0]}
    arch["loss"] = {"name": "losses@ACTLossHead", "loss_type": "stablemax_cross_entropy"}
    config = {"arch": arch, "data_paths": ["data/sudoku-x"], "ema": True, **more}
    (folder / "all_config.yaml").write_text(yaml.safe_dump(config))
    return folder / name
