"""Rank statistics: the area under the ROC curve and its covariance after DeLong, ties counted as one half."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

__all__ = ["Delong", "auc", "delong", "placements"]


def auc(score: np.ndarray, label: np.ndarray) -> float:
    """P(score of a positive > score of a negative) + P(equal) / 2; NaN where a class is empty.

    `score` (N,), `label` (N,) bool or 0/1. Two sorts and two searches, O(N log N).
    """
    positive = np.asarray(label).astype(bool)
    return auc_of(np.asarray(score)[positive], np.asarray(score)[~positive])


def auc_of(positives: np.ndarray, negatives: np.ndarray) -> float:
    """The area from the two classes' scores."""
    if len(positives) == 0 or len(negatives) == 0:
        return float("nan")
    # both sides sorted: the searches then walk through memory instead of jumping
    above, below = np.sort(positives), np.sort(negatives)
    wins = int(np.searchsorted(below, above, side="left").sum())
    wins_and_ties = int(np.searchsorted(below, above, side="right").sum())
    return (wins + wins_and_ties) / 2 / (len(above) * len(below))


def placements(positives: np.ndarray, negatives: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """For each positive the share of negatives below it, for each negative the share of positives above it.

    Both in [0, 1] with ties as one half, in the order given; the mean of either is the AUC.
    """
    return _share_below(positives, negatives), 1.0 - _share_below(negatives, positives)


def _share_below(values: np.ndarray, among: np.ndarray) -> np.ndarray:
    ordered = np.sort(among)
    order = np.argsort(values)
    walked = values[order]
    share = np.empty(len(values))
    share[order] = np.searchsorted(ordered, walked, side="left") + np.searchsorted(ordered, walked, side="right")
    return share / (2 * len(among))


@dataclass(frozen=True, kw_only=True)
class Delong:
    """AUCs of M scores on the same rows with their covariance matrix."""

    aucs: np.ndarray  # (M,)
    covariance: np.ndarray  # (M, M)

    @property
    def errors(self) -> np.ndarray:
        """Standard errors (M,)."""
        return np.sqrt(np.diag(self.covariance))

    def difference(self, first: int, second: int) -> tuple[float, float]:
        """AUC[first] - AUC[second] and the standard error of that difference."""
        c = self.covariance
        variance = c[first, first] + c[second, second] - 2 * c[first, second]
        return float(self.aucs[first] - self.aucs[second]), float(np.sqrt(max(variance, 0.0)))


def delong(scores: Sequence[np.ndarray], label: np.ndarray) -> Delong:
    """AUCs and covariance of M scores (N,) against one label (DeLong, DeLong & Clarke-Pearson 1988, eq. 5-7).

    The covariance is NaN where a class has fewer than two members.
    """
    positive = np.asarray(label).astype(bool)
    m, n = int(positive.sum()), int((~positive).sum())
    if m == 0 or n == 0:
        return Delong(aucs=np.full(len(scores), np.nan), covariance=np.full((len(scores), len(scores)), np.nan))
    pairs = [placements(np.asarray(score)[positive], np.asarray(score)[~positive]) for score in scores]
    aucs = np.array([share.mean() for share, _ in pairs])
    if m < 2 or n < 2:
        return Delong(aucs=aucs, covariance=np.full((len(scores), len(scores)), np.nan))
    of_positives = np.atleast_2d(np.cov(np.stack([share for share, _ in pairs])))
    of_negatives = np.atleast_2d(np.cov(np.stack([share for _, share in pairs])))
    return Delong(aucs=aucs, covariance=of_positives / m + of_negatives / n)
