"""Models of full size on the pretended card, without content: for counting bytes (FakeTensorMode)."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from tests.cuda.pretended import CardTensor, PretendedCard
from torch._subclasses.fake_tensor import FakeTensorMode

from rrdyn.artifacts.config import read_preset
from rrdyn.models import Model, build
from rrdyn.training.learner import Rows

PRESETS = {"sudoku": ("trm-mlp", 81, 11), "maze": ("trm-att-maze", 900, 6), "sudoku attention": ("trm-att", 81, 11)}


@contextmanager
def full_size(name: str, **changes: int) -> Iterator[Model]:
    """A preset's model; inside, what is made has a shape and no content, and numbers cannot be read."""
    preset, cells, tokens = PRESETS[name]
    sizes = {"seq_len": cells, "vocab_size": tokens, "num_puzzle_identifiers": 1, "forward_dtype": "float32"}
    with torch.random.fork_rng(devices=[]):
        model = build({**read_preset("model", preset), **sizes, **changes}, torch.float32)
    with FakeTensorMode(allow_non_fake_inputs=True) as fake, PretendedCard():
        for module in model.modules():
            for key, parameter in module._parameters.items():
                if parameter is not None:
                    module._parameters[key] = torch.nn.Parameter(CardTensor(fake.from_tensor(parameter.detach())))
            for key, buffer in module._buffers.items():
                if buffer is not None:
                    module._buffers[key] = CardTensor(fake.from_tensor(buffer))
        yield model


def rows_of(model: Model, count: int) -> Rows:
    """Examples of the model's sizes."""
    tokens = torch.ones(count, model.config.seq_len, dtype=torch.int32, device="cuda")
    identifiers = tokens.new_zeros(count)
    return {"inputs": tokens, "labels": tokens, "puzzle_identifiers": identifiers, "index": torch.arange(count)}
