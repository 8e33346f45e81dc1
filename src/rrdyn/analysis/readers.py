"""Which of several particles' answers is taken: readers of one point of a method, breadth K and T segments.

A reader gives two arrays over puzzles: the chance that the answer it takes is right (ties are broken at random) and how
sure it is of it, larger being surer; None where it says nothing of that.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy.special import expit

from rrdyn.analysis.selectors import best, halt_first, majority


@dataclass(frozen=True, kw_only=True)
class Particles:
    """What K particles of N puzzles read after each of T segments; the readout is the last."""

    right: np.ndarray
    """(N,K,T) bool."""
    q_halt: np.ndarray
    """(N,K,T)"""
    residual: np.ndarray
    """(N,K) at the readout."""
    return_distance: np.ndarray
    """(N,K) at the readout."""
    answer: np.ndarray
    """(N,K) number of the answer at the readout."""
    lambda_1: np.ndarray | None = None
    """(N,K) leading exponent up to the readout; None where no tangents were followed."""

    @property
    def breadth(self) -> int:
        return int(self.right.shape[1])


Reading = tuple[np.ndarray, np.ndarray | None]
Reader = Callable[[Particles], Reading]


def weighted(particles: Particles) -> Reading:
    """The answer with the largest sum of sigmoid(q_halt), and its share of all."""
    weight = expit(np.nan_to_num(particles.q_halt[:, :, -1].astype(float), nan=-np.inf))
    same = particles.answer[:, :, None] == particles.answer[:, None, :]
    votes = (same * weight[:, None, :]).sum(2)
    top = votes.max(1)
    chosen = votes >= top[:, None] * (1 - 1e-12)
    # an answer of v particles stands v times among the chosen: each of them counts 1 / v
    share = chosen / same.sum(2)
    right = (particles.right[:, :, -1] * share).sum(1) / share.sum(1)
    return right, top / np.maximum(weight.sum(1), np.finfo(float).tiny)


def _ever(particles: Particles) -> Reading:
    n = len(particles.right)
    return best(particles.q_halt.reshape(n, -1), particles.right.reshape(n, -1))


def _first(particles: Particles) -> Reading:
    right, segment, sure = halt_first(particles.right, particles.q_halt)
    order = np.lexsort((sure, -segment))
    rank = np.empty(len(order))
    rank[order] = np.arange(len(order))
    return right, rank


def _calmest(particles: Particles) -> Reading:
    assert particles.lambda_1 is not None
    return best(-particles.lambda_1, particles.right[:, :, -1])


READERS: dict[str, Reader] = {
    "q_halt": lambda p: best(p.q_halt[:, :, -1], p.right[:, :, -1]),
    "q_ever": _ever,
    "halt_first": _first,
    "residual": lambda p: best(-p.residual, p.right[:, :, -1]),
    "return_distance": lambda p: best(-p.return_distance, p.right[:, :, -1]),
    "majority": lambda p: majority(p.answer[:, :, None], p.right[:, :, -1]),
    "weighted": weighted,
    "lambda_1": _calmest,
    "random": lambda p: (p.right[:, :, -1].mean(1), None),
    "oracle": lambda p: (p.right[:, :, -1].any(1).astype(float), None),
    "oracle_ever": lambda p: (p.right.any((1, 2)).astype(float), None),
}
"""Readers by name. The last two need the answer to choose by, and bound what any reader can reach."""
ORACLES = ("oracle", "oracle_ever")
TANGENTS = {"lambda_1": 2}
"""Evaluations of a sub-update, of readers that ask for more than the state: K + 1 with K tangents."""
MEANING = {
    "q_halt": "largest q_halt at the readout",
    "q_ever": "largest q_halt at any segment",
    "halt_first": "first to halt",
    "residual": "smallest residual",
    "return_distance": "smallest return distance",
    "majority": "majority of whole answers",
    "weighted": "vote weighted by sigmoid(q_halt)",
    "lambda_1": "smallest leading exponent",
    "random": "a particle taken at random",
    "oracle": "any particle at the readout",
    "oracle_ever": "any particle at any segment",
}
