"""AdamATan2: Adam whose step is an arctangent, so that no epsilon and no gradient scale enters."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from typing import Any

import torch
from torch import Tensor
from torch.optim import Optimizer


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
