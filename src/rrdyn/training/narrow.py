"""One copy of the weights in the narrow dtype of products, made once a step and not once a use, its rows aligned.

On a GPU the matrices of linear maps are cast at every use otherwise, over and over in compiled regions. The gradients
of all uses in a pass are summed in the narrow dtype, as autocast does it, and come back in the weights' own.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn

from rrdyn.models.layers import Linear, SwiGLU
from rrdyn.models.model import Model

ALIGNED = 8
"""Numbers of two bytes that a row is made a multiple of: kernels for tensor cores read 16 bytes at a time."""


def narrow_weights(model: Model, dtype: torch.dtype | None) -> NarrowWeights | None:
    """The copies of a model on a GPU whose products are in a narrower `dtype`; None for any other."""
    if dtype is None or dtype.itemsize > 2 or model.device.type != "cuda":
        return None
    return NarrowWeights(model, dtype)


class NarrowWeights:
    """The narrow copies of a model's linear maps."""

    def __init__(self, model: nn.Module, dtype: torch.dtype) -> None:
        self.linears = [part for part in model.modules() if isinstance(part, Linear) and part.weight.requires_grad]
        mixed = {id(linear) for part in model.modules() if isinstance(part, SwiGLU) and part.size % ALIGNED
                 for linear in (part.gate_up_proj, part.down_proj)}  # fmt: skip
        self.copies = [_made(linear.weight, dtype, padded=id(linear) in mixed) for linear in self.linears]
        self.stale = True

    @property
    def bytes(self) -> int:
        return sum(copy.numel() * copy.element_size() for copy in self.copies)

    def forget(self) -> None:
        """The weights have changed."""
        self.stale = True

    @contextmanager
    def in_use(self) -> Iterator[None]:
        """The model's linear maps take the copies inside; where gradients are wanted they go to the weights."""
        weights: list[Tensor] = [linear.weight for linear in self.linears]
        if self.stale:
            with torch.no_grad():
                torch._foreach_copy_([_part(copy, weight) for copy, weight in zip(self.copies, weights)], weights)
            self.stale = False
        with torch.enable_grad():  # also where none is wanted: compiled nets have a graph less to tell apart
            given = _Narrowed.apply(self.copies, *weights)  # type: ignore[no-untyped-call]
        for linear, copy in zip(self.linears, given):
            linear.narrow = copy
        try:
            yield
        finally:
            for linear in self.linears:
                linear.narrow = None


def _made(weight: Tensor, dtype: torch.dtype, *, padded: bool) -> Tensor:
    """Memory for the copy of a weight (out,in), the positions that an MLP mixes rounded up, with zeros beyond them."""
    rows, columns = (-(size // -ALIGNED) * ALIGNED if padded else size for size in weight.shape)
    return torch.zeros(rows, columns, dtype=dtype, device=weight.device)


def _part(copy: Tensor, weight: Tensor) -> Tensor:
    return copy[: weight.shape[0], : weight.shape[1]]


class _Narrowed(torch.autograd.Function):
    """The copies as a function of the weights."""

    @staticmethod
    def forward(ctx: Any, copies: list[Tensor], *weights: Tensor) -> tuple[Tensor, ...]:
        ctx.shapes, ctx.dtype = [weight.shape for weight in weights], weights[0].dtype
        return tuple(copy.detach() for copy in copies)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor | None) -> tuple[Tensor | None, ...]:
        cut = (None if grad is None else grad[: shape[0], : shape[1]].to(ctx.dtype)
               for grad, shape in zip(gradients, ctx.shapes))  # fmt: skip
        return None, *cut
