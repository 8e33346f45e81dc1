"""AdamATan2, sparse SignSGD, the average and the schedule against the published kernels' numbers."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from tiny_runs import GOLDEN

from rrdyn.training.optim import AdamATan2, ExponentialAverage, FlatParameters, learning_rate, sign_sgd_


@pytest.fixture(scope="module")
def golden() -> dict[str, np.ndarray]:
    return dict(np.load(GOLDEN / "optim_trm.npz"))


def test_adam_atan2_follows_the_kernel(golden):
    weights = torch.nn.Parameter(torch.from_numpy(golden["p0"].copy()))
    optimizer = AdamATan2([weights], betas=tuple(golden["betas"]), weight_decay=float(golden["wd"]))
    for t, lr in enumerate(golden["lrs"]):
        weights.grad = torch.from_numpy(golden["grads"][t])
        optimizer.param_groups[0]["lr"] = float(lr)
        optimizer.step()
        np.testing.assert_allclose(weights.detach(), golden["adamatan2_kernel_rule"][t], atol=2.4e-7, rtol=0)
    np.testing.assert_allclose(optimizer.state[weights]["exp_avg"], golden["exp_avg"], atol=1e-6)
    np.testing.assert_allclose(optimizer.state[weights]["exp_avg_sq"], golden["exp_avg_sq"], rtol=1e-6)


def test_adam_atan2_in_float64_is_the_formula(golden):
    weights = torch.nn.Parameter(torch.from_numpy(golden["p0"].astype(np.float64)))
    optimizer = AdamATan2([weights], betas=tuple(golden["betas"]), weight_decay=float(golden["wd"]))
    for t, lr in enumerate(golden["lrs"]):
        weights.grad = torch.from_numpy(golden["grads"][t].astype(np.float64))
        optimizer.param_groups[0]["lr"] = float(lr)
        optimizer.step()
    np.testing.assert_allclose(weights.detach(), golden["f64_formula"], atol=1e-14, rtol=0)


@pytest.mark.parametrize("scale", [1e-8, 1.0, 1e6])
def test_adam_atan2_ignores_the_scale_of_the_gradient(scale):
    def after(factor: float) -> torch.Tensor:
        torch.manual_seed(1)
        weights = torch.nn.Parameter(torch.randn(5, dtype=torch.float64))
        optimizer = AdamATan2([weights], lr=0.1)
        for _ in range(5):
            weights.grad = factor * torch.randn(5, dtype=torch.float64)
            optimizer.step()
        return weights.detach()

    torch.testing.assert_close(after(scale), after(1.0), rtol=0, atol=1e-12)


def test_sign_sgd_sums_duplicates_and_moves_touched_rows_only(golden):
    weights = torch.from_numpy(golden["sg_w0"].copy())
    for t, lr in enumerate(golden["sg_lrs"]):
        ids, grads = torch.from_numpy(golden["sg_ids"][t]), torch.from_numpy(golden["sg_grads"][t])
        sign_sgd_(weights, ids, grads, lr=float(lr), weight_decay=float(golden["sg_wd"]))
        np.testing.assert_allclose(weights, golden["sg_w"][t], atol=2e-7, rtol=0)


def test_sign_sgd_decays_a_touched_row_whose_gradient_is_zero():
    weights = torch.ones(3, 2)
    sign_sgd_(weights, torch.tensor([1]), torch.zeros(1, 2), lr=0.1, weight_decay=0.5)
    torch.testing.assert_close(weights, torch.tensor([[1, 1], [0.95, 0.95], [1, 1]]))


def test_average_follows_upstream(golden):
    weights = torch.from_numpy(golden["ema_w"][0].copy())
    average = ExponentialAverage(weights, float(golden["ema_mu"]))
    for t in range(3):
        average.update(torch.from_numpy(golden["ema_w"][t + 1]))
        np.testing.assert_allclose(average.average, golden["ema_shadow"][t], atol=1e-7, rtol=0)


def test_average_stands_in_and_leaves():
    weights = torch.ones(3)
    average = ExponentialAverage(weights, 0.5)
    weights.fill_(3.0)
    average.update(weights)
    with average.in_place_of(weights):
        assert weights.tolist() == [2.0] * 3
    assert weights.tolist() == [3.0] * 3


@pytest.mark.parametrize(("rows", "min_ratio"), [(slice(0, 8), 1.0), (slice(8, 16), 0.1)])
def test_learning_rate_follows_upstream(golden, rows, min_ratio):
    for step, expected in golden["lr_sched"][rows]:
        found = learning_rate(int(step), 1e-4, warmup=2000, total=10000, min_ratio=min_ratio)
        assert found == pytest.approx(expected, rel=1e-12, abs=1e-18)


def test_flat_parameters_share_memory_with_the_model():
    model = torch.nn.Sequential(torch.nn.Linear(3, 2), torch.nn.Linear(2, 1))
    before = model(torch.ones(1, 3)).detach()
    flat = FlatParameters(model)
    torch.testing.assert_close(model(torch.ones(1, 3)), before, rtol=0, atol=0)
    model(torch.ones(1, 3)).sum().backward()
    assert flat.grad.abs().sum() > 0
    assert flat.named(flat.grad)["1.bias"].tolist() == [1.0]
    flat.zero_grad()
    with torch.no_grad():
        flat.vector.zero_()
    assert model(torch.ones(1, 3)).item() == 0
    assert model[0].weight.grad is not None
    assert model[0].weight.grad.abs().sum() == 0
