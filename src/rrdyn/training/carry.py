"""ACT streaming: a batch of slots, each at its own segment of its own example; a halted slot takes a new example."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from rrdyn.models import Latent
from rrdyn.runtime.streams import generator
from rrdyn.training.learner import Learner, Outcome, Rows


@dataclass
class Carry:
    """The state of B slots between two steps."""

    z: Latent
    steps: Tensor
    """(B,) segments done on the current example."""
    halted: Tensor
    """(B,) whether the slot takes a new example at the next step."""
    rows: Rows
    """The examples in the slots."""

    @classmethod
    def empty(cls, learner: Learner, like: Rows) -> Carry:
        """All slots halted, so that the first step fills them."""
        count, device = len(like["inputs"]), learner.device
        return cls(
            z=learner.initial(count),
            steps=torch.zeros(count, dtype=torch.int32, device=device),
            halted=torch.ones(count, dtype=torch.bool, device=device),
            rows={name: torch.zeros_like(column) for name, column in like.items()},
        )

    def refilled(self, z0: Latent, batch: Rows) -> Carry:
        """Halted slots take their example from the same place of `batch` and start at z0; the others go on."""

        def pick(new: Tensor, old: Tensor) -> Tensor:
            return torch.where(self.halted.view(-1, *[1] * (new.ndim - 1)), new, old)

        return Carry(
            z=Latent(*(pick(new, old) for new, old in zip(z0, self.z))),
            steps=torch.where(self.halted, 0, self.steps),
            halted=torch.zeros_like(self.halted),
            rows={name: pick(column, self.rows[name]) for name, column in batch.items()},
        )

    def advanced(self, learner: Learner, weights: Tensor | None, min_steps: Tensor) -> tuple[Carry, Outcome]:
        """One supervised segment, then halting."""
        steps = self.steps + 1
        last = steps >= learner.segments
        outcome = learner.segment(self.z, {**self.rows, "last": last}, weights)
        halted = halts(learner, outcome, steps, last, min_steps)
        return Carry(z=outcome.z, steps=steps, halted=halted, rows=self.rows), outcome

    def state_dict(self) -> dict[str, Tensor]:
        tensors = {"z_H": self.z.z_H, "z_L": self.z.z_L, "steps": self.steps, "halted": self.halted}
        return {**tensors, **{f"rows.{name}": column for name, column in self.rows.items()}}

    @classmethod
    def from_state(cls, state: dict[str, Tensor]) -> Carry:
        rows = {name.removeprefix("rows."): column for name, column in state.items() if name.startswith("rows.")}
        return cls(z=Latent(state["z_H"], state["z_L"]), steps=state["steps"], halted=state["halted"], rows=rows)


def halts(learner: Learner, outcome: Outcome, steps: Tensor, last: Tensor, min_steps: Tensor) -> Tensor:
    """(R,) whether a trajectory stops here: the budget is used, or the model says so and exploration allows it."""
    if learner.segments == 1:
        return last
    wants = outcome.q_halt > (outcome.q_continue if learner.has_continue else 0)
    return last | (wants & (steps >= min_steps))


def exploration(
    *,
    seed: int,
    step: int,
    segment: int,
    probability: float,
    max_steps: int,
    slots: slice,
    global_batch: int,
    copies: int,
) -> np.ndarray:
    """(slots, copies) earliest segment at which a trajectory may halt: mostly 0, else uniform on 2..max_steps.

    Drawn for the whole global batch, so that a slot's draw does not depend on the number of processes.
    """
    stream = generator(seed, "explore", step, segment)
    explores = stream.random((global_batch, copies)) < probability
    earliest = stream.integers(2, max(2, max_steps) + 1, (global_batch, copies))
    return np.where(explores, earliest, 0)[slots]
