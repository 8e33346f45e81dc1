"""What a recurrence is, structurally: anything with ordered sub-updates of a state. Models and known maps satisfy it.

A state is a tuple of tensors with the batch first, each (B, ...); a NamedTuple stays one. A bundle is a state of
the same type whose tensors are (B, 1+K, ...): slot 0 is the value, slots 1..K are tangents. Kept together, value
and tangents meet every weight matrix in one product.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any, Protocol, TypeVar, runtime_checkable

import torch
from torch import Tensor
from torch.autograd import forward_ad

from rrdyn.artifacts.errors import UsageError
from rrdyn.dynamics.one_product import OneProduct

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

S = TypeVar("S", bound=tuple[Tensor, ...])
R = TypeVar("R", bound="DataclassInstance")


@runtime_checkable
class SubUpdate(Protocol):
    """One step of a segment.

    It may also have, in order of preference,
    `advance(bundle) -> bundle`: value and tangents in one pass; the bundle given may be overwritten;
    `value_and_tangents(state, tangents) -> (state, tangents)`, tangents (B,K,...);
    `any_batch = True`: `value` takes any number of examples, treats each alike, and does not itself use forward AD
    (torch.func.jvp, jacfwd), which does not nest in the faster path that this allows; grad, vjp, jacrev and vmap may;
    and where a segment has cycles, `closes_cycle: bool`.
    """

    def value(self, state: Any, /) -> Any: ...


@runtime_checkable
class Recurrence(Protocol):
    """The ordered sub-updates of one segment.

    It may also have `rows(slice) -> Recurrence`, the recurrence of some examples of the batch; on a CPU examples are
    then followed one at a time, so that the arithmetic of one never depends on its neighbours.
    """

    @property
    def sub_updates(self) -> Sequence[Any]: ...


@dataclass(frozen=True)
class CallableUpdate:
    """A plain callable as a sub-update.

    It is handed a state as it would be written down: the lone tensor of a plain tuple of one, else the tuple.
    """

    function: Callable[[Any], Any]

    def value(self, state: S) -> S:
        lone = type(state) is tuple and len(state) == 1
        moved = as_state(self.function(state[0] if lone else state))
        kinds = [[(part.shape, part.dtype) for part in parts] for parts in (moved, state)]
        if kinds[0] != kinds[1]:
            raise UsageError("the callable does not give back a state of the kind it was given", found=kinds[0],
                             expected=kinds[1])  # fmt: skip
        return rebuild(state, moved)


@dataclass(frozen=True)
class CallableRecurrence:
    """A plain callable z -> z as a recurrence of one sub-update."""

    sub_updates: tuple[CallableUpdate]


def as_recurrence(recurrence: Recurrence | Callable[[Any], Any]) -> Recurrence:
    """A recurrence as it is; a plain callable, state -> state or tensor -> tensor (B,...), as one of one sub-update.

    Raises UsageError for anything else.
    """
    if hasattr(recurrence, "sub_updates"):
        return recurrence
    if not callable(recurrence):
        raise UsageError("not a recurrence", found=type(recurrence).__name__,
                         expected="something with sub_updates, or a callable z -> z")  # fmt: skip
    return CallableRecurrence((CallableUpdate(recurrence),))


def rebuild(like: S, parts: Iterable[Tensor]) -> S:
    """A state of the type of `like` from its tensors."""
    if hasattr(like, "_make"):
        moved: S = like._make(parts)
        return moved
    return tuple(parts)  # type: ignore[return-value]


def as_state(z: Any) -> tuple[Tensor, ...]:
    """A lone tensor as a state of one part."""
    return (z,) if isinstance(z, Tensor) else z


def join(state: S, tangents: Sequence[Tensor]) -> S:
    """A new bundle from a state (B,...) and tangents (B,K,...), in the dtype of the tangents."""
    return rebuild(state, (torch.cat((x.to(t.dtype)[:, None], t), dim=1) for x, t in zip(state, tangents)))


def value_of(bundle: S) -> S:
    """The state in a bundle, as views."""
    return rebuild(bundle, (part[:, 0] for part in bundle))


def tangents_of(bundle: S) -> S:
    """The tangents (B,K,...) in a bundle, as views."""
    return rebuild(bundle, (part[:, 1:] for part in bundle))


def frame_rows(tangents: Sequence[Tensor]) -> list[Tensor]:
    """Tangents (B,K,...) as matrices (B,K,n_part) sharing their memory: row i is part of tangent i."""
    return [part.flatten(2) if part.ndim > 2 else part[..., None] for part in tangents]


def to_frame(tangents: Sequence[Tensor]) -> Tensor:
    """(B,n,K): tangents as columns over the state flattened part after part."""
    return torch.cat(frame_rows(tangents), dim=2).transpose(1, 2).contiguous()


def from_frame(frame: Tensor, like: S) -> S:
    """Tangents (B,K,...) shaped like the state from a frame (B,n,K)."""
    sizes = [part[0].numel() for part in like]
    rows = frame.transpose(1, 2).split(sizes, dim=2)
    return rebuild(like, (row.reshape(*row.shape[:2], *part.shape[1:]) for row, part in zip(rows, like)))


def take(state: S, index: slice) -> S:
    """Some examples of a state."""
    return rebuild(state, (part[index] for part in state))


def together(results: Sequence[R]) -> R:
    """One result of a batch from those of its parts: dataclasses whose fields are tensors (B,...) or states."""
    columns = {field.name: [getattr(result, field.name) for result in results] for field in fields(results[0])}
    return type(results[0])(**{name: _joined(column) for name, column in columns.items()})


def _joined(column: Sequence[Any]) -> Any:
    if isinstance(column[0], Tensor):
        return torch.cat(tuple(column))
    return rebuild(column[0], (torch.cat(parts) for parts in zip(*column)))


def advance(update: Any, bundle: S) -> S:
    """Value and tangents one sub-update later: by its own rule or, without one, by forward differentiation."""
    if hasattr(update, "advance"):
        moved: S = update.advance(bundle)
        return moved
    state, tangents = value_of(bundle), tangents_of(bundle)
    if hasattr(update, "value_and_tangents"):
        both: S = join(*update.value_and_tangents(state, tangents))
        return both
    if getattr(update, "any_batch", False):
        return _tiled(update.value, bundle)
    return join(*value_and_tangents(update.value, state, tangents))


def has_rule(recurrence: Recurrence) -> bool:
    """Whether every sub-update brings its own derivative rule."""
    return all(hasattr(u, "advance") or hasattr(u, "value_and_tangents") for u in recurrence.sub_updates)


def value_and_tangents(value: Callable[[S], S], state: S, tangents: S) -> tuple[S, S]:
    """The generic path: forward-mode derivatives of any `value`, all K tangents in one vectorised pass.

    Attention has to run inside `forward_differentiable()`.
    """
    # jvp refuses an expanded primal; a copy of a whole tensor costs little beside K derivatives.
    primal = rebuild(state, (part.contiguous() for part in state))

    def push(tangent: S) -> tuple[S, S]:
        return torch.func.jvp(value, (primal,), (tangent,))  # type: ignore[return-value]

    return torch.func.vmap(push, in_dims=1, out_dims=(None, 1))(tangents)  # type: ignore[arg-type]


def _tiled(value: Callable[[S], S], bundle: S) -> S:
    """The generic path of a map that takes any number of examples: each tangent brings a copy of the value.

    For a small map the 350 microseconds that vmap(jvp) costs a call are more than the copies.
    """
    copies = bundle[0].shape[1] - 1
    primal = [part[:, 0].repeat_interleave(copies, dim=0) for part in bundle]
    with forward_ad.dual_level():
        moved = [part[:, 1:].flatten(0, 1) for part in bundle]
        with OneProduct(copies):
            duals = value(rebuild(bundle, (forward_ad.make_dual(x, t) for x, t in zip(primal, moved))))
        pairs = [forward_ad.unpack_dual(dual) for dual in duals]
    parts = []
    for out, tangent in pairs:
        zero = torch.zeros_like(out) if tangent is None else tangent
        out, zero = (part.unflatten(0, (-1, copies)) for part in (out, zero))
        parts.append(torch.cat((out[:, :1], zero), dim=1))
    return rebuild(bundle, parts)


def forward_differentiable() -> AbstractContextManager[None]:
    """A context in which attention has a forward derivative: the fused kernels of the CPU and of CUDA have none.

    The choice of kernel is global to the process: enter it once, not in several threads.
    """
    from torch.nn.attention import SDPBackend, sdpa_kernel

    return sdpa_kernel(SDPBackend.MATH)
