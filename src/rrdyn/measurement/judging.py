"""What "right" means: the one rule of the package."""

from __future__ import annotations

from typing import NamedTuple

from torch import Tensor

from rrdyn.runtime.shapes import Bool, Float, Integer


class Judgement(NamedTuple):
    """Of answers to B puzzles of L cells."""

    preds: Integer[Tensor, "B L"]
    """(B,L) predicted tokens."""
    exact: Bool[Tensor, " B"]
    """(B,) bool: every asked cell is right. False where nothing is asked."""
    token_acc: Float[Tensor, " B"]
    """(B,) float64: share of asked cells that are right; 0 where nothing is asked."""


def judge(logits: Float[Tensor, "B L V"], labels: Integer[Tensor, "B L"]) -> Judgement:
    """Compare logits (B,L,V) with the right tokens (B,L); cells with a negative label are not asked."""
    preds = logits.argmax(-1)
    asked = labels >= 0
    right = (preds == labels) & asked
    count = asked.sum(-1)
    return Judgement(preds, (right == asked).all(-1) & (count > 0), right.sum(-1).double() / count.clamp_min(1))
