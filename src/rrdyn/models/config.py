"""What a model of any family is told: its sizes and budget; and the fields that the two published families share."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Annotated, Any, Literal

from pydantic import Field, model_serializer, model_validator

from rrdyn.artifacts.config import Config
from rrdyn.artifacts.errors import UsageError

Size = Annotated[int, Field(ge=1, le=1 << 20)]
Cycles = Annotated[int, Field(ge=1, le=1024)]
Dtype = Literal["float32", "bfloat16", "float64"]
SIZES = ("seq_len", "vocab_size", "num_puzzle_identifiers")
"""Fields that come from the puzzles; published configs leave them out."""


class ModelConfig(Config):
    """Base of a family's config. A family adds its own fields, each with the family's default."""

    name: str
    """The family."""
    seq_len: Annotated[int, Field(ge=1, le=1 << 16)]
    """Tokens of a puzzle."""
    vocab_size: Size
    """Token values."""
    num_puzzle_identifiers: Annotated[int, Field(ge=1, le=1 << 26)] = 1
    """Puzzle identifiers that its vectors, where it has any, are for."""
    halt_max_steps: Annotated[int, Field(ge=1, le=1 << 16)] = 16
    """Segments of the budget."""
    forward_dtype: Dtype = "float32"
    """The dtype it was made to compute in."""

    @property
    def has_puzzle_vectors(self) -> bool:
        """Whether every puzzle identifier has a vector of its own."""
        return False

    @property
    def label(self) -> str:
        """The architecture as it stands in the names of run folders."""
        return self.name

    @property
    def short(self) -> str:
        """The model in a few words that do not need the length of its puzzles."""
        return f"a model of the family {self.name}"

    @property
    def summary(self) -> str:
        """The model in a few words."""
        return f"{self.short} ({self.seq_len} tokens of {self.vocab_size})"


class ReasonerConfig(ModelConfig):
    """The fields of the published arch configs, under their published names."""

    name: Literal["trm", "hrm", "srm"]
    """trm: one net for both updates; hrm: an H stack and an L stack; srm: one operator for both at once."""
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
    forward_dtype: Dtype = "bfloat16"
    """The dtype it was made to compute in."""
    loss: Literal["stablemax", "softmax"] = "stablemax"
    """Cross entropy it is trained with."""

    @model_serializer(mode="wrap")
    def _in_published_order(self, handler: Callable[[Any], Mapping[str, object]]) -> dict[str, Any]:
        # pydantic puts the fields of the base first; the text of a config enters the digests of files
        fields = handler(self)
        published = [key for key in ReasonerConfig.__annotations__ if key in fields]
        return {key: fields[key] for key in (*published, *(key for key in fields if key not in published))}

    @model_validator(mode="after")
    def _fits_together(self) -> ReasonerConfig:
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
        return self

    @property
    def has_puzzle_vectors(self) -> bool:
        return self.puzzle_emb_ndim > 0

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

    @property
    def label(self) -> str:
        return "hrm" if self.name == "hrm" else f"trm-{'mlp' if self.mlp_t else 'att'}"

    @property
    def short(self) -> str:
        return f"{'an' if self.name == 'hrm' else 'a'} {self.name.upper()}, hidden {self.hidden_size}"

    @property
    def summary(self) -> str:
        mixing = "MLP mixing" if self.mlp_t else f"attention, {self.pos_encodings} positions"
        name = self.short.partition(",")[0]
        return f"{name} ({mixing}, hidden {self.hidden_size}, {self.positions} positions)"
