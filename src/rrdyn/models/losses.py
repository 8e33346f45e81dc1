"""What the models are trained on: cross entropy of the answer, and two halting heads.

All losses are one number an example, (B,); summed over the batch and divided by the global batch in training.
Stablemax and its float64 follow the published TRM and HRM training (Prieto et al. 2025, arXiv:2501.04697).
"""

from __future__ import annotations

from typing import Literal, NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

from rrdyn.models.model import Readout
from rrdyn.runtime.shapes import Bool, Float, Integer

Kind = Literal["stablemax", "softmax"]
IGNORE = -100
HEAD_WEIGHT = 0.5
TINY = 1e-30


def stablemax(x: Float[Tensor, "*any"]) -> Float[Tensor, "*any"]:
    """s(x) = x + 1 for x >= 0, else 1 / (1 - x): positive, growing only linearly."""
    return torch.where(x < 0, 1 / (1 - x + TINY), x + 1)


def log_stablemax(x: Float[Tensor, "*any V"]) -> Float[Tensor, "*any V"]:
    """Log-probabilities over the last axis, s(x) normalised."""
    s = stablemax(x)
    return torch.log(s / s.sum(dim=-1, keepdim=True))


def token_losses(
    logits: Float[Tensor, "B L V"], labels: Integer[Tensor, "B L"], kind: Kind = "stablemax"
) -> Float[Tensor, "B L"]:
    """Cross entropy (B,L) of logits (B,L,V) against labels (B,L), 0 where the label is -100.

    stablemax is computed and returned in float64; softmax in float32 (float64 for float64 logits).
    """
    labels = labels.long()
    if kind == "softmax":
        wide = logits if logits.dtype == torch.float64 else logits.float()
        return F.cross_entropy(wide.flatten(0, 1), labels.flatten(), ignore_index=IGNORE, reduction="none").view_as(
            labels
        )
    labelled = labels != IGNORE
    target = torch.where(labelled, labels, 0).unsqueeze(-1)
    return -torch.where(labelled, log_stablemax(logits.double()).gather(-1, target).squeeze(-1), 0)


def answer_loss(
    logits: Float[Tensor, "B L V"], labels: Integer[Tensor, "B L"], kind: Kind = "stablemax"
) -> Float[Tensor, " B"]:
    """Cross entropy (B,) of each answer, averaged over its labelled tokens (0 where it has none)."""
    count = (labels != IGNORE).sum(-1).clamp_min(1)
    return (token_losses(logits, labels, kind) / count.unsqueeze(-1)).sum(-1)


class Correctness(NamedTuple):
    """exact (B,) bool: every labelled token right; token_accuracy (B,) float32; labelled (B,) int64 tokens.

    As published: where nothing is labelled, nothing is wrong. That is the target of the halting head; what is reported
    leaves such puzzles out (`labelled`).
    """

    exact: Bool[Tensor, " B"]
    token_accuracy: Float[Tensor, " B"]
    labelled: Integer[Tensor, " B"]


@torch.no_grad()
def correctness(preds: Integer[Tensor, "B L"], labels: Integer[Tensor, "B L"]) -> Correctness:
    """How right predicted tokens (B,L) are against labels (B,L) with -100 = ignore."""
    mask = labels != IGNORE
    right = mask & (preds == labels)
    count = mask.sum(-1)
    accuracy = (right.float() / count.clamp_min(1).unsqueeze(-1)).sum(-1)
    return Correctness(right.sum(-1) == count, accuracy, count)


def halt_loss(q_halt: Float[Tensor, " B"], exact: Bool[Tensor, " B"]) -> Float[Tensor, " B"]:
    """Binary cross entropy (B,) of the halt logit against "the whole answer is right"."""
    return F.binary_cross_entropy_with_logits(q_halt, exact.to(q_halt.dtype), reduction="none")


def continue_loss(q_continue: Float[Tensor, " B"], target: Float[Tensor, " B"]) -> Float[Tensor, " B"]:
    """Binary cross entropy (B,) of the continue logit against its bootstrapped target in [0, 1]."""
    return F.binary_cross_entropy_with_logits(q_continue, target, reduction="none")


def continue_target(following: Readout, last: Bool[Tensor, " B"]) -> Float[Tensor, " B"]:
    """Target (B,) of the continue head, from the readout one segment later; `last` (B,) bool: the budget ends here.

    sigmoid(q_halt) where the budget ends, else sigmoid(max(q_halt, q_continue)).
    """
    best = torch.maximum(following.q_halt, following.q_continue)
    return torch.sigmoid(torch.where(last, following.q_halt, best)).detach()


def total_loss(
    answer: Float[Tensor, " B"], halt: Float[Tensor, " B"], following: Float[Tensor, " B"] | None = None
) -> Float[Tensor, " B"]:
    """answer + 0.5 x (halt + continue), (B,); `following` is the continue loss where the model trains that head."""
    return answer + HEAD_WEIGHT * (halt if following is None else halt + following)
