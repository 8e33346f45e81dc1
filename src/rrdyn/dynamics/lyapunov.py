"""Finite-time Lyapunov spectrum along a recurrence's own trajectory.

K tangents are carried through every sub-update and orthonormalised on the way, T = Q R; the exponents are the means
of log R_ii (Benettin, Galgani, Giorgilli, Strelcyn, Meccanica 15 (1980) 9; Engelken, Wolf, Abbott, Phys. Rev. Research
5 (2023) 043044, section II). Unit: nats per sub-update.

In exact arithmetic the exponents do not depend on how often one orthonormalises; in floating point the frame must
not become too flat in between, which `auto` watches.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from functools import partial
from typing import Any, Literal

import numpy as np
import torch
from torch import Tensor

from rrdyn.artifacts.errors import UsageError
from rrdyn.dynamics import protocol
from rrdyn.dynamics.protocol import Recurrence
from rrdyn.dynamics.qr import Factor, clipped, log_of_diagonal, orthonormalise, orthonormalise_unseen
from rrdyn.dynamics.trajectory import Spread, Step, follow
from rrdyn.runtime.devices import moved
from rrdyn.runtime.shapes import Float
from rrdyn.runtime.streams import generator
from rrdyn.runtime.threads import each

Cadence = Literal["substep", "cycle", "segment", "auto"]
CADENCES = ("substep", "cycle", "segment", "auto")
FLATTEST = {torch.float32: 20.0, torch.float64: 1e4}
"""Condition number of the frame that `auto` lets build up between two factorisations."""


@dataclass(frozen=True, kw_only=True)
class Spectrum:
    """Leading K finite-time exponents of B trajectories."""

    log_r: Float[Tensor, "n_qr B K"]
    """(n_qr, B, K) float64: log R_ii of each factorisation in QR order, nats."""
    exponents: Float[Tensor, "B K"]
    """(B, K) float64, nats per sub-update, descending."""
    frame: Float[Tensor, "B n K"]
    """(B, n, K) the last orthonormal frame, columns over the state flattened part after part."""
    state: Any
    """The last state."""
    steps: int
    """Sub-updates averaged over."""
    loss: Float[Tensor, " B"]
    """(B,) largest bound on |Q^T Q - I| met."""
    clipped: Tensor
    """(B,) logs that were clipped at 1e-30 (-69.08), as where a Jacobian is 0: exponents they enter mean nothing."""

    @property
    def finite(self) -> Tensor:
        """(B,) whether the trajectory and its exponents stayed finite."""
        fine = self.exponents.isfinite().all(-1)
        for part in protocol.as_state(self.state):
            fine = fine & part.flatten(1).isfinite().all(-1)
        return fine


def lyapunov_spectrum(
    recurrence: Recurrence | Callable[[Any], Any],
    z0: Any,
    segments: int,
    k: int,
    q0: Float[Tensor, "B n K"] | None = None,
    qr_every: Cadence = "substep",
    *,
    warmup: int = 0,
    align: int = 0,
    dtype: torch.dtype | None = None,
    seed: int = 0,
    keys: Sequence[int] | None = None,
) -> Spectrum:
    """The k leading finite-time exponents of every trajectory in a batch.

    recurrence : `model.recurrence(e)`, a map of `rrdyn.dynamics.maps`, anything of that protocol, or a plain callable
        z -> z, which is one segment of one sub-update.
    z0 : state, a tuple of tensors (B,...), or one tensor (B,...).
    segments : segments averaged over.
    q0 : first frame (B,n,k) with orthonormal columns; default random, drawn per example from (seed, key).
    qr_every : "substep" (the source study's), "cycle", "segment" or "auto" (as rarely as growth allows).
    warmup : plain segments before, so that the state leaves its transient.
    align : segments with tangents before averaging, so that the frame finds the expanding directions.
    dtype : of the tangents, float32 or float64; default that of z0, float32 for narrower states. The value path keeps
        the dtype of z0 whatever that of the tangents.
    keys : what names each example's random stream; default 0, 1, ...

    On a CPU a recurrence with `rows` is followed one example by one thread: the result of an example is the
    same bits in any batch. Raises UsageError for k outside 1..n, an unknown cadence or a q0 of another shape.
    """
    recurrence, z0 = protocol.as_recurrence(recurrence), protocol.as_state(z0)
    batch = z0[0].shape[0]
    n = sum(part[0].numel() for part in z0)
    dtype = dtype or (z0[0].dtype if z0[0].dtype in FLATTEST else torch.float32)
    _check(k, n, batch, segments, qr_every, q0, dtype)
    keys = list(range(batch)) if keys is None else list(keys)

    def follow_rows(index: slice) -> Spectrum:
        part = recurrence.rows(index) if index != slice(None) else recurrence  # type: ignore[attr-defined]
        state = follow(part, protocol.take(z0, index), warmup)
        tangents = first_frame(state, k, dtype, seed, keys[index]) if q0 is None else None
        if q0 is not None:
            tangents = protocol.from_frame(q0[index].to(dtype), state)
        return _collect(part, state, tangents, segments, align, qr_every)

    ruled = protocol.has_rule(recurrence)
    with torch.no_grad(), nullcontext() if ruled else protocol.forward_differentiable():
        if z0[0].device.type == "cpu" and hasattr(recurrence, "rows"):
            alone = [slice(i, i + 1) for i in range(batch)]
            return _merge(each(follow_rows, alone, parallel=ruled))  # forward differentiation is not thread-safe
        return follow_rows(slice(None))


class Tangents:
    """Carries trajectories with their tangents (B,K,...), orthonormalised on the way.

    Where the tangents are wider than the state, the value path keeps its own dtype: the state is computed by the
    sub-updates' `value` and the tangents are derivatives at that state.

    On a GPU nothing is waited for within a segment: its factorisations take a fixed number of passes, and at its end
    one question tells whether they were enough. A segment in which they were not is followed again, watched, from a
    copy of what it began with. The cadence `auto`, which has to know, is always watched.
    """

    def __init__(self, tangents: Any, qr_every: Cadence = "substep") -> None:
        self.tangents, self.qr_every = tangents, qr_every
        self.bundle: Any = None
        self.gap, self.since = 1, 0
        self.passes = 1
        """Of a factorisation that is not watched; 2 once 1 was not enough."""

    def advance(self, recurrence: Recurrence, state: Any) -> tuple[Any, Spread]:
        bundle = protocol.join(state, self.tangents) if self.bundle is None else self.bundle
        if bundle[0].device.type == "cpu" or self.qr_every == "auto":
            return self._segment(recurrence, state, bundle, orthonormalise)[0]
        before = protocol.rebuild(bundle, (part.clone() for part in bundle))
        unseen = partial(orthonormalise_unseen, passes=self.passes)
        done, factors = self._segment(recurrence, state, bundle, unseen)
        if bool(torch.stack([factor.sound for factor in factors if factor.sound is not None]).all()):
            return done
        self.passes = 2
        return self._segment(recurrence, state, before, orthonormalise)[0]

    def _segment(
        self, recurrence: Recurrence, state: Any, bundle: Any, factorise: Callable[[Sequence[Tensor]], Factor]
    ) -> tuple[tuple[Any, Spread], list[Factor]]:
        narrow = state if state[0].dtype != bundle[0].dtype else None
        factors: list[Factor] = []
        updates = recurrence.sub_updates
        for i, update in enumerate(updates):
            bundle = protocol.advance(update, bundle)
            if narrow is not None:
                narrow = update.value(narrow)
                for part, exact in zip(bundle, narrow):
                    part[:, 0] = exact
            self.since += 1
            if self._due(update, last=i + 1 == len(updates)):
                factors.append(factorise(protocol.frame_rows(protocol.tangents_of(bundle))))
                if self.qr_every == "auto":
                    self.gap = _gap(factors[-1], self.since, bundle[0].dtype, self.gap)
                self.since = 0
        self.bundle = bundle
        value = narrow if narrow is not None else protocol.value_of(bundle)
        return (protocol.rebuild(value, (part.clone() for part in value)), self._spread(factors)), factors

    def keep(self, index: Tensor) -> None:
        self.bundle = protocol.rebuild(self.bundle, (part[index] for part in self.bundle))

    def _due(self, update: Any, *, last: bool) -> bool:
        if last or self.qr_every == "substep":
            return True
        if self.qr_every == "cycle":
            return getattr(update, "closes_cycle", False)
        return self.qr_every == "auto" and self.since >= self.gap

    def _spread(self, factors: list[Factor]) -> Spread:
        triangles = [factor.r for factor in factors]
        log_r = log_of_diagonal(triangles[0][None] if len(triangles) == 1 else torch.stack(triangles))
        losses = [factor.loss for factor in factors]
        return Spread(
            log_r=log_r.sum(0, keepdim=True) if self.qr_every == "auto" else log_r,
            loss=losses[0] if len(losses) == 1 else torch.stack(losses).amax(0),
            triangles=triangles,
            frame=protocol.tangents_of(self.bundle),
        )


def first_frame(state: Any, k: int, dtype: torch.dtype, seed: int, keys: Sequence[int]) -> Any:
    """Random orthonormal tangents (B,k,...), one stream per example: independent of batch and order.

    Raises UsageError for k outside 1..n.
    """
    state = protocol.as_state(state)
    n = sum(part[0].numel() for part in state)
    _check_k(k, n)

    def drawn(key: int) -> Tensor:
        # One by one in float64, on the host: a batched product need not give an example the same bits.
        row = torch.from_numpy(generator(seed, "frame", key).standard_normal((1, k, n), dtype=np.float32)).double()
        orthonormalise([row], careful=True)
        return row.to(dtype)

    return protocol.from_frame(moved(torch.cat(each(drawn, keys)), state[0].device).mT, state)


def _gap(factor: Factor, since: int, dtype: torch.dtype, before: int) -> int:
    """Sub-updates until the frame would be as flat as allowed, were it to flatten at the rate just seen."""
    condition = factor.condition.nan_to_num(1.0).max().item()
    rate = math.log(max(condition, 1.0)) / since
    allowed = math.log(FLATTEST[dtype])
    return max(1, min(2 * before, int(allowed / rate) if rate > 0 else 2 * before))


class _Record:
    """The series after `align` segments, and the last frame."""

    def __init__(self, align: int) -> None:
        self.align = align
        self.rows: list[Tensor] = []
        self.losses: list[Tensor] = []
        self.clipped: Tensor | int = 0

    def see(self, step: Step) -> None:
        assert step.spread is not None
        self.frame = step.spread.frame
        if step.number > self.align:
            self.rows.append(step.spread.log_r)
            self.losses.append(step.spread.loss)
            self.clipped = self.clipped + clipped(step.spread.triangles)


def _collect(
    recurrence: Recurrence, state: Any, tangents: Any, segments: int, align: int, cadence: Cadence
) -> Spectrum:
    record = _Record(align)
    end = follow(recurrence, state, segments + align, [record], Tangents(tangents, cadence))
    log_r = torch.cat(record.rows)
    steps = segments * len(recurrence.sub_updates)
    return Spectrum(
        log_r=log_r,
        exponents=(log_r.sum(0) / steps).sort(-1, descending=True).values,
        frame=protocol.to_frame(record.frame),
        state=end,
        steps=steps,
        loss=torch.stack(record.losses).amax(0),
        clipped=torch.as_tensor(record.clipped, device=log_r.device).expand(log_r.shape[1]),
    )


def _merge(alone: list[Spectrum]) -> Spectrum:
    first = alone[0]
    return Spectrum(
        log_r=torch.cat([s.log_r for s in alone], dim=1),
        exponents=torch.cat([s.exponents for s in alone]),
        frame=torch.cat([s.frame for s in alone]),
        state=protocol.rebuild(first.state, (torch.cat(parts) for parts in zip(*(s.state for s in alone)))),
        steps=first.steps,
        loss=torch.cat([s.loss for s in alone]),
        clipped=torch.cat([s.clipped for s in alone]),
    )


def _check(k: int, n: int, batch: int, segments: int, qr_every: str, q0: Tensor | None, dtype: torch.dtype) -> None:
    _check_k(k, n)
    if segments < 1:
        raise UsageError("segments is out of range", found=segments, expected="at least 1")
    if qr_every not in CADENCES:
        raise UsageError("qr_every is not one of its choices", found=qr_every, expected=", ".join(CADENCES))
    if dtype not in FLATTEST:
        raise UsageError("tangents cannot be of this dtype", found=dtype, expected="float32 or float64")
    if q0 is not None and tuple(q0.shape) != (batch, n, k):
        raise UsageError("q0 has the wrong shape", found=tuple(q0.shape), expected=(batch, n, k))


def _check_k(k: int, n: int) -> None:
    if not 1 <= k <= n:
        raise UsageError("k is out of range", found=k, expected=f"1 to {n}, the size of the state")
