from __future__ import annotations

import numpy as np
import pytest
from tests.analysis.test_scaling import N, S

from rrdyn.analysis.noise_escape import escapes, slope
from rrdyn.analysis.particles import grid
from rrdyn.artifacts.npz import read_npz, write_npz
from rrdyn.artifacts.schemas import SCALE

BARRIER, K = 0.3, 64
SIGMAS = (0.4, 0.6, 1.0)


@pytest.fixture
def file(tmp_path):
    """Particles that escape with probability exp(-BARRIER / sigma^2), of puzzles all wrong by the plain rollout."""
    rng = np.random.default_rng(0)
    names = ["longer", *(f"path-noise={sigma:g}" for sigma in SIGMAS)]
    rows = [(0, 0, t) for t in range(1, S + 1)]
    rows += [(code + 1, k, t) for code in range(len(SIGMAS)) for k in range(K) for t in range(1, S + 1)]
    method, particle, segment = np.array(rows).T
    chance = np.array([0, *np.exp(-BARRIER / np.square(SIGMAS))])[method] * (particle > 0)
    right = rng.random((N, len(rows))) < chance
    zeros = np.zeros(right.shape)
    arrays = {"right": right, "q_halt": zeros, "residual": zeros, "return_distance": zeros,
              "answer": zeros.astype(int), "evaluations": np.zeros((N, len(names)), int), "method": method,
              "population": 0 * method, "particle": particle, "segment": segment, "idx": np.arange(N)}  # fmt: skip
    meta = {"methods": names, "singles": ["longer"], "budget": S, "sub_updates_per_segment": 7}
    return write_npz(tmp_path / "scale.npz", SCALE, arrays, meta)


def test_the_slope_is_minus_the_barrier(file, tmp_path):
    (row,) = escapes(grid(read_npz(tmp_path / "scale.npz", SCALE)), np.random.default_rng(1), 200)
    assert row.method == "path-noise"
    np.testing.assert_allclose(row.escaped, np.exp(-BARRIER / np.square(SIGMAS)), atol=0.03)
    assert row.slope.value == pytest.approx(-BARRIER, abs=0.03)
    assert row.slope.covers(row.slope.value)


def test_two_noises_or_no_escape_make_no_slope():
    assert slope(np.array([0.5, 1.0]), np.array([np.exp(-4.0), np.exp(-1.0)])) == pytest.approx(-1.0)
    assert np.isnan(slope(np.array([0.5, 1.0]), np.array([0.0, 0.1])))
