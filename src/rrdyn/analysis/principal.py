"""Principal components of one trajectory, beside those that a random walk of its length has."""

from __future__ import annotations

import numpy as np


def principal(states: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Coordinates (T, r) in the principal axes of (T, n) states and each axis' share of the variance (r,)."""
    centred = states - states.mean(axis=0)
    left, sizes, _ = np.linalg.svd(centred, full_matrices=False)
    total = float((sizes**2).sum())
    # the sign of an axis is arbitrary: start on the left and below, so that redrawing agrees
    coordinates = left * sizes
    coordinates = coordinates * np.where(coordinates[0] > 0, -1.0, 1.0)
    return coordinates, sizes**2 / total if total else np.zeros_like(sizes)


def random_walk(states: int) -> np.ndarray:
    """Expected shares of variance of a random walk in many dimensions: proportional to 1 / sin^2(pi k / 2 T).

    The Gram matrix of a centred walk is the pseudo-inverse of the path graph's Laplacian (Antognini and
    Sohl-Dickstein 2018, PCA of high dimensional random walks).
    """
    k = np.arange(1, states)
    weights = 1.0 / np.sin(np.pi * k / (2 * states)) ** 2
    return np.asarray(weights / weights.sum())
