"""Families as a stranger would write them, for a folder outside the package."""

from __future__ import annotations

from pathlib import Path

DAMPED = '''
"""One latent z, pulled towards tanh(W z + e) seven times a segment."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal, NamedTuple

import torch
from torch import Tensor, nn

from rrdyn.models import Model, ModelConfig, ModelFamily, Readout, Recurrence, register


class DampedConfig(ModelConfig):
    name: Literal["damped"] = "damped"
    hidden: int = 8
    rate: float = 0.25


class One(NamedTuple):
    z: Tensor


@dataclass(frozen=True)
class Pull:
    net: nn.Linear
    e: Tensor
    rate: float

    def value(self, state: One) -> One:
        return One(state.z + self.rate * (torch.tanh(self.net(state.z) + self.e) - state.z))

    def rows(self, index) -> Pull:
        return replace(self, e=self.e[index])


class Damped(Model):
    def __init__(self, config, dtype):
        super().__init__(config, dtype)
        self.tokens = nn.Embedding(config.vocab_size, config.hidden)
        self.model = nn.Linear(config.hidden, config.hidden)  # a name that wrappers use as a prefix
        self.dropout = nn.Dropout(0.5)
        self.head = nn.Linear(config.hidden, config.vocab_size)
        self.q = nn.Linear(config.hidden, 1)
        self.register_buffer("ramp", torch.linspace(0, 1, config.seq_len), persistent=False)

    def embed(self, inputs, puzzle_ids, puzzle_vectors=None):
        return self.dropout(self.tokens(inputs) + self.ramp[:, None]).to(self.dtype)

    def initial(self, batch):
        return One(torch.zeros(batch, self.config.seq_len, self.config.hidden, dtype=self.dtype, device=self.device))

    def recurrence(self, e):
        return Recurrence(sub_updates=(Pull(self.model, e, self.config.rate),) * 7, gradient_span=3)

    def read(self, state):
        q = self.q(state.z.mean(1))[:, 0].float()
        return Readout(self.head(state.z), q, torch.zeros_like(q))


@register
class DampedFamily(ModelFamily):
    name = "damped"
    config = DampedConfig

    def build(self, config, dtype):
        return Damped(config, dtype)
'''

TRIPLE = '''
"""Three parts of three shapes, moved by seven sub-updates of three kinds."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import NamedTuple

import torch
from torch import Tensor, nn

from rrdyn.models import Model, ModelConfig, ModelFamily, Readout, Recurrence, register


class TripleConfig(ModelConfig):
    hidden: int = 3


class Parts(NamedTuple):
    fine: Tensor
    coarse: Tensor
    phase: Tensor


@dataclass(frozen=True)
class Step:
    part: str
    model: Model
    e: Tensor

    def value(self, s: Parts) -> Parts:
        if self.part == "fine":
            return s._replace(fine=torch.tanh(self.model.fine(s.fine) + s.coarse[:, None] + self.e))
        if self.part == "coarse":
            return s._replace(coarse=torch.sin(self.model.coarse(s.coarse) + s.fine.mean(1)) + s.phase.sum(1)[:, None])
        return s._replace(phase=s.phase + 0.3 * torch.cos(s.phase + s.fine.sum(-1)))

    def rows(self, index) -> Step:
        return replace(self, e=self.e[index])


class Triple(Model):
    def __init__(self, config, dtype):
        super().__init__(config, dtype)
        self.tokens = nn.Embedding(config.vocab_size, config.hidden)
        self.fine, self.coarse = nn.Linear(config.hidden, config.hidden), nn.Linear(config.hidden, config.hidden)
        self.head = nn.Linear(config.hidden, config.vocab_size)

    def embed(self, inputs, puzzle_ids, puzzle_vectors=None):
        return self.tokens(inputs)

    def initial(self, batch):
        L, D = self.config.seq_len, self.config.hidden
        like = {"dtype": self.tokens.weight.dtype, "device": self.device}
        ramp = torch.linspace(-1, 1, L, **like)
        shapes = torch.ones(batch, L, D, **like), torch.zeros(batch, D, **like)
        return Parts(ramp[:, None] * shapes[0], shapes[1], ramp.repeat(batch, 1))

    def recurrence(self, e):
        kinds = {part: Step(part, self, e) for part in Parts._fields}
        order = ("fine", "phase", "fine", "coarse", "phase", "fine", "coarse")
        return Recurrence(sub_updates=tuple(kinds[part] for part in order), gradient_span=7)

    def read(self, s):
        q = s.coarse.sum(-1)
        return Readout(self.head(s.fine), q, torch.zeros_like(q))


@register
class TripleFamily(ModelFamily):
    name = "triple"
    config = TripleConfig

    def build(self, config, dtype):
        return Triple(config, dtype)
'''


def write(folder: Path, monkeypatch, **modules: str) -> None:
    """Write modules by name into a folder and name them as plug-ins."""
    for name, text in modules.items():
        (folder / f"{name}.py").write_text(text)
    monkeypatch.syspath_prepend(str(folder))
    monkeypatch.setenv("RRDYN_PLUGINS", ",".join(modules))
