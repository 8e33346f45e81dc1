"""Particles of a method followed and read, and the order in which it takes them.

    layout(kind, budget, depth, most)  ->  the pieces: which particles are followed together, how far
    follow_particles(method)           ->  their answers after every segment

A breadth of K is followed in pieces of 1, 1, 2, 4, 8, 8, ... particles, so that what is run for a larger breadth or
depth begins, bit for bit, with what is run for a smaller one.
"""

from __future__ import annotations

from contextlib import nullcontext
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from rrdyn.dynamics import protocol
from rrdyn.dynamics.lyapunov import Tangents, first_frame
from rrdyn.dynamics.protocol import Recurrence
from rrdyn.dynamics.returns import Returns, joint_norm
from rrdyn.dynamics.trajectory import follow, plain_segment
from rrdyn.measurement.answers import Answers
from rrdyn.measurement.scaling.method import Method
from rrdyn.models import Readout

ROWS = 8
"""Particles followed together, where they do not depend on each other."""


@dataclass(frozen=True, kw_only=True)
class Piece:
    """Particles that are followed together."""

    particles: range
    depth: int
    """How far, in budgets of the model."""
    population: int = 0
    """How many depend on each other; 0: none."""


def layout(kind: type[Method], budget: int, depth: int, most: int | None) -> list[Piece]:
    """The pieces of a method whose largest point costs `budget` times the model's own, a power of two.

    Independent particles: particle k is followed as deep as any point K x D <= budget with k < K asks, and at most
    `depth`. Particles that depend on each other: each breadth is a population of its own. A single one: all its depth.
    """
    if kind.single:
        return [Piece(particles=range(1), depth=budget)]
    breadths = [2**j for j in range(budget.bit_length()) if most is None or 2**j < most]
    if most is not None and most <= budget:
        breadths.append(most)
    if kind.together:
        return [Piece(particles=range(K), depth=_deep(budget, depth, K), population=K) for K in breadths]
    pieces, size = [], 1 if kind.apart else ROWS
    for before, breadth in zip([0, *breadths], breadths):
        for first in range(before, breadth, size):
            pieces.append(
                Piece(particles=range(first, min(first + size, breadth)), depth=_deep(budget, depth, breadth))
            )
    return pieces


