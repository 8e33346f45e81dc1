"""Which of K restarts to trust. Every selector sees the same restarts up to the same segment.

A pick is described by two arrays over puzzles: the chance that the picked answer is right (ties between restarts are
broken at random, so it may lie between 0 and 1) and the confidence that the selector itself gives its pick.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True, kw_only=True)
class Restarts:
    """N puzzles x K restarts at one noise scale, up to the readout segment R; absent arrays are None."""

    correct: np.ndarray  # (N, K, R) bool
    q_halt: np.ndarray | None  # (N, K, R) logit
    preds: np.ndarray | None  # (N, K, L) tokens at the readout
    residual: np.ndarray | None  # (N, K) at the readout
    drift: np.ndarray | None  # (N, K) at the readout
    lambda_1: np.ndarray | None  # (N, K)
    longer: np.ndarray | None = None  # (N,) bool: restart 0 right at segment `longer_segments`
    longer_segments: int = 0

    @property
    def right(self) -> np.ndarray:
        """(N, K) right at the readout."""
        return self.correct[:, :, -1]


@dataclass(frozen=True, kw_only=True)
class Pick:
    """One selector's answers."""

    right: np.ndarray  # (N,) chance that the picked answer is right
    confidence: np.ndarray | None  # (N,) larger is surer; None for selectors that give none
    segments: float  # mean segments run a puzzle, over all restarts


def best(score: np.ndarray, right: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Pick the largest score (N, K), ties at random: chance of a right answer (N,), the score picked (N,).

    A score that is not a number is never picked while there is another.
    """
    score = np.where(np.isnan(score), -np.inf, score)
    top = score.max(axis=1, keepdims=True)
    chosen = score == top
    return (right * chosen).sum(axis=1) / chosen.sum(axis=1), top[:, 0]


def majority(preds: np.ndarray, right: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Vote over whole answers, preds (N, K, L): chance of a right answer (N,), share of the votes it got (N,)."""
    n, k, _ = preds.shape
    votes = np.zeros((n, k), dtype=np.int64)
    for one in range(k):
        votes[:, one] = (preds == preds[:, one : one + 1]).all(axis=2).sum(axis=1)
    # each member of a group of v carries v votes: weighting by 1 / v counts every group once
    chosen = (votes == votes.max(axis=1, keepdims=True)) / votes
    return (right * chosen).sum(axis=1) / chosen.sum(axis=1), votes.max(axis=1) / k


def halt_first(correct: np.ndarray, q_halt: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The restart that halts first (q_halt > 0), its answer as it halts; (N, K, R) both.

    Among several at the same segment the surer; where none halts, the largest q_halt at the readout.
    Returns the chance of a right answer (N,), the segment (N,; R + 1 where none halted), the logit (N,).
    """
    halted = q_halt > 0
    segment = np.where(halted.any(axis=2), halted.argmax(axis=2), q_halt.shape[2])
    earliest = segment.min(axis=1)
    at = np.minimum(earliest, q_halt.shape[2] - 1)[:, None, None]
    logit = np.take_along_axis(q_halt, np.broadcast_to(at, (*segment.shape, 1)), axis=2)[:, :, 0]
    answer = np.take_along_axis(correct, np.broadcast_to(at, (*segment.shape, 1)), axis=2)[:, :, 0]
    right, sure = best(np.where(segment == earliest[:, None], logit, -np.inf), answer)
    return right, earliest + 1, sure


def picks(restarts: Restarts) -> dict[str, Pick]:
    """All selectors whose arrays are there."""
    right = restarts.right
    n, k, length = restarts.correct.shape
    budget = float(k * length)
    logits = None if restarts.q_halt is None else restarts.q_halt[:, :, -1]
    found = {
        "first": Pick(
            right=right[:, 0].astype(float), confidence=None if logits is None else logits[:, 0], segments=float(length)
        ),
        "random": Pick(right=right.mean(axis=1), confidence=None, segments=float(length)),
    }
    if restarts.q_halt is not None and logits is not None:
        chance, sure = best(logits, right)
        found["q_halt"] = Pick(right=chance, confidence=sure, segments=budget)
        chance, segment, sure = halt_first(restarts.correct, restarts.q_halt)
        # earlier is surer; at the same segment the logit decides
        order = np.empty(n)
        order[np.lexsort((sure, -segment))] = np.arange(n)
        spent = k * np.minimum(segment, length).mean()
        found["halt_first"] = Pick(right=chance, confidence=_tied(order, segment, sure), segments=float(spent))
    for name, values in (("residual", restarts.residual), ("lambda_1", restarts.lambda_1)):
        if values is not None:
            chance, sure = best(-values, right)
            found[name] = Pick(right=chance, confidence=sure, segments=budget)
    if restarts.residual is None and restarts.drift is not None:
        chance, sure = best(-restarts.drift, right)
        found["drift"] = Pick(right=chance, confidence=sure, segments=budget)
    if restarts.preds is not None:
        chance, sure = majority(restarts.preds, right)
        found["majority"] = Pick(right=chance, confidence=sure, segments=budget)
    if restarts.longer is not None:
        length = restarts.longer_segments
        found["longer"] = Pick(right=restarts.longer.astype(float), confidence=None, segments=float(length))
    found["oracle"] = Pick(right=right.any(axis=1).astype(float), confidence=None, segments=budget)
    return found


def _tied(order: np.ndarray, *keys: np.ndarray) -> np.ndarray:
    """Ranks in which rows with equal keys are equal."""
    _, group = np.unique(np.stack(keys, axis=1), axis=0, return_inverse=True)
    lowest = np.full(int(group.max(initial=0)) + 1, np.inf)
    np.minimum.at(lowest, group.ravel(), order)
    return lowest[group.ravel()]
