"""Products with a constant matrix under forward differentiation: value and tangents meet the matrix once.

Forward AD makes two products of `x @ w`, of the value and of the tangent, and copies a transposed `w` on the way.
A product is linear: stacked in one, the matrix is read once, and rows of the value that are copies of one another (each
tangent brings its own) are multiplied once. Everything that is not recognised here goes to forward AD as it is.
"""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor
from torch._C._functorch import is_functorch_wrapped_tensor  # torch.func names no public way to ask
from torch.autograd import forward_ad
from torch.overrides import TorchFunctionMode

PRODUCTS = frozenset({torch.matmul, torch.mm, Tensor.matmul, Tensor.mm, Tensor.__matmul__})


class OneProduct(TorchFunctionMode):
    """While active, `x @ w`, `w @ x` and `F.linear(x, w, b)` of a dual x and constant w, b are one product.

    copies : how many neighbouring rows of a value are expected to be equal; where they are not, all are multiplied.
    """

    def __init__(self, copies: int) -> None:
        super().__init__()
        self.copies = copies

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        out = None
        if func is F.linear:
            out = self._linear(*args, **(kwargs or {}))
        elif func in PRODUCTS and not kwargs:
            out = self._product(*args)
        return func(*args, **(kwargs or {})) if out is None else out

    def _product(self, a: Any, b: Any) -> Tensor | None:
        if not isinstance(a, Tensor) or not isinstance(b, Tensor):
            return None
        if b.ndim == 2 and (out := self._linear(a, b.mT)) is not None:
            return out
        if a.ndim == 2 and b.ndim >= 2 and (out := self._linear(b.mT, a)) is not None:
            return out.mT.contiguous()  # as a product is: callers view it
        return None

    def _linear(self, input: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor | None:
        """The dual of `input @ weight.mT + bias`; None where it is not a dual with constants, left to forward AD."""
        if weight.ndim != 2 or input.ndim < 2 or not all(map(_plain, (input, weight, bias))):
            return None
        if not (_constant(weight) and _constant(bias)):
            return None
        value, tangent = forward_ad.unpack_dual(input)
        if tangent is None:
            return None
        shape, R, K = (*value.shape[:-1], len(weight)), value.shape[:-1].numel(), self.copies
        value, tangent = value.reshape(R, -1), tangent.reshape(R, -1)
        few = value[::K]
        alike = len(few) * K == R and torch.equal(few[:, None].expand(-1, K, -1), value.view(len(few), K, -1))
        few = few if alike else value
        moved = F.linear(torch.cat((few, tangent)), weight)
        out = moved[: len(few)] if bias is None else moved[: len(few)] + bias
        out = out.repeat_interleave(K, dim=0) if alike else out.clone()
        # cloned, as make_dual would, but slower: it wants both parts laid out alike
        dual: Tensor = forward_ad.make_dual(out.view(shape), moved[len(few) :].clone().view(shape))
        return dual


def _plain(x: Tensor | None) -> bool:
    """Whether no other differentiation or vmap follows x: a gradient through rows multiplied once would miss copies."""
    return x is None or not (is_functorch_wrapped_tensor(x) or (x.requires_grad and torch.is_grad_enabled()))


def _constant(x: Tensor | None) -> bool:
    return x is None or forward_ad.unpack_dual(x).tangent is None