def _deep(budget: int, depth: int, breadth: int) -> int:
    """The largest power of two with breadth x depth within the budget, and at most `depth`."""
    return min(depth, 1 << (budget // breadth).bit_length() - 1)


@dataclass(frozen=True, kw_only=True)
class Readings:
    """What was read of K particles of B puzzles after each of T segments."""

    right: Tensor
    """(B,K,T) bool."""
    q_halt: Tensor
    """(B,K,T) halt logit, less the continue logit where the model has one."""
    residual: Tensor
    """(B,K,T) ||F(z) - z|| / ||z|| of the segment that led there, z being what went into it."""
    return_distance: Tensor
    """(B,K,T) the smallest over the periods looked for."""
    preds: Tensor
    """(B,K,T,L) tokens, in the terms of the question."""
    evaluations: int
    """Sub-updates that were evaluated for one puzzle, those of tangents too."""
    lambda_1: Tensor | None = None
    """(B,K,T) leading exponent from the start on, nats per sub-update; None where no tangent was followed."""


def follow_particles(method: Method, segments: int, periods: int, *, exponents: bool = False) -> Readings:
    """Follow the particles of a method through `segments` segments, with return distances after 1 to `periods`.

    With `exponents` a tangent goes with every particle: each sub-update is then evaluated twice.
    """
    model, asked, K = method.model, method.asked(), len(method.particles)
    recurrence = model.recurrence(model.embed(asked.inputs, asked.identifiers))
    z0 = method.start()
    returns = Returns(z0, periods)
    walk = Walk(method, returns)
    if exponents:
        walk.spread = Growth(method, z0)
    answers = Answers(model, asked.labels, keep=("exact", "q_halt", "preds"), extra=walk.read)
    plain = not exponents or protocol.has_rule(recurrence)
    with nullcontext() if plain else protocol.forward_differentiable():
        follow(recurrence, z0, segments, [returns, answers], walk)
    columns = answers.table.columns()
    shaped = {name: column.unflatten(0, (-1, K)) for name, column in columns.items()}
    return Readings(
        right=shaped["exact"],
        q_halt=shaped["margin"].float(),
        residual=shaped["residual"].float(),
        return_distance=shaped["return_distance"].float(),
        preds=method.answered(columns["preds"]).unflatten(0, (-1, K)),
        evaluations=walk.evaluations * K,
        lambda_1=shaped.get("lambda_1"),
    )


class Growth:
    """A tangent of every particle, of length 1, and the logarithm of what it has grown by.

    Noise does not move it; a particle that goes on from another has the other's; what a method does to the state after
    a segment is done to it too, being linear.
    """

    def __init__(self, method: Method, z0: Any) -> None:
        self.method = method
        keys = [idx for idx, _ in method.rows]
        wide = z0[0].dtype if z0[0].dtype in (torch.float32, torch.float64) else torch.float32
        self.tangents = first_frame(z0, 1, wide, method.setting.seed, keys)
        self.log = torch.zeros(len(keys), dtype=torch.float64, device=z0[0].device)

    def inherit(self, ancestors: Tensor) -> None:
        self.tangents = protocol.rebuild(self.tangents, (part[ancestors] for part in self.tangents))
        self.log = self.log[ancestors]

    def segment(self, recurrence: Recurrence, before: Any) -> tuple[Any, Any]:
        """The state that a segment makes of `before`, and what the method then leaves of it."""
        moved, spread = Tangents(self.tangents).advance(recurrence, before)
        left = self.method.leave(before, moved)
        grown = protocol.rebuild(moved, (part[:, 0] for part in spread.frame))
        if left is moved:
            self.log = self.log + spread.log_r.sum(0)[:, 0]
        else:  # both tangents in one unit, the length of that before the segment
            factor = torch.stack([triangle[:, 0, 0].double() for triangle in spread.triangles]).prod(0)
            grown = protocol.rebuild(grown, (part * _beside(factor, part) for part in grown))
            grown = self.method.leave(protocol.rebuild(before, (part[:, 0] for part in self.tangents)), grown)
            length = joint_norm(grown).clamp_min(torch.finfo(torch.float32).tiny)
            self.log = self.log + length.log()
            grown = protocol.rebuild(grown, (part / _beside(length, part) for part in grown))
        self.tangents = protocol.rebuild(grown, (part[:, None].clone() for part in grown))
        return moved, left


def _beside(factor: Tensor, part: Tensor) -> Tensor:
    """A number a row (B,), to be multiplied with a part (B,...)."""
    return factor.to(part.dtype).view(-1, *[1] * (part.ndim - 1))


class Walk:
    """Carries particles through a segment as their method says, and counts what that takes."""

    def __init__(self, method: Method, returns: Returns) -> None:
        self.method, self.returns = method, returns
        self.number = self.evaluations = self.sub_updates = 0
        self.residual: Tensor
        self.spread: Growth | None = None

    def advance(self, recurrence: Recurrence, state: Any) -> tuple[Any, None]:
        self.number += 1
        before = self.method.enter(state, self.number)
        if self.method.ancestors is not None:
            self._inherit(self.method.ancestors)
        if self.spread is None:
            moved = plain_segment(recurrence, before)
            left = self.method.leave(before, moved)
        else:
            moved, left = self.spread.segment(recurrence, before)
        self.evaluations += len(recurrence.sub_updates) * (1 if self.spread is None else 2)
        self.sub_updates += len(recurrence.sub_updates)
        self.residual = joint_norm([a - b for a, b in zip(moved, before)]) / joint_norm(before)
        return left, None

    def keep(self, index: Tensor) -> None:
        """Nobody leaves: what has halted is paid for to the end."""

    def _inherit(self, ancestors: Tensor) -> None:
        """A particle's past is that of the one it goes on from."""
        self.returns.ring = [part[ancestors] for part in self.returns.ring]
        self.returns.scale = self.returns.scale[ancestors]
        if self.spread is not None:
            self.spread.inherit(ancestors)

    def read(self, readout: Readout, labels: Tensor) -> dict[str, Tensor]:
        """More columns of a readout, which the method sees too."""
        self.method.read(readout)
        margin = readout.q_halt - readout.q_continue if self.method.model.has_continue else readout.q_halt
        distance = self.returns.now.nan_to_num(torch.inf).amin(1)
        seen = {"margin": margin, "residual": self.residual, "return_distance": distance}
        return seen if self.spread is None else {**seen, "lambda_1": (self.spread.log / self.sub_updates).float()}
