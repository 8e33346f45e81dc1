"""What moves the weights: AdamATan2 over one flat vector, SignSGD on puzzle embeddings, the average, the schedule."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from rrdyn.models.flat import cut, trainable


class FlatParameters:
    """Makes every trainable parameter (and its gradient) a view into one vector.

    Small models spend their time launching operations rather than doing them; one AdamATan2 step over the vector is
    eight operations whatever the number of parameters. Parameters must share one dtype and device, and must not be
    moved afterwards.
    """

    def __init__(self, model: nn.Module) -> None:
        self.parameters = trainable(model)
        self.vector = nn.Parameter(
            torch.cat([parameter.detach().reshape(-1) for parameter in self.parameters.values()])
        )
        self.vector.grad = torch.zeros_like(self.vector)
        values, grads = self.named(self.vector.data).values(), self.named(self.vector.grad).values()
        for parameter, value, grad in zip(self.parameters.values(), values, grads):
            parameter.data = value
            parameter.grad = grad

    def named(self, vector: Tensor) -> dict[str, Tensor]:
        """A vector of this length in the parameters' shapes, under their names; the views share its memory."""
        return cut(vector, self.parameters)

    @property
    def grad(self) -> Tensor:
        assert self.vector.grad is not None
        return self.vector.grad

    def zero_grad(self) -> None:
        self.grad.zero_()


class AdamATan2(Optimizer):
    """Decoupled weight decay, then p -= lr / (1 - b1^t) * atan2(m, sqrt(v / (1 - b2^t))).

    The rule of the fused kernel that TRM and HRM were trained with (Everett et al. 2024, arXiv 2407.05872,
    section 4.3); a package of a similar name scales the arctangent differently. Multiplying every gradient by one
    number changes nothing but rounding.
    """

    def __init__(
        self,
        params: Iterable[Tensor],
        lr: float = 1e-4,
        betas: tuple[float, float] = (0.9, 0.95),
        weight_decay: float = 1.0,
    ) -> None:
        super().__init__(params, {"lr": lr, "betas": betas, "weight_decay": weight_decay})

    @torch.no_grad()
    def step(self, closure: Callable[[], Any] | None = None) -> None:  # type: ignore[override]
        """One update of every parameter that has a gradient."""
        for group in self.param_groups:
            beta1, beta2 = group["betas"]
            for parameter in group["params"]:
                if parameter.grad is None:
                    continue
                state = self.state[parameter]
                if not state:
                    state["step"] = 0
                    state["exp_avg"] = torch.zeros_like(parameter)
                    state["exp_avg_sq"] = torch.zeros_like(parameter)
                state["step"] += 1
                mean, square, grad = state["exp_avg"], state["exp_avg_sq"], parameter.grad
                mean.lerp_(grad, 1 - beta1)
                square.mul_(beta2).addcmul_(grad, grad, value=1 - beta2)
                scale = square.sqrt().div_(math.sqrt(1 - beta2 ** state["step"]))
                parameter.mul_(1 - group["lr"] * group["weight_decay"])
                parameter.sub_(torch.atan2(mean, scale), alpha=group["lr"] / (1 - beta1 ** state["step"]))


@torch.no_grad()
def sign_sgd_(weights: Tensor, ids: Tensor, grads: Tensor, *, lr: float, weight_decay: float) -> None:
    """Update the touched rows of `weights` (N, D) in place.

    `ids` (B,) names the row of each gradient in `grads` (B, D); gradients of one row are summed first. A touched row
    decays by 1 - lr * weight_decay and moves by -lr * sign(gradient), where sign(0) = 0; others stay as they are.
    """
    rows, position = ids.long().unique(return_inverse=True)
    step_rows_(
        weights, rows, grads.new_zeros(len(rows), grads.shape[1]).index_add_(0, position, grads), lr=lr,
        weight_decay=weight_decay,
    )  # fmt: skip


@torch.no_grad()
def step_rows_(weights: Tensor, rows: Tensor, grads: Tensor, *, lr: float, weight_decay: float) -> None:
    """The same for rows (R,) whose gradients (R, D) are whole; a row named twice brings the same gradient twice."""
    weights[rows] = weights[rows].mul_(1 - lr * weight_decay).sub_(grads.sign(), alpha=lr)


class ExponentialAverage:
    """average <- rate * average + (1 - rate) * weights, starting from the initial weights."""

    def __init__(self, weights: Tensor, rate: float) -> None:
        self.rate = rate
        self.average = weights.detach().clone()

    @torch.no_grad()
    def update(self, weights: Tensor) -> None:
        self.average.mul_(self.rate).add_(weights, alpha=1 - self.rate)

    @contextmanager
    def in_place_of(self, weights: Tensor) -> Iterator[None]:
        """The average stands in for the weights inside the block; the weights come back unchanged."""
        kept = weights.detach().clone()
        weights.data.copy_(self.average)
        try:
            yield
        finally:
            weights.data.copy_(kept)


def learning_rate(step: int, base: float, *, warmup: int, total: int, min_ratio: float) -> float:
    """Linear warm-up over `warmup` steps, then a cosine from `base` to `min_ratio * base` at step `total`.

    `min_ratio = 1` is a constant rate after the warm-up, as in the published recipes. The first optimiser step is
    step 1.
    """
    if step < warmup:
        return base * step / max(1, warmup)
    progress = (step - warmup) / max(1, total - warmup)
    return base * (min_ratio + (1 - min_ratio) * 0.5 * (1 + math.cos(math.pi * progress)))
