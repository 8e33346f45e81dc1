"""A model whose state is one number, moved by a known map: what methods do to it can be worked out."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, NamedTuple

import numpy as np
import torch
from torch import Tensor

from rrdyn.measurement.scaling import METHODS
from rrdyn.measurement.scaling.method import Schedule, Setting
from rrdyn.measurement.scaling.particles import follow_particles
from rrdyn.measurement.subject import Questions
from rrdyn.models import Model, ModelConfig, Readout
from rrdyn.models.recurrence import Recurrence


class OneConfig(ModelConfig):
    name: Literal["one"] = "one"
    seq_len: int = 1
    vocab_size: int = 2
    halt_max_steps: int = 4


class One(NamedTuple):
    z: Tensor


@dataclass(frozen=True)
class Step:
    function: Callable[[Tensor], Tensor]

    def value(self, state: One) -> One:
        return One(self.function(state.z))

    def rows(self, index) -> Step:
        return self


class OneNumber(Model):
    """z in float64; the answer is 1 where `says(z)`, and q_halt is `q(z)`."""

    def __init__(self, function, start=0.0, says=lambda z: z > 0, q=torch.zeros_like, budget=4):
        super().__init__(OneConfig(halt_max_steps=budget), torch.float64)
        self.function, self.z0, self.says, self.q = function, start, says, q

    def embed(self, inputs, puzzle_ids, puzzle_vectors=None):
        return inputs.double()

    def initial(self, batch):
        return One(torch.full((batch, 1), float(self.z0), dtype=torch.float64))

    def recurrence(self, e):
        return Recurrence(sub_updates=(Step(self.function),), gradient_span=1)

    def read(self, state):
        yes = self.says(state.z)[:, 0].double()
        q = self.q(state.z)[:, 0]
        return Readout(torch.stack([1 - yes, yes], -1)[:, None], q, torch.zeros_like(q))


def run(model, name, particles, segments, *, puzzles=1, strength=None, seed=0, exponents=False, **schedule):
    """A method and what it reads of `particles` particles of some puzzles, whose right answer is 1."""
    setting = Setting(models=[model], seed=seed, schedule=Schedule(**schedule))
    ones = torch.ones(puzzles, 1, dtype=torch.int64)
    questions = Questions(inputs=ones.int(), labels=ones, identifiers=ones[:, 0].int(), idx=np.arange(puzzles))
    method = METHODS[name](setting, questions, range(particles), strength)
    with torch.no_grad():
        return method, follow_particles(method, segments, 2, exponents=exponents)
