"""The transient-chaos toy: chaotic search of [0,1] by the logistic map until within eps of a solution, then capture.

A trajectory searches (exponent ln 2) until it lands within eps of its solution s, and from then on contracts onto it
(exponent ln .5). Read out at T, the captured have succeeded with low finite-time exponents and the others are still
searching with high ones. Protocol, constants and draws are those of the source study's notebook; as T grows the
failures vanish and the AUC goes to 1.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

EPS = 0.04
NEAR = 0.05


class Readings(NamedTuple):
    """Trajectories read out at times T (R,): exponents and successes, each (R,n)."""

    ftle: np.ndarray
    success: np.ndarray


def run_toy(times: Sequence[int], n: int = 20_000, seed: int = 0, eps: float = EPS) -> Readings:
    """n trajectories read out at several times (ascending or not) in one pass; ftle in nats per step.

    Drawn from numpy's default generator of that seed, as the notebook does: solutions first, then starts.
    """
    random = np.random.default_rng(seed)
    s = random.uniform(0.15, 0.85, n)
    x = random.uniform(0, 1, n)
    captured = np.zeros(n, dtype=bool)
    log_slope = np.zeros(n)
    wanted = set(times)
    read: dict[int, tuple[np.ndarray, np.ndarray]] = {}
    for t in range(1, max(times) + 1):
        search = ~captured
        log_slope += np.where(search, np.log(np.abs(4 * (1 - 2 * x)) + 1e-12), np.log(0.5))
        x = np.where(search, 4 * x * (1 - x), s + 0.5 * (x - s))
        captured |= search & (np.abs(x - s) < eps)
        if t in wanted:
            read[t] = (log_slope / t, captured & (np.abs(x - s) < NEAR))
    return Readings(np.stack([read[t][0] for t in times]), np.stack([read[t][1] for t in times]))


def separation(ftle: np.ndarray, success: np.ndarray) -> float:
    """AUC of -ftle for success: the chance that a success moves less chaotically than a failure; NaN without both."""
    wins, losses = int(success.sum()), int((~success).sum())
    if wins == 0 or losses == 0:
        return float("nan")
    from scipy.stats import rankdata

    ranks = rankdata(-ftle)
    return float((ranks[success].sum() - wins * (wins + 1) / 2) / (wins * losses))
