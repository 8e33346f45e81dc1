"""ACT streaming: a batch of slots, each at its own segment of its own example; a halted slot takes a new example."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from rrdyn.artifacts.errors import UsageError
from rrdyn.dynamics.protocol import rebuild
from rrdyn.models.losses import IGNORE
from rrdyn.runtime.devices import moved
from rrdyn.training.halting import exploration, stops
from rrdyn.training.learner import Learner, Outcome, Rows
from rrdyn.training.objective import Objective, Stats, register_objective

COLUMNS = ("steps", "halted")
"""What a saved slot holds beside the parts of its state, under names of their own, and its example."""
EXAMPLE = ("inputs", "labels", "puzzle_identifiers")
"""Of a row, what a slot keeps: all that is on the device."""


@dataclass
class Carry:
    """The state of B slots between two steps."""

    z: Any
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
        z = learner.initial(count)
        if taken := set(z._fields) & set(COLUMNS):
            raise UsageError("a part of the model's state has a name that training needs", found=", ".join(taken))
        return cls(
            z=z,
            steps=torch.zeros(count, dtype=torch.int32, device=device),
            halted=torch.ones(count, dtype=torch.bool, device=device),
            rows={name: torch.zeros_like(column) for name, column in like.items() if name in EXAMPLE},
        )

    def refilled(self, z0: Any, batch: Rows) -> Carry:
        """Halted slots take their example from the same place of `batch` and start at z0; the others go on."""

        def pick(new: Tensor, old: Tensor) -> Tensor:
            return torch.where(self.halted.view(-1, *[1] * (new.ndim - 1)), new, old)

        return Carry(
            z=rebuild(self.z, (pick(new, old) for new, old in zip(z0, self.z))),
            steps=torch.where(self.halted, 0, self.steps),
            halted=torch.zeros_like(self.halted),
            rows={name: pick(batch[name], self.rows[name]) for name in EXAMPLE},
        )

    def advanced(self, learner: Learner, weights: Tensor | None, min_steps: Tensor) -> tuple[Carry, Outcome]:
        """One supervised segment, then halting."""
        steps = self.steps + 1
        last = steps >= learner.segments
        outcome = learner.segment(self.z, {**self.rows, "last": last}, weights)
        halted = stops(outcome.wants_halt, steps, last, min_steps)
        return Carry(z=outcome.z, steps=steps, halted=halted, rows=self.rows), outcome

    def state_dict(self) -> dict[str, Tensor]:
        tensors = {**self.z._asdict(), "steps": self.steps, "halted": self.halted}
        return {**tensors, **{f"rows.{name}": column for name, column in self.rows.items()}}

    @classmethod
    def from_state(cls, state: dict[str, Tensor], like: Any) -> Carry:
        """`like`: a state of the model, for the names of its parts."""
        rows = {name.removeprefix("rows."): column for name, column in state.items() if name.startswith("rows.")}
        z = rebuild(like, (state[name] for name in like._fields))
        return cls(z=z, steps=state["steps"], halted=state["halted"], rows=rows)


@register_objective("act")
class Streaming(Objective):
    """ACT streaming, as upstream trains: one segment of every slot per step; halted slots reload (`--aug none`)."""

    carry: Carry | None = None

    def step(self, batch: Rows, step: int, update: Callable[[], None]) -> Stats:
        """Gradient of the mean loss over the global batch, then one update."""
        first = self.carry is None
        if self.carry is None:
            self.carry = Carry.empty(self.learner, batch)
        z0, stats = self.perturbed(batch, self.aug.copy_numbers, step)
        carry = self.carry.refilled(z0, batch)
        del z0
        if first and self.stagger:
            slots = torch.arange(self.share.slots.start, self.share.slots.stop, device=carry.steps.device)
            carry.steps = (slots % self.learner.segments).to(carry.steps.dtype)
        earliest = exploration(
            seed=self.seed, step=step, segment=0, probability=self.learner.exploration,
            max_steps=self.learner.segments, slots=self.share.slots, global_batch=self.share.global_batch, copies=1,
        )  # fmt: skip
        weights = torch.full_like(carry.steps, 1 / self.share.global_batch, dtype=self.learner.model.dtype)
        min_steps = moved(torch.from_numpy(earliest[:, 0]), carry.steps.device)
        self.carry, outcome = carry.advanced(self.learner, weights, min_steps)
        update()
        done = self.carry.halted & (carry.rows["labels"] != IGNORE).any(-1)  # as upstream counts
        return {
            **stats,
            "loss": outcome.loss.sum(), "loss_n": torch.tensor(len(done)),
            "answer_loss": outcome.answer_loss.sum(),
            "exact": (done & outcome.correct).sum(), "exact_n": done.sum(),
            "q_right": (done & ((outcome.q_halt >= 0) == outcome.correct)).sum(),
            "segments": (done * self.carry.steps).sum(),
        }  # fmt: skip

    def foresee(self, examples: list[int], step: int) -> None:
        self.expect_noise(examples, self.aug.copy_numbers, step)

    def states_held(self, micro: int, trajectories: int) -> int:
        """Of every slot the state before the step and the one it starts from; the one after it where passes are cut."""
        return trajectories * (2 if micro >= trajectories else 3)

    @property
    def segments_per_step(self) -> int:
        return 1

    def state_dict(self) -> dict[str, Tensor]:
        return {} if self.carry is None else self.carry.state_dict()

    def load_state_dict(self, state: dict[str, Tensor]) -> None:
        self.carry = Carry.from_state(state, self.learner.initial(1)) if state else None
