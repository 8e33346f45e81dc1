"""The sparse SignSGD that trains puzzle embeddings: only the rows a batch touches move."""

from __future__ import annotations

import torch
from torch import Tensor


@torch.no_grad()
def sign_sgd_(weights: Tensor, ids: Tensor, grads: Tensor, *, lr: float, weight_decay: float) -> None:
    """Update the touched rows of `weights` (N, D) in place.

    `ids` (B,) names the row of each gradient in `grads` (B, D); gradients of one row are summed first. A touched row
    decays by 1 - lr * weight_decay and moves by -lr * sign(gradient), where sign(0) = 0; others stay as they are.
    """
    rows, position = ids.long().unique(return_inverse=True)
    summed = grads.new_zeros(len(rows), grads.shape[1]).index_add_(0, position, grads)
    weights[rows] = weights[rows].mul_(1 - lr * weight_decay).sub_(summed.sign(), alpha=lr)
