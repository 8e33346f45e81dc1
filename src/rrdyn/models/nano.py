"""Checkpoints of nano-trm: TRM trained by Lightning, its config and its tensors under names of its own."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch.nn.functional as F
from torch import Tensor

from rrdyn.artifacts.errors import InputError
from rrdyn.artifacts.record import Meta

FIELDS = {
    "hidden_size": "hidden_size", "num_layers": "L_layers", "num_heads": "num_heads", "H_cycles": "H_cycles",
    "L_cycles": "L_cycles", "N_supervision": "halt_max_steps", "ffn_expansion": "expansion",
    "halt_exploration_prob": "halt_exploration_prob", "puzzle_emb_dim": "puzzle_emb_ndim",
    "puzzle_emb_len": "puzzle_emb_len", "rope_theta": "rope_theta", "use_mlp_t": "mlp_t", "vocab_size": "vocab_size",
    "num_puzzles": "num_puzzle_identifiers", "seq_len": "seq_len",
}  # fmt: skip
POSITIONS = {"1d": "rope", "null": "none", None: "none"}
OTHER_LAYERS = ("use_conv_swiglu", "use_board_swiglu")
PARTS = {
    "inner.embed_tokens.": "input_embedding.", "inner.L_level.": "lenet.", "inner.H_init": "z_H_init",
    "inner.L_init": "z_L_init", "inner.": "",
}  # fmt: skip
HALT = "inner.q_head."
"""Its halt head has one row; ours a second one, for continuing, which a TRM does not ask."""


def is_nano(fields: Mapping[str, Any], tensors: Mapping[str, Any]) -> bool:
    """Whether these are the hyper-parameters and the tensors of a nano-trm."""
    return {"hidden_size", "num_layers", "N_supervision"} <= fields.keys() and any(
        ".lenet.layers." in f".{name}" for name in tensors
    )


def nano_arch(fields: Mapping[str, Any], tensors: Mapping[str, Any]) -> Meta:
    """Our fields. Raises InputError that lists what a TRM of ours has not."""
    positions = fields.get("pos_emb_type")
    positions = positions if isinstance(positions, str) else None
    differs = [f"{name} {fields[name]}" for name in OTHER_LAYERS if fields.get(name)]
    if positions not in POSITIONS:
        differs.append(f"pos_emb_type {positions}")
    if differs:
        raise InputError(
            "this nano-trm has layers that rrdyn has not", found=", ".join(differs),
            expected="pos_emb_type 1d or null, use_conv_swiglu and use_board_swiglu false",
        )  # fmt: skip
    arch = {ours: fields[theirs] for theirs, ours in FIELDS.items() if fields.get(theirs) is not None}
    if not arch.get("num_puzzle_identifiers"):
        arch["num_puzzle_identifiers"] = 1
    start = next((tensor for name, tensor in tensors.items() if name.endswith("z_H_init")), None)
    made_for = str(getattr(start, "dtype", "torch.float32")).removeprefix("torch.")
    return {**arch, "name": "trm", "pos_encodings": POSITIONS[positions], "forward_dtype": made_for}


def nano_names(wanted: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The tensors of a TRM of ours by the names they have in a nano-trm, in its shapes."""
    return {_named(name): tensor[:1] if name.startswith(HALT) else tensor for name, tensor in wanted.items()}


def from_nano(tensors: Mapping[str, Tensor], wanted: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The tensors of a nano-trm as those of a TRM of ours; what it has not is zero."""

    def ours(name: str) -> Tensor:
        tensor = tensors[_named(name)]
        missing = len(wanted[name]) - len(tensor) if name.startswith(HALT) else 0
        return F.pad(tensor, (0, 0) * (tensor.ndim - 1) + (0, missing)) if missing else tensor

    return {name: ours(name) for name in wanted}


def _named(name: str) -> str:
    ours, theirs = next(pair for pair in PARTS.items() if name.startswith(pair[0]))
    return theirs + name.removeprefix(ours)
