"""Families as a stranger would write them, for a folder outside the package."""

from __future__ import annotations

import re
from pathlib import Path

PAGE = Path(__file__).parents[2] / "docs" / "architecture.md"
(DAMPED,) = [code for code in re.findall(r"^```python\n(.*?)^```$", PAGE.read_text(), re.DOTALL | re.MULTILINE)
             if "class DampedFamily" in code]  # fmt: skip
"""One state z, pulled seven times a segment: the worked example of docs/architecture.md."""

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
