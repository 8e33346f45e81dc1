"""What one training step rolls out and learns from: ACT streaming, or whole rollouts of one or more copies."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor

from rrdyn.models import Latent
from rrdyn.models.losses import IGNORE
from rrdyn.training.augmentation import AugConfig
from rrdyn.training.carry import Carry, exploration, halts
from rrdyn.training.learner import Learner, Rows
from rrdyn.training.noise import draw

Stats = dict[str, Tensor]
"""Sums over this process's examples of one step; `*_n` count what was summed."""


@dataclass(frozen=True, kw_only=True)
class Share:
    """The part of the global batch that this process holds."""

    global_batch: int
    slots: slice

    @classmethod
    def of(cls, global_batch: int, rank: int = 0, world: int = 1) -> Share:
        size = global_batch // world
        return cls(global_batch=global_batch, slots=slice(rank * size, (rank + 1) * size))


def perturbed(
    learner: Learner, aug: AugConfig, rows: Rows, copies: range, *, seed: int, step: int
) -> tuple[Latent, Stats]:
    """z0 of every (example, copy), copies varying fastest, and the realised size of the noise.

    The noise is added in float32 or wider. `noise` is ||stored z0 - clean z0|| / ||clean z0|| over both latents.
    """
    count = len(rows["index"]) * len(copies)
    clean = learner.initial(count)
    if aug.noise.sampling == "none":
        return clean, {}
    examples = rows["index"].tolist()
    shape = tuple(clean.z_H.shape[1:])
    eps_H, eps_L, sigma = draw(aug.noise, seed=seed, step=step, examples=examples, copies=copies, shape=shape)
    if not sigma.any():
        return clean, {}
    noisy = Latent(*(z + torch.from_numpy(eps).to(z.device) for z, eps in zip(clean, (eps_H, eps_L))))
    moved = torch.sqrt(sum(((new - old).double() ** 2).sum((1, 2)) for new, old in zip(noisy, clean)))  # type: ignore[arg-type]
    size = torch.sqrt(sum((old.double() ** 2).sum((1, 2)) for old in clean))  # type: ignore[arg-type]
    hit = torch.from_numpy(sigma > 0).to(moved.device)
    return noisy, {"noise": (moved / size)[hit].sum(), "noise_n": hit.sum()}


class Streaming:
    """ACT streaming, as upstream trains: one segment of every slot per step; halted slots reload (`--aug none`)."""

    def __init__(self, learner: Learner, aug: AugConfig, share: Share, seed: int, *, stagger: bool = False) -> None:
        """`stagger`: the first example of slot i gets the budget of one that is i segments under way."""
        self.learner, self.aug, self.share, self.seed, self.stagger = learner, aug, share, seed, stagger
        self.carry: Carry | None = None

    def step(self, batch: Rows, step: int, update: Callable[[], None]) -> Stats:
        """Gradient of the mean loss over the global batch, then one update."""
        first = self.carry is None
        if self.carry is None:
            self.carry = Carry.empty(self.learner, batch)
        z0, stats = perturbed(self.learner, self.aug, batch, self.aug.copy_numbers, seed=self.seed, step=step)
        carry = self.carry.refilled(z0, batch)
        if first and self.stagger:
            slots = torch.arange(self.share.slots.start, self.share.slots.stop, device=carry.steps.device)
            carry.steps = (slots % self.learner.segments).to(carry.steps.dtype)
        config = self.learner.model.config
        earliest = exploration(
            seed=self.seed, step=step, segment=0, probability=config.halt_exploration_prob,
            max_steps=self.learner.segments, slots=self.share.slots, global_batch=self.share.global_batch, copies=1,
        )  # fmt: skip
        weights = torch.full_like(carry.steps, 1 / self.share.global_batch, dtype=self.learner.model.dtype)
        min_steps = torch.from_numpy(earliest[:, 0]).to(carry.steps.device)
        self.carry, outcome = carry.advanced(self.learner, weights, min_steps)
        update()
        done = self.carry.halted & (carry.rows["labels"] != IGNORE).any(-1)  # as upstream counts
        return {
            **stats,
            "loss": outcome.loss.sum(), "loss_n": done.new_tensor(len(done), dtype=torch.int64),
            "answer_loss": outcome.answer_loss.sum(),
            "exact": (done & outcome.correct).sum(), "exact_n": done.sum(),
            "q_right": (done & ((outcome.q_halt >= 0) == outcome.correct)).sum(),
            "segments": (done * self.carry.steps).sum(),
        }  # fmt: skip

    def state_dict(self) -> dict[str, Tensor]:
        return {} if self.carry is None else self.carry.state_dict()

    def load_state_dict(self, state: dict[str, Tensor]) -> None:
        self.carry = Carry.from_state(state) if state else None


class Cancelled(Exception):
    """A rollout was given up before its update; nothing has changed but gradients."""


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


