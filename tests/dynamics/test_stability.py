"""Gradients through exponents, Jacobians and residuals: against finite differences and dense linear algebra."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from tests.dynamics.small_models import SRM, TRM_ATT, TRM_MLP, grids, random_model

from rrdyn.dynamics import lyapunov_spectrum, protocol
from rrdyn.dynamics.lyapunov import first_frame
from rrdyn.dynamics.stability import exponents, jacobian_square, residual, spectral_radius

F64 = torch.float64
TERMS = {
    "flossing": lambda r, z: exponents(r, z, first_frame(z, 2, F64, 0, [0, 1]))[0].square().mean(),
    "jacobian": lambda r, z: jacobian_square(r, z, first_frame(z, 2, F64, 1, [0, 1])).mean(),
    "radius": lambda r, z: spectral_radius(r, z, first_frame(z, 1, F64, 2, [0, 1]), iterations=3, burn=0).mean(),
    "residual": lambda r, z: residual(r, z).mean(),
}


class Rnn:
    """z <- tanh(W z + b), three units."""

    def __init__(self) -> None:
        generator = torch.Generator().manual_seed(5)
        self.weight = (1.4 * torch.randn(3, 3, generator=generator, dtype=F64)).requires_grad_()
        self.bias = (0.3 * torch.randn(3, generator=generator, dtype=F64)).requires_grad_()

    def __call__(self, z: torch.Tensor) -> torch.Tensor:
        return torch.tanh(z @ self.weight.mT + self.bias)


def differences(value, parameter: torch.Tensor, direction: torch.Tensor, size: float = 1e-5) -> float:
    """Central differences of `value` along a direction in a parameter's space, without their error of second order."""

    @torch.no_grad()
    def central(step: float) -> float:
        at = []
        for sign in (1, -1):
            parameter.add_(direction, alpha=sign * step)
            at.append(float(value()))
            parameter.sub_(direction, alpha=sign * step)
        return (at[0] - at[1]) / (2 * step)

    return (4 * central(size / 2) - central(size)) / 3


@pytest.mark.parametrize("term", TERMS)
def test_gradients_of_a_three_unit_network(term):
    rnn = Rnn()
    recurrence = protocol.as_recurrence(rnn)
    z = (torch.tensor([[0.3, -0.5, 0.2], [-0.1, 0.9, 0.4]], dtype=F64),)

    def value() -> torch.Tensor:
        return TERMS[term](recurrence, z)

    value().backward()
    for parameter in (rnn.weight, rnn.bias):
        for i in range(parameter.numel()):
            direction = torch.zeros(parameter.numel(), dtype=F64)
            direction[i] = 1.0
            direction = direction.view_as(parameter)
            exact = float((parameter.grad * direction).sum())
            assert exact == pytest.approx(differences(value, parameter, direction), rel=1e-5, abs=1e-8)


ARCHS = {"trm": TRM_MLP, "attention": TRM_ATT, "srm": SRM}
PAIRS = [("trm", "flossing"), ("trm", "residual"), ("attention", "flossing"), ("srm", "flossing"), ("srm", "jacobian")]
EVERY = [
    pytest.param(arch, term, marks=() if (arch, term) in PAIRS else pytest.mark.slow)
    for arch in ARCHS
    for term in TERMS
]


@pytest.mark.parametrize(("arch", "term"), EVERY)
def test_gradients_of_a_tiny_model(arch, term):
    arch = ARCHS[arch]
    model = random_model(
        {
            **arch,
            "hidden_size": 4,
            "puzzle_emb_ndim": 4,
            "H_cycles": 1,
            "L_cycles": 1,
            **({} if arch is SRM else {"num_heads": 2}),
        },
        dtype=F64,
    )
    model = model.double()
    inputs = torch.from_numpy(grids(2)[0]).long()

    def value() -> torch.Tensor:
        e = model.embed(inputs, torch.zeros(2, dtype=torch.long))
        return TERMS[term](model.recurrence(e), model.initial(2))

    parameters = [p for p in model.parameters() if p.requires_grad]
    slopes = torch.autograd.grad(value(), parameters, allow_unused=True)
    generator = torch.Generator().manual_seed(1)
    checked = 0
    for parameter, slope in zip(parameters, slopes):
        if slope is not None and slope.norm() > 1e-6:
            direction = torch.randn(parameter.shape, generator=generator, dtype=F64)
            direction = direction / direction.norm() + slope / slope.norm()
            exact = float((slope * direction).sum())
            assert exact == pytest.approx(differences(value, parameter, direction, 1e-6), rel=1e-5, abs=1e-8)
            checked += 1
    assert checked >= 3


def test_exponents_are_those_of_the_spectrum():
    model = random_model(TRM_MLP, dtype=F64).double()
    recurrence = model.recurrence(model.embed(torch.from_numpy(grids(2)[0]).long(), torch.zeros(2, dtype=torch.long)))
    z = model.initial(2)
    with torch.no_grad():
        found, end = exponents(recurrence, z, first_frame(z, 3, F64, 4, [0, 1]), 2)
    expected = lyapunov_spectrum(recurrence, z, 2, 3, seed=4)
    assert (found.sort(descending=True).values - expected.exponents).abs().max() < 1e-8
    for part, exact in zip(end, expected.state):
        assert (part - exact).abs().max() < 1e-8


def test_a_linear_map_has_the_norm_radius_and_residual_of_its_matrix():
    random = np.random.default_rng(2)
    rotation = np.linalg.qr(random.standard_normal((5, 5)))[0]
    block = np.zeros((5, 5))
    block[:2, :2] = 0.9 * np.array([[np.cos(0.7), -np.sin(0.7)], [np.sin(0.7), np.cos(0.7)]])  # a complex pair
    block[2:, 2:] = np.diag([0.4, 0.3, -0.2])
    matrix = torch.from_numpy(rotation @ block @ rotation.T)
    recurrence = protocol.as_recurrence(lambda z: z @ matrix.mT)
    z = (torch.from_numpy(random.standard_normal((1, 5))),)
    whole = (5**0.5 * torch.eye(5, dtype=F64)[None],)
    assert float(jacobian_square(recurrence, z, whole)) == pytest.approx(float(matrix.square().sum()) / 5, rel=1e-10)
    radius = spectral_radius(recurrence, z, (torch.ones(1, 1, 5, dtype=F64),), iterations=9, burn=30)
    assert float(radius) == pytest.approx(0.9, rel=1e-6)
    moved = z[0] @ matrix.mT - z[0]
    assert float(residual(recurrence, z)) == pytest.approx(float((moved.norm() / z[0].norm()) ** 2), rel=1e-12)


def test_hutchinson_is_unbiased():
    matrix = torch.from_numpy(np.random.default_rng(3).standard_normal((6, 6)))
    recurrence = protocol.as_recurrence(lambda z: z @ matrix.mT)
    probes = (torch.randn(1, 20000, 6, generator=torch.Generator().manual_seed(0), dtype=F64),)
    found = float(jacobian_square(recurrence, (torch.zeros(1, 6, dtype=F64),), probes))
    assert found == pytest.approx(float(matrix.square().sum()) / 6, rel=0.03)  # four standard errors
