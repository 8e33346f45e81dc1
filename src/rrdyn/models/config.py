"""What a model is: the fields of the published arch configs, under their published names."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import Field, model_validator

from rrdyn.artifacts.config import Config
from rrdyn.artifacts.errors import UsageError

Size = Annotated[int, Field(ge=1, le=1 << 20)]
Cycles = Annotated[int, Field(ge=1, le=1024)]

CLASSES = {
    "TinyRecursiveReasoningModel_ACTV1": "trm",
    "HierarchicalReasoningModel_ACTV1": "hrm",
}
UPSTREAM_NAMES = {
    "trm": "recursive_reasoning.trm@TinyRecursiveReasoningModel_ACTV1",
    "hrm": "hrm.hrm_act_v1@HierarchicalReasoningModel_ACTV1",
}
ABLATIONS = ("trm_singlez", "trm_hier6", "transformers_baseline")


class ModelConfig(Config):
    """Architecture of a TRM or an HRM, sizes of its puzzles included."""

    name: Literal["trm", "hrm"]
    """trm: one net for both updates; hrm: an H stack and an L stack."""
    seq_len: Annotated[int, Field(ge=1, le=1 << 16)]
    """Tokens of a puzzle."""
    vocab_size: Size
    """Token values."""
    num_puzzle_identifiers: Annotated[int, Field(ge=1, le=1 << 26)] = 1
    """Rows of the puzzle embedding."""
    hidden_size: Size = 512
    """Features a position."""
    num_heads: Size = 8
    """Attention heads; must divide hidden_size."""
    expansion: Annotated[float, Field(gt=0, le=64)] = 4.0
    """Width of a SwiGLU before the factor 2/3."""
    H_cycles: Cycles = 3
    """z_H updates a segment."""
    L_cycles: Cycles = 6
    """z_L updates before each z_H update."""
    H_layers: Annotated[int, Field(ge=0, le=256)] = 0
    """Blocks of the H stack (HRM only)."""
    L_layers: Annotated[int, Field(ge=1, le=256)] = 2
    """Blocks of the L stack, TRM's only net."""
    pos_encodings: Literal["rope", "learned", "none"] = "rope"
    """How a position is known."""
    mlp_t: bool = False
    """Mix positions by an MLP instead of attention."""
    puzzle_emb_ndim: Annotated[int, Field(ge=0, le=1 << 20)] = 0
    """Length of a puzzle's own vector; 0: none."""
    puzzle_emb_len: Annotated[int, Field(ge=0, le=1 << 16)] = 0
    """Prefix positions that hold it; 0: as many as it fills."""
    halt_max_steps: Annotated[int, Field(ge=1, le=1 << 16)] = 16
    """Segments of the budget."""
    halt_exploration_prob: Annotated[float, Field(ge=0, le=1)] = 0.1
    """Chance that training forbids an early halt."""
    no_ACT_continue: bool = True
    """Halt on q_halt > 0 alone; otherwise on q_halt > q_continue, with a target for the continue head."""
    rms_norm_eps: Annotated[float, Field(ge=0, le=1)] = 1e-5
    """Added to the mean square in every norm."""
    rope_theta: Annotated[float, Field(gt=0)] = 10000.0
    """Base of the rotary angles."""
    forward_dtype: Literal["float32", "bfloat16", "float64"] = "bfloat16"
    """The dtype it was made to compute in."""
    loss: Literal["stablemax", "softmax"] = "stablemax"
    """Cross entropy it is trained with."""

    @model_validator(mode="after")
    def _fits_together(self) -> ModelConfig:
        if self.hidden_size % self.num_heads:
            raise UsageError(
                "hidden_size is not a multiple of num_heads",
                found=f"hidden_size {self.hidden_size}, num_heads {self.num_heads}",
            )
        if self.pos_encodings == "rope" and not self.mlp_t and (self.hidden_size // self.num_heads) % 2:
            raise UsageError("rotary positions need an even head size", found=f"{self.hidden_size} / {self.num_heads}")
        if self.puzzle_emb_ndim > self.prefix * self.hidden_size:
            raise UsageError(
                "the puzzle embedding does not fit its prefix positions",
                found=f"puzzle_emb_ndim {self.puzzle_emb_ndim}",
                expected=f"at most puzzle_emb_len x hidden_size = {self.prefix * self.hidden_size}",
            )
        if self.name == "hrm":
            if self.H_layers == 0:
                raise UsageError("an HRM needs an H stack", found="H_layers 0", expected="H_layers of 1 or more")
            if self.puzzle_emb_len or self.no_ACT_continue:
                raise UsageError(
                    "an HRM derives its prefix and always has a continue head",
                    found=f"puzzle_emb_len {self.puzzle_emb_len}, no_ACT_continue {self.no_ACT_continue}",
                    expected="puzzle_emb_len 0, no_ACT_continue false",
                )
        return self

    @property
    def prefix(self) -> int:
        """Prefix positions P: the rows of hidden_size that the puzzle embedding takes, padded; 0 without one."""
        if self.puzzle_emb_ndim == 0:
            return 0
        return self.puzzle_emb_len or -(self.puzzle_emb_ndim // -self.hidden_size)

    @property
    def positions(self) -> int:
        """S = prefix + seq_len."""
        return self.prefix + self.seq_len

    @property
    def uses_rope(self) -> bool:
        return self.pos_encodings == "rope" and not self.mlp_t


def model_config(fields: Mapping[str, Any] | ModelConfig, **sizes: Any) -> ModelConfig:
    """A config from upstream's arch fields; `sizes` fill what the fields lack.

    `name` is "trm", "hrm" or upstream's `path@Class`. Defaults that upstream's classes have and ours has not are
    applied first. Raises UsageError for an unknown name, an ablation variant, an unknown key or a value out of range.
    """
    if isinstance(fields, ModelConfig):
        return fields
    arch = dict(fields)
    named = arch.pop("name", None)
    upstream = "@" in str(named)
    name = family(named)
    arch.pop("batch_size", None)  # sizes a training buffer upstream, nothing here
    arch.pop("causal", None)
    if isinstance(loss := arch.get("loss"), Mapping):
        arch["loss"] = loss_name(loss.get("loss_type"))
    if name == "hrm":
        if upstream:  # its class does not read these two
            arch.update(no_ACT_continue=False, puzzle_emb_len=0)
        arch = {"no_ACT_continue": False, "H_cycles": 2, "L_cycles": 2, "H_layers": 4, "L_layers": 4, **arch}
    else:
        arch.setdefault("puzzle_emb_len", 16)
    if arch.get("puzzle_emb_ndim") is None:
        arch.pop("puzzle_emb_ndim", None)
    if arch.get("pos_encodings") is None and "pos_encodings" in arch:
        arch["pos_encodings"] = "none"
    return ModelConfig(name=name, **{**{key: value for key, value in sizes.items() if value is not None}, **arch})


def family(named: object) -> Literal["trm", "hrm"]:
    """The model family a config names: "trm" or "hrm"."""
    text = str(named)
    module, _, cls = text.partition("@")
    for ablation in ABLATIONS:
        if ablation in text:
            raise UsageError(
                f"{ablation} is an ablation variant of upstream that rrdyn does not build",
                found=text,
                expected="trm or hrm",
            )
    found = CLASSES.get(cls) if cls else text if text in UPSTREAM_NAMES else None
    if found == "trm" and cls and module.rsplit(".", 1)[-1] != "trm":
        found = None  # upstream reuses the class name for its variants; the module tells them apart
    if found is None:
        raise UsageError("the config names no known model", found=repr(named), expected="trm or hrm")
    return found  # type: ignore[return-value]


def loss_name(loss_type: object) -> str:
    """stablemax or softmax, from upstream's `loss_type`."""
    text = str(loss_type).removesuffix("_cross_entropy")
    if text not in ("stablemax", "softmax"):
        raise UsageError("the config names no known loss", found=loss_type, expected="stablemax or softmax")
    return text
