from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from rrdyn.dynamics import qr
from rrdyn.dynamics.qr import orthonormalise


def tangents(seed, b, k, sizes, condition, dtype):
    """(B,K,n) with singular values from 1 to 1/condition, cut into parts of several widths."""
    random = np.random.default_rng(seed)
    n = sum(sizes)
    u = np.linalg.qr(random.standard_normal((b, n, k)))[0]
    v = np.linalg.qr(random.standard_normal((b, k, k)))[0]
    s = np.geomspace(1, 1 / condition, k)
    whole = torch.from_numpy(np.swapaxes(u * s @ v, 1, 2).copy()).to(dtype)
    return list(whole.split(sizes, dim=-1)), whole


@pytest.fixture(params=[True, False], ids=["small", "large"])
def ways(request, monkeypatch):
    if not request.param:
        monkeypatch.setattr(qr, "SMALL", 0)


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 1000), k=st.integers(1, 6), decades=st.floats(0, 9), wide=st.booleans(), large=st.booleans())
def test_factorisation(seed, k, decades, wide, large):
    dtype = torch.float64 if wide else torch.float32
    rows, whole = tangents(seed, 2, k, [9, 40], 10 ** min(decades, 9 if wide else 4), dtype)
    rows = [row.clone() for row in rows]
    small, qr.SMALL = qr.SMALL, 0 if large else qr.SMALL
    try:
        factor = orthonormalise(rows)
    finally:
        qr.SMALL = small
    q = torch.cat(rows, -1).double()
    off = (q @ q.mT - torch.eye(k)).abs().amax()
    assert off < (1e-10 if wide else 3e-5)
    assert (factor.r.tril(-1) == 0).all()
    assert (factor.r.diagonal(dim1=-2, dim2=-1) >= 0).all()
    back = factor.r.mT @ q
    assert (back - whole.double()).abs().amax() < (1e-13 if wide else 3e-6)


def test_close_to_householder_where_the_frame_is_fit(ways):
    rows, whole = tangents(1, 3, 8, [500, 500], 5.0, torch.float32)
    expected = torch.linalg.qr(whole.double().mT).R.diagonal(dim1=-2, dim2=-1).abs().log()
    assert (orthonormalise([row.clone() for row in rows]).log_r - expected).abs().max() < 1e-5


def test_each_way_is_taken(monkeypatch):
    monkeypatch.setattr(qr, "SMALL", 0)
    for condition, passes in ((1.5, 1), (50, 2), (1e6, 0)):
        rows, _ = tangents(2, 1, 4, [100], condition, torch.float32)
        factor = orthonormalise(rows)
        assert factor.passes.item() == passes
        assert factor.loss.item() < 1e-4


def test_one_example_does_not_change_another(monkeypatch):
    monkeypatch.setattr(qr, "SMALL", 0)
    good, _ = tangents(3, 1, 4, [64], 3.0, torch.float32)
    flat, _ = tangents(4, 1, 4, [64], 1e6, torch.float32)
    broken = torch.full_like(good[0], float("nan"))
    alone = good[0].clone()
    expected = orthonormalise([alone]).r
    together = torch.cat([flat[0], good[0], broken])
    factor = orthonormalise([together])
    torch.testing.assert_close(factor.r[1], expected[0], rtol=1e-6, atol=1e-7)
    torch.testing.assert_close(together[1], alone[0], rtol=1e-5, atol=1e-6)
    assert factor.r[2].isnan().any()
    assert factor.passes.tolist() == [0, 1, 0]


def test_vanishing_and_huge_tangents(ways):
    for scale in (1e-25, 1e25):
        rows, _ = tangents(5, 1, 3, [50], 2.0, torch.float32)
        expected = orthonormalise([rows[0].clone()]).log_r
        found = orthonormalise([rows[0] * scale]).log_r
        torch.testing.assert_close(found, expected + np.log(scale), rtol=1e-5, atol=1e-4)


def test_zero_tangents_are_clipped(ways):
    rows = [torch.zeros(1, 2, 10, dtype=torch.float64)]
    assert (orthonormalise(rows).log_r == np.log(1e-30)).all()


def test_condition(ways):
    rows, _ = tangents(6, 2, 1, [20], 1.0, torch.float64)
    torch.testing.assert_close(orthonormalise(rows).condition, torch.ones(2, dtype=torch.float64))
