from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from tests.dynamics.small_models import HRM, random_model

from rrdyn.artifacts.errors import UsageError
from rrdyn.dynamics import maps, protocol
from rrdyn.dynamics.covariant import covariant_vectors


def test_eigenvectors_of_a_linear_map():
    system = maps.triangular()
    matrix = system.sub_updates[0].value((torch.eye(3, dtype=torch.float64),))[0].mT
    values, vectors = np.linalg.eig(matrix.numpy())
    order = np.argsort(-np.abs(values))
    found = covariant_vectors(system, system.start, 5, 3, align=120, tail=120)
    assert found.vectors.shape == (6, 1, 3, 3)
    for t in range(6):
        cosines = np.abs((found.vectors[t, 0].numpy() * vectors[:, order]).sum(0))
        np.testing.assert_allclose(cosines, 1, atol=1e-10)
    np.testing.assert_allclose(found.exponents[0], np.log(np.abs(values[order])), atol=1e-10)


@pytest.mark.parametrize("system", [maps.henon(), maps.tanh_rnn(maps.random_weights(8, 2.0, seed=0))])
def test_the_map_carries_each_vector_onto_the_next(system):
    k = 2
    start = system.start if system.exponents else 0.1 * torch.ones(1, 8, dtype=torch.float64)
    found = covariant_vectors(system, start, 6, k, warmup=50, align=200, tail=200)
    state = (start,)
    for _ in range(50 + 200):
        state = system.sub_updates[0].value(state)
    for t in range(6):
        pushed = protocol.value_and_tangents(system.sub_updates[0].value, state, (found.vectors[t].mT.contiguous(),))
        state, moved = pushed
        length = moved[0].norm(dim=-1)
        cosine = ((moved[0] / length[..., None]) * found.vectors[t + 1].mT).sum(-1).abs()
        torch.testing.assert_close(cosine, torch.ones_like(cosine), rtol=0, atol=1e-7)
        torch.testing.assert_close(length.log(), found.growth[t], rtol=0, atol=1e-6)


def test_first_vector_is_the_first_of_the_frame_and_angles_are_angles():
    system = maps.henon()
    found = covariant_vectors(system, system.start, 10, 2, warmup=20, align=60, tail=60)
    diagonal = found.cosines.diagonal(dim1=-2, dim2=-1)
    torch.testing.assert_close(diagonal, torch.ones_like(diagonal))
    off = found.angles[..., 0, 1]
    assert ((off > 0) & (off <= math.pi / 2)).all()


def test_on_a_model():
    model = random_model(HRM, dtype=torch.float64)
    with torch.no_grad():
        e = model.embed(torch.full((1, 16), 2, dtype=torch.int32), torch.zeros(1, dtype=torch.int32))
        found = covariant_vectors(model.recurrence(e), model.initial(1), 3, 2, align=2, tail=2)
    n = 2 * 17 * 16
    assert found.vectors.shape == (4, 1, n, 2)
    assert found.growth.shape == (3, 1, 2)


def test_refusal():
    with pytest.raises(UsageError, match="k is out of range"):
        covariant_vectors(maps.henon(), maps.henon().start, 3, 3)
