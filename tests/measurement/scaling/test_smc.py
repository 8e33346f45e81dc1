from __future__ import annotations

import numpy as np
import torch
from scipy.stats import norm
from tests.measurement.scaling.known_systems import OneNumber, run

from rrdyn.measurement.scaling.smc import systematic

A, SIGMA, T = 0.8, 1.0, 6


def q(z):
    return 2 * z - 1


def posterior() -> tuple[float, float]:
    """Mean and deviation of z_T times sigmoid(q(z_T)), where z_1 = A z_0 and z <- A (z + SIGMA noise)."""
    deviation = SIGMA * np.sqrt(sum(A ** (2 * k) for k in range(1, T)))
    z = np.linspace(-8, 8, 20001)
    density = norm.pdf(z, A**T * 1.0, deviation) / (1 + np.exp(-q(z)))
    density /= density.sum()
    mean = float((z * density).sum())
    return mean, float(np.sqrt((density * (z - mean) ** 2).sum()))


def estimates(**schedule):
    """Weighed means of z_T of many populations."""
    states = []
    model = OneNumber(lambda z: A * z, start=1.0, q=lambda z: (states.append(z), q(z))[1])
    method, _ = run(model, "smc", 64, T, puzzles=80, strength=SIGMA, **schedule)
    last = states[T - 1].view(80, 64).numpy()
    return (method.weights() * last).sum(1)


def test_weighed_particles_follow_the_known_posterior():
    mean, deviation = posterior()
    for schedule in ({"below": 1.0}, {"below": 0.0}, {"every": 3, "below": 1.0}):
        found = estimates(**schedule)
        assert abs(found.mean() - mean) < 4 * found.std() / np.sqrt(len(found)) + 2 * deviation / 64, schedule
    prior = A**T
    assert mean - prior > 10 * found.std() / np.sqrt(len(found))  # the guide moves them


def test_nothing_is_resampled_where_the_head_says_nothing():
    model = OneNumber(lambda z: A * z, start=1.0)
    method, _ = run(model, "smc", 8, T, strength=SIGMA)
    assert method.ancestors is None
    np.testing.assert_allclose(method.weights(), 1 / 8)


def test_a_particles_past_is_that_of_the_one_it_goes_on_from():
    """Without noise and with a head that prefers one particle, all become it: their return distances are its."""
    model = OneNumber(lambda z: z, start=0.0, q=lambda z: 50 * z)
    method, read = run(model, "smc", 4, 3, strength=1.0, below=1.0)
    assert method.ancestors is not None
    assert torch.isfinite(read.return_distance).all()


def test_systematic_resampling_gives_floor_or_ceiling_of_what_is_due():
    weights = np.array([0.05, 0.6, 0.0, 0.35])
    for uniform in (0.0, 0.3, 0.999):
        counts = np.bincount(systematic(weights, uniform), minlength=4)
        assert counts.sum() == 4
        assert (np.abs(counts - 4 * weights) < 1).all()
    everything = np.mean([np.bincount(systematic(weights, (u + 0.5) / 200), minlength=4) for u in range(200)], axis=0)
    np.testing.assert_allclose(everything, 4 * weights, atol=0.02)
