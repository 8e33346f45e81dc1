"""Methods on systems for which it is known what they must bring."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy.stats import norm
from tests.measurement.scaling.known_systems import OneNumber, run

from rrdyn.measurement.scaling import METHODS, Longer, Method, PathNoise, Smc, register_method
from rrdyn.measurement.scaling.particles import layout

STEP, SEGMENTS = 0.2, 24


def well(z):
    """A step towards -1 or 1, the wells of (z^2 - 1)^2 / 4."""
    return z + STEP * (z - z**3)


def near_one(z):
    return (z - 1).abs() < 0.5


def transfer(sigma: float) -> float:
    """P(|z_T - 1| < .5) of z <- well(z + noise) from z0 = -1, T = SEGMENTS with noise before all but the first.

    The matrix of one noisy segment between the cells of a fine grid, applied T - 1 times.
    """
    edges = np.linspace(-3.2, 3.2, 401)
    centres = (edges[1:] + edges[:-1]) / 2
    # the state before its noise lies in a cell; the noise takes it to x, the map to well(x): monotone for |x| < 1.4
    law = np.zeros(len(centres))
    law[np.abs(centres - float(well(torch.tensor(-1.0)))).argmin()] = 1
    fine = np.linspace(-5, 5, 1601)
    landing = np.clip(
        np.searchsorted(edges, np.clip(fine + STEP * (fine - fine**3), -3.19, 3.19)) - 1, 0, len(centres) - 1
    )
    kernel = norm.pdf(fine[None], centres[:, None], sigma) * (fine[1] - fine[0])
    matrix = np.zeros((len(centres), len(centres)))
    for column, place in enumerate(landing):
        matrix[:, place] += kernel[:, column]
    matrix /= matrix.sum(1, keepdims=True)
    for _ in range(SEGMENTS - 1):
        law = law @ matrix
    return float(law[np.abs(centres - 1) < 0.5].sum())


SIGMAS = (0.2, 0.3, 0.45, 0.65, 0.9)


def test_the_best_noise_in_a_double_well_is_that_of_the_transfer_matrix():
    puzzles, particles = 36, 16
    known = [transfer(sigma) for sigma in SIGMAS]
    model = OneNumber(well, start=-1.0, says=near_one)
    found = []
    for sigma in SIGMAS:
        _, read = run(model, "path-noise", particles, SEGMENTS, puzzles=puzzles, strength=sigma)
        right = read.right[:, :, -1]
        assert not right[:, 0].any()  # particle 0 has no noise, and stays
        found.append(float(right[:, 1:].double().mean()))
    m = puzzles * (particles - 1)
    for p, share in zip(known, found):
        assert abs(share - p) < 4 * np.sqrt(p * (1 - p) / m) + 0.005
    assert np.argmax(found) == np.argmax(known)
    assert 0 < np.argmax(known) < len(SIGMAS) - 1  # it has a best noise: neither the least nor the most
    # where noise is small, escape is Arrhenius: the slope of its logarithm against 1 / sigma^2
    few = slice(0, 3)
    slopes = [np.polyfit(1 / np.square(SIGMAS[few]), np.log(rates[few]), 1)[0] for rates in (found, known)]
    assert slopes[1] < 0
    assert slopes[0] == pytest.approx(slopes[1], rel=0.35)


def test_k_restarts_of_two_basins_succeed_with_one_minus_the_rest():
    """z0 ~ N(0, 1): z > c is the right basin of z <- z + (2 sign(z - c) + c - z) / 2, of probability p."""
    c, puzzles = 1.0, 800
    p = 1 - norm.cdf(c)
    model = OneNumber(lambda z: z + (c + 2 * torch.sign(z - c) - z) / 2, says=lambda z: z > c)
    _, read = run(model, "random-start", 8, 4, puzzles=puzzles)
    for K in (1, 2, 4, 8):
        wanted = 1 - (1 - p) ** K
        found = float(read.right[:, :K, -1].any(1).double().mean())
        assert abs(found - wanted) < 3.5 * np.sqrt(wanted * (1 - wanted) / puzzles)


@pytest.mark.parametrize(("d", "settles"), [(0.88, True), (0.93, False)])
def test_damping_stills_a_cycle_of_two_where_theory_says(d, settles):
    """Logistic map, r = 3.2: the multiplier is 2 - r, damped 1 - d (r - 1), stable below d = 2 / (r - 1) = 0.909."""
    r = 3.2
    model = OneNumber(lambda z: r * z * (1 - z), start=0.4)
    _, read = run(model, "damped", 1, 400, strength=d)
    assert float(read.return_distance[0, 0, -1]) < 1e-9
    assert (float(read.residual[0, 0, -1]) < 1e-6) == settles
    _, plain = run(model, "damped", 1, 200, strength=1.0)
    assert float(plain.residual[0, 0, -1]) > 0.3


def test_random_starts_share_basins_by_their_size():
    c = 0.5
    model = OneNumber(lambda z: z + (c + 2 * torch.sign(z - c) - z) / 2, says=lambda z: z > c)
    _, read = run(model, "random-start", 8, 2, puzzles=400, seed=3)
    share, p = float(read.right[:, :, -1].double().mean()), 1 - norm.cdf(c)
    assert abs(share - p) < 3.5 * np.sqrt(p * (1 - p) / 3200)


def test_annealed_noise_ends_at_the_budget():
    model = OneNumber(lambda z: z, start=0.0, budget=4)
    method, _ = run(model, "annealed-noise", 2, 1, strength=1.0)
    assert [method.share(done) for done in range(1, 7)] == [0.75, 0.5, 0.25, 0, 0, 0]


@pytest.mark.parametrize("budget", [1, 2, 8, 64])
@pytest.mark.parametrize("depth", [1, 4, 64])
def test_the_layout_holds_every_point_once(budget, depth):
    for kind, most in ((PathNoise, None), (PathNoise, 3), (Smc, None), (Longer, 1)):
        pieces = layout(kind, budget, depth, most)
        seen = [(piece.population, particle) for piece in pieces for particle in piece.particles]
        assert len(seen) == len(set(seen))
        if kind is Longer:
            assert [(len(p.particles), p.depth) for p in pieces] == [(1, budget)]
            continue
        deep = {(piece.population, particle): piece.depth for piece in pieces for particle in piece.particles}
        K = 1
        while min(budget, most or budget) >= K:
            D = min(depth, budget // K)
            population = K if kind.together else 0
            assert all(deep[population, particle] >= D for particle in range(K))
            K *= 2


def test_a_method_of_ones_own_is_a_class():
    @register_method
    class Halved(Method):
        name, single = "halved-in-a-test", True

        def leave(self, before, moved):
            return type(moved)(*((a + b) / 2 for a, b in zip(before, moved)))

    try:
        model = OneNumber(lambda z: 0 * z, start=1.0)
        _, read = run(model, "halved-in-a-test", 1, 3)
        assert read.residual[0, 0].tolist() == [1, 1, 1]
        assert read.evaluations == 3
    finally:
        del METHODS["halved-in-a-test"]


def test_a_tangent_goes_the_way_of_its_particle():
    """Damped: the product of 1 - d + d f'(z). Noise moves no tangent: with a linear map all grow by its slope."""
    r, d, z, known = 3.8, 0.6, 0.3, []
    model = OneNumber(lambda z: r * z * (1 - z), start=z)
    _, read = run(model, "damped", 1, 12, strength=d, exponents=True)
    for _ in range(12):
        known.append(np.log(abs(1 - d + d * r * (1 - 2 * z))))
        z = (1 - d) * z + d * r * z * (1 - z)
    np.testing.assert_allclose(read.lambda_1[0, 0], np.cumsum(known) / np.arange(1, 13), rtol=1e-5)
    assert read.evaluations == 24
    for name in ("path-noise", "smc"):
        model = OneNumber(lambda z: -0.9 * z, start=1.0, q=lambda z: 3 * z)
        _, read = run(model, name, 4, 8, puzzles=2, exponents=True, below=1.0)
        np.testing.assert_allclose(read.lambda_1, np.log(0.9), rtol=1e-5)
