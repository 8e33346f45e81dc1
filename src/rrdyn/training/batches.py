"""Puzzles of a dataset as rows: tokens on the device, the index that names an example's random streams on the host.

On a GPU the batch of the next step is drawn in a thread while this one is under way.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial

import numpy as np
import torch
from torch import Tensor

from rrdyn.artifacts.record import Meta
from rrdyn.data.folder import PuzzleSplit
from rrdyn.data.sampler import Sampler
from rrdyn.runtime.devices import moved, pinned
from rrdyn.training.ahead import Ahead
from rrdyn.training.learner import Rows


class Batches:
    """A sampler's batches, step by step, with the place in the data to go on from."""

    def __init__(
        self, sampler: Sampler, device: torch.device, step: int, foresee: Callable[[list[int], int], None]
    ) -> None:
        """`step`: the next one. `foresee`: told the examples of a step as soon as they are drawn."""
        self.sampler, self.device, self.step, self.foresee = sampler, device, step, foresee
        self.position: Meta = sampler.state_dict()
        """Behind the last batch that was given out."""
        self.ahead = Ahead(device)

    def next(self) -> Rows:
        """The rows of the next step."""
        host, self.position = self.ahead.take(self.step, partial(self._drawn, self.step))
        self.step += 1
        self.ahead.expect(self.step, partial(self._drawn, self.step))
        return {name: tensor if name == "index" else moved(tensor, self.device) for name, tensor in host.items()}

    def back(self, position: Meta) -> None:
        """To a place that was passed; nothing more is drawn."""
        self.ahead.close()
        self.sampler.load_state_dict(position)
        self.position = position

    def _drawn(self, step: int) -> tuple[dict[str, Tensor], Meta]:
        host = as_tensors(self.sampler.next())
        self.foresee(host["index"].tolist(), step)
        host = {name: tensor if name == "index" else pinned(tensor, self.device) for name, tensor in host.items()}
        return host, self.sampler.state_dict()


def as_tensors(batch: Mapping[str, np.ndarray]) -> dict[str, Tensor]:
    """A sampler's batch on the host."""
    return {name: torch.from_numpy(np.asarray(column)) for name, column in batch.items()}


def on_device(batch: Mapping[str, np.ndarray], device: torch.device) -> Rows:
    """A sampler's batch as rows."""
    tensors = as_tensors(batch)
    return {name: tensor if name == "index" else moved(tensor, device) for name, tensor in tensors.items()}


def rows_of(split: PuzzleSplit, index: np.ndarray, device: torch.device) -> Rows:
    """The examples with these indices."""
    batch: dict[str, np.ndarray] = {
        "inputs": np.asarray(split.inputs[index], np.int32),
        "labels": split.answers(index).astype(np.int32),
        "puzzle_identifiers": np.asarray(split.example_identifiers[index], np.int32),
        "index": np.asarray(index, np.int64),
    }
    return on_device(batch, device)