class Rollouts:
    """Whole rollouts of K copies of each example: fixed length, or each until its first halt; nothing reloads."""

    def __init__(self, learner: Learner, aug: AugConfig, share: Share, seed: int) -> None:
        self.learner, self.aug, self.share, self.seed = learner, aug, share, seed
        self.halting = aug.rollout in ("serial_act", "act_mask")
        # a trajectory's weight is known beforehand only where all rollouts have one length and all copies count alike
        self.needs_preview = self.halting or aug.aggregate != "mean"
        self.reduce: Callable[[Tensor], Tensor] = lambda total: total
        """Sums a number over the processes; set by the trainer."""
        self.cancelled: Callable[[], bool] = lambda: False
        """Whether to give a rollout up between two segments; set by the loop."""

    def step(self, batch: Rows, step: int, update: Callable[[], None]) -> Stats:
        """Gradient of the mean over examples of the aggregated trajectory loss; an update per rollout or segment."""
        numbers = self.aug.copy_numbers
        groups = [range(k, k + 1) for k in numbers] if self.aug.rollout == "serial_act" else [numbers]
        starts = [perturbed(self.learner, self.aug, batch, group, seed=self.seed, step=step) for group in groups]
        per_segment = self.aug.update == "segment"
        if self.needs_preview:
            previews = [self.roll(batch, g, z0, None, step=step) for g, (z0, _) in zip(groups, starts)]
            weights = self.weights(self._by_copy(previews, "losses"), self._by_copy(previews, "lengths"))
        else:
            weights = self.fixed_weights(len(batch["index"]))
        rolled, first = [], 0
        for group, (z0, _) in zip(groups, starts):
            own = weights[:, :, first : first + len(group)].flatten(1)
            rolled.append(self.roll(batch, group, z0, own, step=step, update=update if per_segment else None))
            first += len(group)
        if not per_segment:
            update()
        return self._stats(rolled, [stats for _, stats in starts])

    def roll(
        self, batch: Rows, copies: range, z0: Latent, weights: Tensor | None, *, step: int,
        update: Callable[[], None] | None = None,
    ) -> Rolled:  # fmt: skip
        """Roll B*K trajectories out from z0, adding sum(weights[t] * loss[t]) to the gradients; `weights` (T,R).

        A halted trajectory is taken out of the computation.
        """
        learner, config = self.learner, self.learner.model.config
        K = len(copies)
        rows = {name: column.repeat_interleave(K, 0) if K > 1 else column for name, column in batch.items()}
        count = len(rows["index"])
        losses = z0.z_H.new_zeros(learner.segments, count, dtype=torch.float64)
        lengths = torch.full((count,), learner.segments, device=learner.device)
        alive = torch.arange(count, device=learner.device)
        preds = torch.zeros_like(rows["labels"], dtype=torch.int64)
        correct = torch.zeros(count, dtype=torch.bool, device=learner.device)
        q_halt = z0.z_H.new_zeros(count, dtype=torch.float64)
        z, here = z0, rows
        for t in range(learner.segments):
            if self.cancelled():
                raise Cancelled
            last = torch.full((len(alive),), t + 1 == learner.segments, device=learner.device)
            wanted = None if weights is None else weights[t][alive]
            if wanted is not None and not self._supervised(t):
                wanted = None
            outcome = learner.segment(z, {**here, "last": last}, wanted)
            if update is not None:
                update()
            z = outcome.z
            losses[t, alive] = outcome.loss.double()
            preds[alive], correct[alive], q_halt[alive] = outcome.preds, outcome.correct, outcome.q_halt.double()
            if not self.halting:
                continue
            draws = exploration(
                seed=self.seed, step=step, segment=t, probability=config.halt_exploration_prob,
                max_steps=learner.segments, slots=self.share.slots, global_batch=self.share.global_batch,
                copies=self.aug.copies,
            )  # fmt: skip
            offset = copies.start - self.aug.copy_numbers.start
            earliest = torch.from_numpy(draws[:, offset : offset + K].reshape(-1)).to(learner.device)[alive]
            stop = halts(learner, outcome, torch.full_like(alive, t + 1), last, earliest)
            lengths[alive[stop]] = t + 1
            keep = ~stop
            alive = alive[keep]
            if not len(alive):
                break
            z = Latent(z.z_H[keep], z.z_L[keep])
            here = {name: column[keep] for name, column in here.items()}
        return Rolled(losses, lengths, preds, correct, q_halt)

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

    def weights(self, losses: Tensor, lengths: Tensor) -> Tensor:
        """(T,B,K) weights of the loss, from the losses (T,B,K) and lengths (B,K) of a rollout without gradient.

        The gradient of min, and of softmin = -tau log mean exp(-L_k / tau), is the sum of the copies' gradients with
        these weights held fixed, so a second rollout that uses them gives it exactly.
        """
        segment = torch.arange(1, len(losses) + 1, device=losses.device).view(-1, 1, 1)
        if self.aug.supervise == "last":
            valid = (segment == lengths).double()
        else:
            valid = (segment <= lengths).double()
        if self.aug.normalise == "step":
            return (valid / self.reduce(valid.sum())).to(self.learner.model.dtype)
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
            "loss": trajectory_loss.sum(), "loss_n": lengths.new_tensor(lengths.numel()),
            "exact": correct.sum(), "exact_n": lengths.new_tensor(lengths.numel()),
            "q_right": ((q_halt >= 0) == correct).sum(), "segments": lengths.sum(),
        }  # fmt: skip
        if self.aug.clean_copy and self.aug.copies > 1:
            K = self.aug.copies // len(rolled)
            preds = torch.cat([group.preds.view(len(lengths), K, -1) for group in rolled], 1)
            differs = (preds[:, 1:] != preds[:, :1]).any(-1)
            stats |= {"changed": differs.sum(), "changed_n": differs.new_tensor(differs.numel(), dtype=torch.int64)}
        for part in noise:
            for name, value in part.items():
                stats[name] = stats.get(name, 0) + value
        return stats

    def state_dict(self) -> dict[str, Tensor]:
        return {}

    def load_state_dict(self, state: dict[str, Tensor]) -> None:
        """Nothing is carried from one step to the next."""
