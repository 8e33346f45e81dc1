"""What a training process holds at a time, and how many trajectories of a pass fit beside the rest."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import torch

from rrdyn.runtime.devices import free_memory
from rrdyn.runtime.live_bytes import LiveBytes
from rrdyn.training.learner import Learner, Rows
from rrdyn.training.objective import Objective

USABLE = 0.85  # of the free memory; the rest is for gaps between blocks, and for what kernels take for themselves
BUFFERS = 1 << 29
"""Bytes that a process of several takes for its connections (NCCL) on a GPU."""


class Pass(NamedTuple):
    """The most that a pass holds, forwards and backwards. Bytes."""

    once: int
    """Whatever its size: weights in the dtype of products, and their gradients on the way."""
    each: int
    """For each of its trajectories."""


def pass_bytes(learner: Learner, rows: Rows) -> Pass:
    """Counted on one trajectory and on two; adds to the gradients."""
    if len(rows["index"]) < 2:
        rows = {name: column.repeat_interleave(2, 0) for name, column in rows.items()}
    learner.segment(*_first(learner, rows, 1))  # what is made once, and kept, is made now
    one, two = (_peak(learner, rows, count) for count in (1, 2))
    return Pass(max(0, 2 * one - two), max(1, two - one))


def _first(learner: Learner, rows: Rows, count: int) -> tuple[object, Rows, torch.Tensor]:
    some = {name: column[:count] for name, column in rows.items()}
    last = torch.zeros(count, dtype=torch.bool, device=learner.device)
    weights = torch.zeros(count, dtype=learner.model.dtype, device=learner.device)
    return learner.initial(count), {**some, "last": last}, weights


def _peak(learner: Learner, rows: Rows, count: int) -> int:
    given = _first(learner, rows, count)
    with LiveBytes() as bytes_:
        learner.segment(*given)
    return int(bytes_.peak)


@dataclass(frozen=True, kw_only=True)
class Need:
    """What a process will hold beside its weights, their gradient and average, which are there. Bytes."""

    lasting: int
    """The optimiser's moments, and what connections take."""
    state: int
    """One whole state of one trajectory."""
    a_pass: Pass
    trajectories: int
    objective: Objective

    @classmethod
    def of(cls, learner: Learner, objective: Objective, rows: Rows, *, world: int = 1) -> Need:
        """Counted on a few of a process's `rows`; adds to the gradients."""
        weights = sum(p.numel() * p.element_size() for p in learner.model.parameters() if p.requires_grad)
        state = sum(part.numel() * part.element_size() for part in learner.initial(1))
        buffers = BUFFERS if world > 1 and learner.device.type == "cuda" else 0
        return cls(
            lasting=2 * weights + buffers, state=state, a_pass=pass_bytes(learner, rows),
            trajectories=len(rows["index"]) * objective.aug.copies, objective=objective,
        )  # fmt: skip

    def at_work(self, micro: int) -> int:
        """While passes of `micro` trajectories are made: theirs, and the states that wait beside them."""
        micro = min(micro or self.trajectories, self.trajectories)
        passing = self.a_pass.once + micro * self.a_pass.each
        return passing + self.objective.states_held(micro, self.trajectories) * self.state

    def total(self, micro: int) -> int:
        return self.lasting + self.at_work(micro)

    def fitting(self, free: int) -> int:
        """Trajectories of one pass that fit, in equal parts of all; 1 where not even one does."""
        room = USABLE * free
        sizes = (-(self.trajectories // -parts) for parts in range(1, self.trajectories + 1))
        return next((size for size in sizes if self.total(size) <= room), 1)


def fitting(learner: Learner, objective: Objective, rows: Rows, *, world: int = 1) -> int:
    """Trajectories of one pass that fit the free memory now."""
    return Need.of(learner, objective, rows, world=world).fitting(free_memory(learner.device))
