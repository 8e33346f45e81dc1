"""Exponential moving average of the weights; TRM's checkpoints hold this copy."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor


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
