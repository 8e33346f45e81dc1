"""Whole rollouts of one or more copies of each example: of fixed length, or each until its first halt."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import torch
from torch import Tensor

from rrdyn.dynamics.protocol import rebuild
from rrdyn.runtime.devices import moved
from rrdyn.training.augmentation import AugConfig
from rrdyn.training.halting import exploration, stops
from rrdyn.training.learner import Learner, Rows
from rrdyn.training.objective import Cancelled, Objective, Share, Stats, register_objective

ALL = slice(None)


class Rolled(NamedTuple):
    """A whole rollout of R trajectories."""

    losses: Tensor
    """(T,R) loss after each segment, 0 after a trajectory's halt."""
    lengths: Tensor
    """(R,) segments until it halted."""
    preds: Tensor
    """(R,L) the answer at that segment."""
    correct: Tensor
    q_halt: Tensor


@register_objective("parallel_fixed", "serial_act", "act_mask")
class Rollouts(Objective):
    """Whole rollouts of K copies of each example; nothing reloads inside a step.

    Examples are rolled out to the end a micro-batch at a time, so that the states of the others take no memory.
    """

    def __init__(self, learner: Learner, aug: AugConfig, share: Share, seed: int, *, stagger: bool = False) -> None:
        super().__init__(learner, aug, share, seed, stagger=stagger)
        self.halting = aug.rollout in ("serial_act", "act_mask")
        # a trajectory's weight is known beforehand only where all rollouts have one length and all copies count alike
        self.needs_preview = self.halting or aug.aggregate != "mean"

    def step(self, batch: Rows, step: int, update: Callable[[], None]) -> Stats:
        """Gradient of the mean over examples of the aggregated trajectory loss; an update per rollout or segment."""
        parts, per_segment = self._parts(len(batch["index"])), self.aug.update == "segment"
        if len(parts) == 1:
            rolled, noise = self._learned(batch, ALL, step, None, update if per_segment else None)
        else:
            total = self._valid_steps(batch, parts, step) if self.aug.normalise == "step" else None
            found = [self._learned(batch, part, step, total, None) for part in parts]
            rolled = [_joined(group) for group in zip(*(groups for groups, _ in found))]
            noise = [stats for _, of_groups in found for stats in of_groups]
        if not per_segment:
            update()
        return self._stats(rolled, noise)

    def foresee(self, examples: list[int], step: int) -> None:
        parts = self._parts(len(examples))
        rolls = 2 if len(parts) > 1 and self.aug.normalise == "step" else 1  # the first counts the segments
        for part in parts * rolls:
            for group in self.groups:
                self.expect_noise(examples[part], group, step)

    @property
    def groups(self) -> list[range]:
        """The copies that are rolled out together."""
        numbers = self.aug.copy_numbers
        return [range(k, k + 1) for k in numbers] if self.aug.rollout == "serial_act" else [numbers]

    def _parts(self, examples: int) -> list[slice]:
        """The examples that are followed to the end together; an update per segment needs all of them side by side."""
        size = max(1, self.learner.micro // len(self.groups[0])) if self.learner.micro else examples
        if size >= examples or self.aug.update == "segment":
            return [ALL]
        return [slice(first, first + size) for first in range(0, examples, size)]

    def states_held(self, micro: int, trajectories: int) -> int:
        """Where a pass begins, and where it has come to if it is cut; starts that a preview leaves for later."""
        together, K = trajectories // self.aug.copies, len(self.groups[0])
        if self.aug.update != "segment":
            together = min(together, max(1, micro // K))
        rolled = together * K
        starts = together * self.aug.copies if self.needs_preview or len(self.groups) > 1 else 0
        return rolled * (1 if micro >= rolled else 2) + starts

    def _learned(
        self, batch: Rows, part: slice, step: int, total: Tensor | None, update: Callable[[], None] | None
    ) -> tuple[list[Rolled], list[Stats]]:
        """Roll a part of the examples out and gather its gradients; `total` as `weights` takes it."""
        batch = {name: column[part] for name, column in batch.items()}
        starts = self._starts(batch, step)
        if self.needs_preview:
            previews = [self.roll(batch, g, z0, None, step=step, part=part) for g, (z0, _) in zip(self.groups, starts)]
            losses, lengths = self._by_copy(previews, "losses"), self._by_copy(previews, "lengths")
            weights = self.weights(losses, lengths, total)
        else:
            weights = self.fixed_weights(len(batch["index"]))
        rolled, noise, first = [], [stats for _, stats in starts], 0
        for group in self.groups:
            own = weights[:, :, first : first + len(group)].flatten(1)
            # popped, so that no state but the one under way is held
            rolled.append(self.roll(batch, group, starts.pop(0)[0], own, step=step, part=part, update=update))
            first += len(group)
        return rolled, noise

    def _starts(self, batch: Rows, step: int) -> list[tuple[Any, Stats]]:
        return [self.perturbed(batch, group, step) for group in self.groups]

    def _valid_steps(self, batch: Rows, parts: list[slice], step: int) -> Tensor:
        """The supervised segments of all examples of all processes, from a rollout without gradient."""
        found = []
        for part in parts:
            rows = {name: column[part] for name, column in batch.items()}
            starts = self._starts(rows, step)
            rolled = [self.roll(rows, g, z0, None, step=step, part=part) for g, (z0, _) in zip(self.groups, starts)]
            found.append(self._valid(self._by_copy(rolled, "lengths")).sum())
        return self.reduce(torch.stack(found).sum())

    def roll(
        self, batch: Rows, copies: range, z0: Any, weights: Tensor | None, *, step: int, part: slice = ALL,
        update: Callable[[], None] | None = None,
    ) -> Rolled:  # fmt: skip
        """Roll B*K trajectories out from z0, adding sum(weights[t] * loss[t]) to the gradients; `weights` (T,R).

        `part`: which of this process's examples they are. A halted trajectory is taken out of the computation.
        """
        learner, K, device = self.learner, len(copies), self.learner.device
        rows = self.rows_of(batch, K)
        count = len(rows["labels"])
        losses = torch.zeros(learner.segments, count, dtype=torch.float64, device=device)
        lengths = torch.full((count,), learner.segments, device=device)
        alive = torch.arange(count, device=device)
        preds = torch.zeros_like(rows["labels"], dtype=torch.int64)
        correct = torch.zeros(count, dtype=torch.bool, device=device)
        q_halt = torch.zeros(count, dtype=torch.float64, device=device)
        z = z0
        del z0
        for t in range(learner.segments):
            if self.cancelled():
                raise Cancelled
            last = torch.full((len(alive),), t + 1 == learner.segments, device=device)
            wanted = None if weights is None or not self._supervised(t) else weights[t][alive]
            z = self.enter(z, alive, batch, copies, step=step, segment=t)
            outcome = learner.segment(z, {**rows, "last": last}, wanted)
            if update is not None:
                update()
            z = outcome.z
            losses[t, alive] = outcome.loss.double()
            preds[alive], correct[alive], q_halt[alive] = outcome.preds, outcome.correct, outcome.q_halt.double()
            if not self.halting:
                continue
            stop = stops(outcome.wants_halt, t + 1, last, moved(self._earliest(step, t, copies, part), device)[alive])
            lengths[alive] = torch.where(stop, t + 1, lengths[alive])
            going = (~stop).nonzero().squeeze(1)  # the one time a segment that its numbers are waited for
            if not len(going):
                break
            if len(going) < len(alive):
                alive = alive[going]
                z = rebuild(z, (tensor[going] for tensor in z))
                rows = {name: column[going] for name, column in rows.items()}
        return Rolled(losses, lengths, preds, correct, q_halt)

    def rows_of(self, batch: Rows, copies: int) -> Rows:
        """What is on the device of B examples, a row a trajectory: copies vary fastest."""
        columns = {name: column for name, column in batch.items() if name != "index"}
        return {name: column.repeat_interleave(copies, 0) if copies > 1 else column for name, column in columns.items()}

    def enter(self, z: Any, alive: Tensor, batch: Rows, copies: range, *, step: int, segment: int) -> Any:
        """The state of the trajectories `alive` with which a segment (from 0) begins: as the last one left it."""
        return z

    def _earliest(self, step: int, t: int, copies: range, part: slice) -> Tensor:
        """(R,) the segment before which exploration forbids each trajectory to halt."""
        draws = exploration(
            seed=self.seed, step=step, segment=t, probability=self.learner.exploration,
            max_steps=self.learner.segments, slots=self.share.slots, global_batch=self.share.global_batch,
            copies=self.aug.copies,
        )  # fmt: skip
        offset = copies.start - self.aug.copy_numbers.start
        return torch.from_numpy(draws[part, offset : offset + len(copies)].reshape(-1))

    def _supervised(self, t: int) -> bool:
        """Whether segment t carries a loss for anyone; the segments before a last one need no gradient."""
        return self.aug.supervise == "all" or self.halting or t + 1 == self.learner.segments

    def fixed_weights(self, examples: int) -> Tensor:
        """(T,B,K) weights of the loss where every trajectory runs to the end and counts the same."""
        T, K = self.learner.segments, self.aug.copies
        supervised = 1 if self.aug.supervise == "last" or self.aug.update == "segment" else T
        share = 1 / (supervised * K * self.share.global_batch)
        weights = torch.full((T, examples, K), share, dtype=self.learner.model.dtype, device=self.learner.device)
        if self.aug.supervise == "last":
            weights[:-1] = 0
        return weights

    def _valid(self, lengths: Tensor) -> Tensor:
        """(T,B,K) 1 where a segment carries a loss."""
        segment = torch.arange(1, self.learner.segments + 1, device=lengths.device).view(-1, 1, 1)
        if self.aug.supervise == "last":
            return (segment == lengths).double()
        return (segment <= lengths).double()

    def weights(self, losses: Tensor, lengths: Tensor, total: Tensor | None = None) -> Tensor:
        """(T,B,K) weights of the loss, from the losses (T,B,K) and lengths (B,K) of a rollout without gradient.

        `total`: under `normalise: step` the segments of all examples, where these are not all. The gradient of min, and
        of softmin = -tau log mean exp(-L_k / tau), is the sum of the copies' gradients with these weights held fixed,
        so a second rollout that uses them gives it exactly.
        """
        valid = self._valid(lengths)
        if self.aug.normalise == "step":
            return (valid / (self.reduce(valid.sum()) if total is None else total)).to(self.learner.model.dtype)
        per_trajectory = valid / valid.sum(0)
        trajectory_loss = (per_trajectory * losses).sum(0)
        if self.aug.aggregate == "mean":
            share = torch.full_like(trajectory_loss, 1 / self.aug.copies)
        elif self.aug.aggregate == "min":
            share = torch.zeros_like(trajectory_loss)
            share.scatter_(1, trajectory_loss.argmin(1, keepdim=True), 1.0)
        else:
            share = torch.softmax(-trajectory_loss / self.aug.temperature, 1)
        return (per_trajectory * share / self.share.global_batch).to(self.learner.model.dtype)

    def _by_copy(self, rolled: list[Rolled], name: str) -> Tensor:
        """A field of all groups with the copies on a last axis."""
        parts = [getattr(group, name) for group in rolled]
        K = self.aug.copies // len(parts)
        return torch.cat([part.view(*part.shape[:-1], -1, K) for part in parts], -1)

    def _stats(self, rolled: list[Rolled], noise: list[Stats]) -> Stats:
        lengths = self._by_copy(rolled, "lengths")
        losses = self._by_copy(rolled, "losses")
        correct, q_halt = self._by_copy(rolled, "correct"), self._by_copy(rolled, "q_halt")
        trajectory_loss = losses.sum(0) / lengths
        stats = {
            "loss": trajectory_loss.sum(), "loss_n": torch.tensor(lengths.numel()),
            "exact": correct.sum(), "exact_n": torch.tensor(lengths.numel()),
            "q_right": ((q_halt >= 0) == correct).sum(), "segments": lengths.sum(),
        }  # fmt: skip
        if self.aug.clean_copy and self.aug.copies > 1:
            K = self.aug.copies // len(rolled)
            preds = torch.cat([group.preds.view(len(lengths), K, -1) for group in rolled], 1)
            differs = (preds[:, 1:] != preds[:, :1]).any(-1)
            stats |= {"changed": differs.sum(), "changed_n": torch.tensor(differs.numel())}
        for part in noise:
            for name, value in part.items():
                stats[name] = stats.get(name, 0) + value
        return stats


def _joined(parts: tuple[Rolled, ...]) -> Rolled:
    """Rollouts of some examples each as one of all of them."""
    return Rolled(*(torch.cat(columns, -1 if name != "preds" else 0) for name, *columns in zip(Rolled._fields, *parts)))
