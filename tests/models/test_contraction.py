"""AOL, Cayley, gains against singular values; what they prove, and what the printed inequality does not."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from rrdyn.models.contraction import aol, cayley, in_metric, norm_of_two, scaled_gains, spectral_norm

GENERATOR = torch.Generator().manual_seed(3)


def drawn(*shape: int) -> torch.Tensor:
    return torch.randn(*shape, generator=GENERATOR, dtype=torch.float64)


@pytest.mark.parametrize("shape", [(5, 5), (12, 4), (4, 12), (1, 6), (6, 1)])
def test_an_aol_matrix_is_the_scaled_one_and_expands_nothing(shape):
    weight = drawn(*shape) * 3
    dense = weight.numpy() if shape[0] >= shape[1] else weight.numpy().T
    scale = [1 / math.sqrt(sum(abs(dense[:, i] @ dense[:, j]) for i in range(dense.shape[1])))
             for j in range(dense.shape[1])]  # fmt: skip
    expected = dense @ np.diag(scale)
    expected = expected if shape[0] >= shape[1] else expected.T
    assert np.abs(aol(weight).numpy() - expected).max() < 1e-10
    assert np.linalg.svd(aol(weight).numpy(), compute_uv=False)[0] <= 1 + 1e-12
    assert torch.equal(aol(torch.zeros(shape)), torch.zeros(shape))


def test_an_orthogonal_matrix_is_left_alone():
    for shape in ((8, 8), (9, 4), (4, 9)):
        weight = torch.nn.init.orthogonal_(torch.empty(shape, dtype=torch.float64), generator=GENERATOR)
        assert (aol(weight) - weight).abs().max() < 1e-10


def test_a_cayley_transform_is_orthogonal_and_that_of_its_definition():
    free = drawn(7, 7)
    skew = (free - free.mT).numpy()
    found = cayley(free).numpy()
    assert np.abs(found - np.linalg.inv(np.eye(7) + skew) @ (np.eye(7) - skew)).max() < 1e-10
    assert np.abs(np.linalg.svd(found, compute_uv=False) - 1).max() < 1e-10
    assert torch.equal(cayley(torch.zeros(4, 4)), torch.eye(4))


@pytest.mark.parametrize("eta", [0.1, 1.0, 10.0])
@pytest.mark.parametrize("kappa", [0.5, 0.9, 0.97])
def test_gains_have_the_norm_that_is_asked_for_in_the_metric(eta, kappa):
    for _ in range(20):
        gains = scaled_gains(2 * drawn(2, 2), eta, kappa)
        dense = np.array([[gains[0, 0], gains[0, 1] / math.sqrt(eta)], [gains[1, 0] * math.sqrt(eta), gains[1, 1]]])
        assert abs(np.linalg.svd(dense, compute_uv=False)[0] - kappa) < 1e-10
        assert abs(float(norm_of_two(in_metric(gains, eta))) - kappa) < 1e-10


def test_the_closed_form_of_a_norm_is_that_of_its_singular_values():
    for matrix in (*(drawn(2, 2) for _ in range(50)), torch.zeros(2, 2, dtype=torch.float64)):
        assert abs(float(norm_of_two(matrix)) - spectral_norm(matrix)) < 1e-10


def test_the_printed_inequality_fails_and_the_norm_of_the_gains_holds():
    """Row sums of .86 are claimed to bound the step in |.|_P by .86 (alpha 1); this one parts two states by 1.216."""
    gains = torch.tensor([[0.86, 0.0], [0.86, 0.0]], dtype=torch.float64)
    turn = cayley(drawn(5, 5))
    h, l = drawn(5), torch.zeros(5, dtype=torch.float64)  # psi is the identity: 1-Lipschitz
    moved = gains[0, 0] * h + gains[0, 1] * (turn @ l), gains[1, 0] * (turn @ h) + gains[1, 1] * l
    factor = float(torch.cat(moved).norm() / torch.cat((h, l)).norm())
    assert gains.sum(1).max() == 0.86
    assert factor == pytest.approx(1.2162, abs=1e-4)
    assert factor > 0.86
    assert factor <= float(norm_of_two(in_metric(gains, 1.0))) + 1e-12


def test_the_weights_of_the_notes_are_the_wrong_way_round():
    """With eta = 4 the printed matrix [[a, b sqrt(eta)], [c / sqrt(eta), d]] lies below a step that does occur."""
    gains, eta = torch.tensor([[0.1, 0.1], [0.4, 0.1]], dtype=torch.float64), 4.0
    turn = cayley(drawn(5, 5))
    h = drawn(5)
    moved = gains[0, 0] * h, gains[1, 0] * (turn @ h)
    factor = math.sqrt(float(moved[0].square().sum() + eta * moved[1].square().sum())) / float(h.norm())
    assert factor > float(norm_of_two(in_metric(gains, 1 / eta)))
    assert factor <= float(norm_of_two(in_metric(gains, eta)))
