"""What "right" means: the one rule of the package."""

from __future__ import annotations

from typing import NamedTuple

from torch import Tensor


class Judgement(NamedTuple):
    """Of answers to B puzzles of L cells."""

    preds: Tensor
    """(B,L) predicted tokens."""
    exact: Tensor
    """(B,) bool: every asked cell is right. False where nothing is asked."""
    token_acc: Tensor
    """(B,) float64: share of asked cells that are right; 0 where nothing is asked."""


def judge(logits: Tensor, labels: Tensor) -> Judgement:
    """Compare logits (B,L,V) with the right tokens (B,L); cells with a negative label are not asked."""
    preds = logits.argmax(-1)
    asked = labels >= 0
    right = (preds == labels) & asked
    count = asked.sum(-1)
    return Judgement(preds, (right == asked).all(-1) & (count > 0), right.sum(-1).double() / count.clamp_min(1))
