"""How many trajectories fit: the bytes that autograd keeps for one, against what is free."""

from __future__ import annotations

import torch
from torch import Tensor

from rrdyn.runtime.devices import free_memory
from rrdyn.training.learner import Learner, Rows

USABLE = 0.6  # of the free memory; the rest is for temporaries of the forward and backward passes


def kept_bytes(learner: Learner, rows: Rows) -> int:
    """Bytes that the backward pass of one segment needs per trajectory, counted on one and two of `rows`."""
    if len(rows["index"]) < 2:
        rows = {name: column.repeat_interleave(2, 0) for name, column in rows.items()}
    one, two = (_kept(learner, {name: column[:count] for name, column in rows.items()}) for count in (1, 2))
    return max(1, two - one)


def _kept(learner: Learner, rows: Rows) -> int:
    seen: dict[int, int] = {}

    def note(tensor: Tensor) -> Tensor:
        storage = tensor.untyped_storage()
        seen[storage.data_ptr()] = storage.nbytes()
        return tensor

    count = len(rows["index"])
    last = torch.zeros(count, dtype=torch.bool, device=learner.device)
    weights = torch.zeros(count, dtype=learner.model.dtype, device=learner.device)
    with torch.autograd.graph.saved_tensors_hooks(note, lambda tensor: tensor):
        learner.segment(learner.initial(count), {**rows, "last": last}, weights)
    return sum(seen.values())


def fitting(learner: Learner, rows: Rows, trajectories: int) -> int:
    """Trajectories of one pass that fit the free memory now, in equal parts of `trajectories`."""
    most = max(1, int(USABLE * free_memory(learner.device) / kept_bytes(learner, rows)))
    parts = -(trajectories // -most)
    return -(trajectories // -parts)
