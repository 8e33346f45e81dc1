"""What a model is to the rest of the package, whatever its family: embed, start, iterate, read, halt."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, ClassVar, NamedTuple

import torch
from torch import Tensor, nn

from rrdyn.artifacts.record import Meta
from rrdyn.models.config import ModelConfig
from rrdyn.models.contraction import Certificate
from rrdyn.models.recurrence import Recurrence
from rrdyn.runtime.shapes import Bool, Float, Integer

WIDE = 32
"""Numbers held at a time for one number of a state, where a model does not say."""


class Readout(NamedTuple):
    """What is read from a state: logits (B,L,V) without the prefix, q_halt (B,), q_continue (B,)."""

    logits: Float[Tensor, "B L V"]
    q_halt: Float[Tensor, " B"]
    q_continue: Float[Tensor, " B"]


@dataclass(frozen=True, kw_only=True)
class Source:
    """Where a model came from."""

    path: Path
    """The weights file."""
    layout: str
    """rrdyn, upstream, hub, export, bare (a config beside the file) or foreign (a stranger's config inside it)."""
    weights: str | None = None
    """The key of the weights that were taken, where they do not stand at the top level of the file."""
    choices: tuple[str, ...] = ()
    """The keys of all weights in the file that the model could have been read from."""
    step: int | None = None
    """Training step, where known."""
    ema: bool | None = None
    """Whether the weights are a moving average, where known."""
    dataset: str | None = None
    """The dataset folder it names."""
    dataset_digest: str | None = None
    """Digest of the training split of that dataset, where it is written down."""
    upstream: Meta | None = None
    """The whole all_config.yaml it came with."""
    training: Mapping[str, object] = field(default_factory=dict)
    """What a stranger's config inside the file says beside the model: part and seed of the data, a learning rate."""


class Model(nn.Module, ABC):
    """A recursive reasoner: embed a puzzle, iterate segments from the initial state, read an answer from any state.

    A family's model defines `embed`, `initial`, `recurrence` and `read`; the rest has defaults. The state is a
    NamedTuple of tensors (B,...), its parts of any names and number. B batch, L puzzle length, V token values.
    """

    initial_tensors: ClassVar[tuple[str, ...]] = ()
    """State-dict names of what the initial state is made of, where training leaves it alone: kept in the dtype the
    model computes in, and no parameter in a count."""

    def __init__(self, config: ModelConfig, dtype: torch.dtype | None = None) -> None:
        """`dtype`: what to compute in; default the config's `forward_dtype`."""
        super().__init__()
        self.config = config
        self.dtype: torch.dtype = dtype or getattr(torch, config.forward_dtype)
        self.source: Source | None = None

    @abstractmethod
    def embed(
        self,
        inputs: Integer[Tensor, "B L"],
        puzzle_ids: Integer[Tensor, " B"],
        puzzle_vectors: Float[Tensor, "B n"] | None = None,
    ) -> Float[Tensor, "B ..."]:
        """The input embedding e (B,...) of puzzles (B,L) with identifiers (B,).

        Raises UsageError where the puzzles do not fit the model.
        """

    @abstractmethod
    def initial(self, batch: int) -> Any:
        """The initial state of `batch` puzzles: a NamedTuple of tensors (B,...) in the model's dtype."""

    @abstractmethod
    def recurrence(self, e: Float[Tensor, "B ..."]) -> Recurrence[Any]:
        """The sub-updates of one segment with the input embedding e."""

    @abstractmethod
    def read(self, z: Any) -> Readout:
        """The answer in a state, and the halt logits: at least float32. A model without a continue head gives zeros."""

    def segment(self, z: Any, e: Float[Tensor, "B ..."]) -> Any:
        """The state one segment later."""
        return self.recurrence(e).segment(z)

    def penalty(self) -> Tensor | None:
        """What training adds to the loss of every example for the weights alone, (); None for nothing."""
        return None

    def certificate(self) -> Certificate | None:
        """The proof that its sub-updates contract, for a family that is made so; None for any other."""
        return None

    @property
    def budget(self) -> int:
        """Segments that it is trained for."""
        return int(self.config.halt_max_steps)

    @property
    def has_continue(self) -> bool:
        """Whether a continue head takes part in halting."""
        return False

    def halts(self, readout: Readout) -> Bool[Tensor, " B"]:
        """(B,) Whether a readout says stop: q_halt > 0, or q_halt > q_continue with a continue head.

        The rule of the published evaluations.
        """
        return readout.q_halt > (readout.q_continue if self.has_continue else 0)

    @property
    def device(self) -> torch.device:
        """Where its weights lie."""
        for tensors in (self.parameters(), self.buffers()):
            for tensor in tensors:
                return tensor.device
        return torch.device("cpu")

    @property
    def prefix(self) -> int:
        """Positions before the puzzle, which hold its vector."""
        return 0

    @property
    def initial_std(self) -> float:
        """The unit of perturbations of z0: the standard deviation of the first part of one initial state, 1 if 0."""
        with torch.no_grad():
            part = self.initial(1)[0].float()
            return (float(part.std()) if part.numel() > 1 else 0.0) or 1.0

    @property
    def puzzle_table(self) -> Float[Tensor, "identifiers n"] | None:
        """The puzzles' own vectors (identifiers, n), which training moves row by row; None for a model without."""
        return None

    def puzzle_vectors(self, puzzle_ids: Integer[Tensor, " B"]) -> Float[Tensor, "B n"] | None:
        """The puzzles' own vectors (B,n) as a new leaf, or None for a model without.

        Training marks them with `requires_grad_()`, passes them to `embed`, and steps the rows by their gradient.
        """
        table = self.puzzle_table
        return None if table is None else table[puzzle_ids]

    def require_identifiers(self, largest: int) -> None:
        """Raise UsageError where no vector belongs to the largest identifier of some puzzles.

        Asked on the host: on a device an index that is out of range ends the process.
        """

    @property
    def nets(self) -> Sequence[nn.Module]:
        """The modules that a segment applies over and over, each once: what pays to be compiled."""
        return ()

    @cached_property
    def sub_updates_per_segment(self) -> int:
        """The clock of a segment, from the recurrence itself."""
        return len(self.blank_recurrence().sub_updates)

    @property
    def gradient_span(self) -> int:
        """How many of a segment's last sub-updates training differentiates."""
        return self.blank_recurrence().gradient_span

    def blank_recurrence(self) -> Recurrence[Any]:
        """The recurrence of one puzzle of zeros: for what does not depend on puzzles."""
        zeros = torch.zeros(1, self.config.seq_len, dtype=torch.int32, device=self.device)
        with torch.no_grad():
            return self.recurrence(self.embed(zeros, zeros[:, 0]))

    @cached_property
    def state_elements(self) -> int:
        """Numbers in the state of one puzzle, all parts together."""
        with torch.no_grad():
            return sum(part[0].numel() for part in self.initial(1))

    def activation_bytes(self, tangents: int = 0, width: int = 4) -> int:
        """About the most memory that a sub-update of one puzzle takes with so many tangents, of `width` bytes a number.

        The estimate by which puzzles are shared out; a model whose inner layers are wide says its own.
        """
        return (1 + tangents) * WIDE * self.state_elements * width

    def fill_tables(self) -> None:
        """Compute what the state dict does not hold, for a model made without memory whose weights are in place.

        By default from a second model of the same config; nothing to do for a model without such tables.
        """
        if not any(tensor.is_meta for tensor in self.buffers()):
            return
        with torch.random.fork_rng(devices=[]):
            fresh = dict(type(self)(self.config, self.dtype).named_buffers())
        for name, tensor in list(self.named_buffers()):
            if tensor.is_meta:
                owner, _, leaf = name.rpartition(".")
                self.get_submodule(owner)._buffers[leaf] = fresh[name]
