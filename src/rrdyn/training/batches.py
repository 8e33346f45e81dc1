"""Puzzles of a dataset as rows: tokens on the device, the index that names an example's random streams on the host."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import torch

from rrdyn.data.folder import PuzzleSplit
from rrdyn.runtime.devices import moved
from rrdyn.training.learner import Rows


def on_device(batch: Mapping[str, np.ndarray], device: torch.device) -> Rows:
    """A sampler's batch as tensors."""
    tensors = {name: torch.from_numpy(np.asarray(column)) for name, column in batch.items()}
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
