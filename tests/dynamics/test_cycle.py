"""Fixed points and cycles where they are known by hand, with their multipliers."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from rrdyn.artifacts.errors import UsageError
from rrdyn.dynamics import find_cycle, maps


def column(*values):
    return torch.tensor(values, dtype=torch.float64)[:, None]


@settings(max_examples=10)
@given(st.floats(3.05, 3.6), st.floats(-0.02, 0.02))
def test_logistic_period_two(r, off):
    """Attracting to r = 1 + sqrt 6, a saddle beyond: found alike."""
    root = math.sqrt((r + 1) * (r - 3))
    known = (r + 1 - root) / (2 * r)
    found = find_cycle(maps.logistic(r), column(known + off), 2)
    assert found.converged.item()
    assert found.period.item() == 2
    assert found.eigenvalues[0, 0].real.item() == pytest.approx(4 + 2 * r - r * r, abs=1e-10)
    assert found.multipliers[0, 0].item() == pytest.approx(abs(4 + 2 * r - r * r), abs=1e-10)
    assert found.attracting.item() == (r < 1 + math.sqrt(6))


@pytest.mark.parametrize("a", [0.2, 1.4])
def test_henon_fixed_point(a):
    """x = 1 - a x^2 + b x; eigenvalues of [[-2 a x, 1], [b, 0]]."""
    b = 0.3
    x = (-(1 - b) + math.sqrt((1 - b) ** 2 + 4 * a)) / (2 * a)
    found = find_cycle(maps.henon(a), torch.tensor([[x + 0.05, b * x - 0.02]], dtype=torch.float64))
    np.testing.assert_allclose(found.state[0], [[x, b * x]], atol=1e-14)
    known = np.roots([1, 2 * a * x, -b])
    known = known[np.argsort(-np.abs(known))]
    np.testing.assert_allclose(found.eigenvalues[0], known, atol=1e-10)
    assert found.attracting.item() == (a < 0.3675)
    assert found.residual.item() < 1e-15
    assert found.moved.item() == pytest.approx(math.hypot(0.05, 0.02) / math.hypot(x + 0.05, b * x - 0.02), rel=0.2)


def test_lorenz_fixed_points():
    """Where the velocity is 0 one RK4 step multiplies by 1 + m + m^2/2 + m^3/6 + m^4/24, m = step times eigenvalue."""
    side = math.sqrt(8 / 3 * 27)
    found = find_cycle(maps.lorenz(), torch.tensor([[8.0, 8.0, 27.5], [0.3, -0.1, 0.2]], dtype=torch.float64))
    np.testing.assert_allclose(found.state[0], [[side, side, 27], [0, 0, 0]], atol=1e-12)
    for row, (x, y, z) in enumerate(((side, side, 27.0), (0.0, 0.0, 0.0))):
        jacobian = np.array([[-10, 10, 0], [28 - z, -1, -x], [y, x, -8 / 3]])
        m = 0.01 * np.linalg.eigvals(jacobian).astype(complex)
        known = 1 + m + m**2 / 2 + m**3 / 6 + m**4 / 24
        known = known[np.lexsort((-known.imag, -np.abs(known).round(12)))]
        np.testing.assert_allclose(found.eigenvalues[row], known, atol=1e-10)
    assert not found.attracting.any()


def test_pairs_of_the_delayed_logistic():
    for a in (1.9, 2.05):
        found = find_cycle(maps.delayed_logistic(a), torch.tensor([[0.5, 0.45]], dtype=torch.float64))
        root = 1j * math.sqrt(4 * a - 5)
        np.testing.assert_allclose(found.eigenvalues[0], [(1 + root) / 2, (1 - root) / 2], atol=1e-10)
        assert found.attracting.item() == (a < 2)
        np.testing.assert_allclose(found.state[0], 1 - 1 / a, atol=1e-13)


@pytest.mark.parametrize(
    ("system", "start", "route"),
    [
        (maps.logistic(2.95), [[0.65]], "flip"),
        (maps.henon(-0.122), [[-2.5, -0.75]], "fold"),
        (maps.delayed_logistic(2.02), [[0.5, 0.5]], "Neimark-Sacker"),
        (maps.henon(0.2), [[0.9, 0.25]], ""),
    ],
)
def test_how_stability_is_lost(system, start, route):
    found = find_cycle(system, torch.tensor(start, dtype=torch.float64))
    assert found.converged.item()
    assert found.stability_loss() == [route]


def test_a_neutral_cycle_stays_where_it_is():
    found = find_cycle(maps.rotation(2 * math.pi / 7), torch.tensor([[0.3, 0.4]], dtype=torch.float64), 7)
    assert found.converged.item()
    assert found.period.item() == 7
    assert found.moved.item() < 1e-12
    np.testing.assert_allclose(found.eigenvalues[0], 1, atol=1e-12)


def test_a_divisor_of_the_period_is_told():
    found = find_cycle(maps.logistic(3.2), column(0.513, 0.687), 4)
    assert found.period.tolist() == [2, 1]
    assert found.eigenvalues[0, 0].real.item() == pytest.approx(0.16**2, abs=1e-10)
    assert found.eigenvalues[1, 0].real.item() == pytest.approx(1.2**4, abs=1e-10)


def test_where_there_is_none():
    found = find_cycle(lambda x: x + 1, column(0.0, 3.0))
    assert not found.converged.any()
    assert found.eigenvalues.isnan().all()
    assert found.period.tolist() == [0, 0]
    assert found.residual.min() > 0.1


def test_a_large_state():
    """By Newton-GMRES and Arnoldi: what the whole Jacobian says."""
    n = 150
    weights, bias = maps.random_weights(n, 0.8, seed=0), maps.random_weights(n, 0.8, seed=1)[0]
    network = maps.Step(function=lambda h: torch.tanh(h @ weights.mT + bias))
    system = maps.Map(name="driven", sub_updates=(network,), start=bias[None], exponents=())
    found = find_cycle(system, bias[None], count=4)
    assert found.converged.item()
    point = found.state[0]
    known = np.linalg.eigvals(((1 - point.mT.square()) * weights).numpy())
    known = known[np.argsort(-np.abs(known))][:4]
    np.testing.assert_allclose(found.multipliers[0], np.abs(known), rtol=1e-6)
    assert np.abs(found.eigenvalues[0].numpy()[:, None] - known).min(1).max() < 1e-6


def test_a_callable_that_holds_something_of_every_example():
    """Each example has its own r: its own fixed point 1 - 1/r."""
    r = column(2.5, 2.8, 2.9)
    found = find_cycle(lambda x: r * x * (1 - x), column(0.5, 0.6, 0.7))
    torch.testing.assert_close(found.state[0], 1 - 1 / r)
    torch.testing.assert_close(found.eigenvalues.real, 2 - r)


def test_a_batch_is_its_rows():
    z = torch.tensor([[0.5, 0.1], [-1.0, 0.2], [0.7, 0.2]], dtype=torch.float64)
    together = find_cycle(maps.henon(), z, 2)
    for row in range(3):
        alone = find_cycle(maps.henon(), z[row : row + 1], 2, keys=[row])
        assert torch.equal(alone.state[0][0], together.state[0][row])
        assert torch.equal(alone.eigenvalues[0], together.eigenvalues[row])


def test_float32_reaches_its_own_floor():
    found = find_cycle(maps.logistic(3.2), column(0.5).float(), 2)
    assert found.converged.item()
    assert found.state[0].dtype == torch.float32
    assert found.eigenvalues[0, 0].real.item() == pytest.approx(0.16, abs=1e-5)


@pytest.mark.parametrize("wrong", [{"period": 0}, {"count": 0}, {"iterations": 0}])
def test_numbers_out_of_range(wrong):
    with pytest.raises(UsageError, match="out of range"):
        find_cycle(maps.henon(), maps.henon().start, **wrong)
