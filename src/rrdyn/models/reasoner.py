"""What TRM, HRM and SRM share: embedding of a puzzle, initial state, readout. Parameter names are upstream's."""

from __future__ import annotations

import math
from abc import abstractmethod
from collections.abc import Sequence
from typing import ClassVar

import torch
import torch.nn.functional as F
from einops import rearrange
from torch import Tensor, nn

from rrdyn.artifacts.errors import UsageError
from rrdyn.models.config import ReasonerConfig
from rrdyn.models.latent import Latent, StackUpdate
from rrdyn.models.layers import (
    Block,
    Cast,
    Embedding,
    Linear,
    PuzzleEmbedding,
    RotaryTable,
    Stack,
    at_least_float32,
    inner_size,
    truncated_normal_,
)
from rrdyn.models.model import Model, Readout
from rrdyn.models.recurrence import Recurrence
from rrdyn.runtime.shapes import Float, Integer

ROOT_HALF = 0.707106781  # as published, nine digits


class Inner(nn.Module):
    """The parameters, under upstream's names."""

    H_init: Tensor
    L_init: Tensor

    def __init__(self, config: ReasonerConfig, dtype: torch.dtype) -> None:
        super().__init__()
        size = config.hidden_size
        std = 1 / math.sqrt(size)
        self.embed_tokens = Embedding(config.vocab_size, size, std=std)
        self.lm_head = Linear(size, config.vocab_size)
        self.q_head = Linear(size, 2, bias=True)
        if config.puzzle_emb_ndim:
            self.puzzle_emb = PuzzleEmbedding(config.num_puzzle_identifiers, config.puzzle_emb_ndim)
        if config.pos_encodings == "learned":
            self.embed_pos = Embedding(config.positions, size, std=std)
        if config.uses_rope:
            self.rotary_emb = RotaryTable(size // config.num_heads, config.positions, config.rope_theta)
        self.add_levels(config)
        self.register_buffer("H_init", truncated_normal_(torch.empty(size, dtype=dtype), 1.0))
        self.register_buffer("L_init", truncated_normal_(torch.empty(size, dtype=dtype), 1.0))
        with torch.no_grad():  # near-zero halting probability at first
            self.q_head.weight.zero_()
            assert self.q_head.bias is not None
            self.q_head.bias.fill_(-5)

    def add_levels(self, config: ReasonerConfig) -> None:
        """The nets that move the latents, under the names that they have in a state dict."""
        if config.name == "hrm":
            self.H_level = stack(config, config.H_layers)
        self.L_level = stack(config, config.L_layers)


def stack(config: ReasonerConfig, layers: int) -> Stack:
    """That many blocks of the config's sizes."""
    return Stack(
        [
            Block(
                size=config.hidden_size,
                heads=config.num_heads,
                expansion=config.expansion,
                eps=config.rms_norm_eps,
                mixed_positions=config.positions if config.mlp_t else None,
            )
            for _ in range(layers)
        ]
    )


class Reasoner(Model):
    """Two latents z_H and z_L (B,S,D); S positions are prefix + puzzle, D features. A subclass says how they move."""

    config: ReasonerConfig
    inner_type: ClassVar[type[Inner]] = Inner
    initial_tensors = ("inner.H_init", "inner.L_init")

    def __init__(self, config: ReasonerConfig, dtype: torch.dtype | None = None) -> None:
        super().__init__(config, dtype)
        self.inner = self.inner_type(config, self.dtype)
        self.casts = [part for module in self.modules() for part in vars(module).values() if isinstance(part, Cast)]

    @property
    def device(self) -> torch.device:
        return self.inner.H_init.device

    @property
    def has_continue(self) -> bool:
        return not self.config.no_ACT_continue

    @property
    def prefix(self) -> int:
        return self.config.prefix

    @property
    def initial_std(self) -> float:
        """Standard deviation over features of the initial z_H, the unit of perturbations of z0."""
        return float(self.inner.H_init.float().std())

    @property
    def puzzle_table(self) -> Float[Tensor, "identifiers n"] | None:
        return self.inner.puzzle_emb.weights if self.config.puzzle_emb_ndim else None

    def require_identifiers(self, largest: int) -> None:
        known = self.config.num_puzzle_identifiers
        if self.config.puzzle_emb_ndim and largest >= known:
            raise UsageError(
                "these puzzles have an identifier that the model has no vector for",
                found=largest,
                expected=f"less than {known}",
                run="give the dataset that the model was trained on (--data)",
            )

    def embed(
        self,
        inputs: Integer[Tensor, "B L"],
        puzzle_ids: Integer[Tensor, " B"],
        puzzle_vectors: Float[Tensor, "B n"] | None = None,
    ) -> Float[Tensor, "B S D"]:
        """The input embedding e (B,S,D) of puzzles (B,L) with identifiers (B,), prefix first.

        Raises UsageError where the puzzles are not `seq_len` long.
        """
        self._forget_casts()
        if inputs.ndim != 2 or inputs.shape[1] != self.config.seq_len:
            raise UsageError(
                "these puzzles do not fit the model",
                found=f"inputs of shape {tuple(inputs.shape)}",
                expected=f"(batch, {self.config.seq_len})",
                run="give the dataset that the model was trained on (--data)",
            )
        size = self.config.hidden_size
        e = self.inner.embed_tokens(inputs.to(torch.int32), self.dtype)
        if self.config.puzzle_emb_ndim:
            if puzzle_ids.device.type == "cpu":
                self.require_identifiers(int(puzzle_ids.max()))
            vectors = self.puzzle_vectors(puzzle_ids) if puzzle_vectors is None else puzzle_vectors
            assert vectors is not None
            vectors = F.pad(vectors.to(self.dtype), (0, self.prefix * size - vectors.shape[-1]))
            e = torch.cat((rearrange(vectors, "B (P D) -> B P D", P=self.prefix), e), dim=-2)
        if self.config.pos_encodings == "learned":
            e = ROOT_HALF * (e + self.inner.embed_pos.weight_as(self.dtype))
        out: Tensor = math.sqrt(size) * e
        return out

    def initial(self, batch: int) -> Latent:
        """The initial state of `batch` puzzles: one fixed vector for z_H, one for z_L, at every position."""
        shape = (batch, self.config.positions, 1)
        return Latent(*(init.to(self.dtype).repeat(shape) for init in (self.inner.H_init, self.inner.L_init)))

    def read(self, z: Latent) -> Readout:
        """The answer in z_H: logits (in the model's dtype) of the puzzle, q (at least float32) of position 0."""
        logits = self.inner.lm_head(z.z_H)[:, self.prefix :]
        q = self.inner.q_head(z.z_H[:, 0]).to(at_least_float32(self.dtype))
        return Readout(logits, q[..., 0], q[..., 1])

    def _forget_casts(self) -> None:
        # Optimisers and averages write through `.data`, of which a tensor keeps no record.
        for cast in self.casts:
            cast.forget()

    @property
    @abstractmethod
    def gradient_span(self) -> int:
        """How many of a segment's last sub-updates training differentiates."""


class Stacked(Reasoner):
    """A reasoner whose latents are moved in turn, each by a stack of blocks."""

    def recurrence(self, e: Float[Tensor, "B S D"]) -> Recurrence[Latent]:
        """The sub-updates of one segment with the input embedding e (B,S,D)."""
        self._forget_casts()
        cos_sin = self.inner.rotary_emb.as_dtype(self.dtype) if self.config.uses_rope else None
        update_L = StackUpdate(writes="z_L", stack=self.inner.L_level, cos_sin=cos_sin, injection=e, dtype=self.dtype)
        update_H = StackUpdate(writes="z_H", stack=self.stack_H, cos_sin=cos_sin, injection=None, dtype=self.dtype)
        cycle = (*[update_L] * self.config.L_cycles, update_H)
        return Recurrence(sub_updates=cycle * self.config.H_cycles, gradient_span=self.gradient_span)

    @property
    @abstractmethod
    def stack_H(self) -> Stack:
        """The net that updates z_H."""

    @property
    def nets(self) -> Sequence[nn.Module]:
        return tuple({self.inner.L_level: None, self.stack_H: None})

    def activation_bytes(self, tangents: int = 0, width: int = 4) -> int:
        config = self.config
        S, D, pairs = config.positions, config.hidden_size, config.num_heads * config.positions**2
        if not tangents:
            return width * (32 * S * D + 4 * pairs)
        slots, inner = 1 + tangents, inner_size(D, config.expansion)
        features = (2 * slots + 3) * inner * S
        if config.mlp_t:
            mixing = (2 * slots + 3) * inner_size(S, config.expansion) * D
        else:  # of the tangents' scores a few are held at a time
            mixing = 4 * slots * S * D + 3 * pairs
        # value and tangents, and their copy from the start of the segment
        return width * (2 * slots * self.state_elements + max(features, mixing) + 2 * self.state_elements)

    def fill_tables(self) -> None:
        config = self.config
        if config.uses_rope:
            head_dim = config.hidden_size // config.num_heads
            self.inner.rotary_emb = RotaryTable(head_dim, config.positions, config.rope_theta)
