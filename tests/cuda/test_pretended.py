"""The pretended device against what is known of a real one."""

from __future__ import annotations

import pytest
import torch
from tests.cuda.pretended import Refused


def test_tensors_say_where_they_lie(ledger):
    x = torch.arange(4.0).to("cuda")
    for tensor in (x, x + 1, x[1:], torch.zeros(2, device="cuda"), x.new_ones(3), torch.ones(3).to(x), x.data):
        assert str(tensor.device) == "cuda:0"
    assert str(x.cpu().device) == str(x.to("cpu", torch.float64).device) == "cpu"
    assert torch.equal((x * 2).cpu(), torch.tensor([0.0, 2.0, 4.0, 6.0]))


def test_what_a_card_refuses(ledger):
    x, host = torch.ones(3).to("cuda"), torch.ones(3)
    for mixed in (lambda: x + host, lambda: torch.cat((x, host)), lambda: torch.where(x > 0, host, host)):
        with pytest.raises(Refused, match="same device"):
            mixed()
    with pytest.raises(TypeError, match="numpy"):
        x.numpy()
    assert float((x + torch.tensor(1.0)).sum()) == 6  # a number may come from the host


def test_what_is_waited_for(ledger):
    x = torch.ones(3).to("cuda")
    waits = {
        "a number read": lambda: bool((x > 0).any()),
        "copied to the host": lambda: x.tolist(),
        "a mask counted": lambda: x[x > 0],
        "nonzero": lambda: (x > 0).nonzero(),
        "copied to the device": lambda: torch.tensor([1.0], device="cuda"),
        "an index copied to the device": lambda: x[torch.tensor([0])],
    }
    for kind, action in waits.items():
        ledger.reset()
        action()
        assert [where.split(" at ")[0] for where in ledger.waits.elements()] == [kind]
    ledger.reset()
    x[x > 0] = 2.0  # fills: no shape depends on the mask
    torch.ones(3).pin_memory().to("cuda", non_blocking=True)
    assert not ledger.waits


def test_launches_and_solver_calls(ledger):
    x = torch.eye(3).to("cuda")
    ledger.reset()
    torch.linalg.cholesky_ex(x.mT @ x[None])
    assert sum(ledger.solves.values()) == 1
    assert 2 <= sum(ledger.launches.values()) <= 3


def test_gradients_and_narrow_products_stay_on_it(ledger):
    net = torch.nn.Linear(4, 2).to("cuda")
    with torch.autocast("cuda", dtype=torch.bfloat16):
        out = net(torch.ones(1, 4).to("cuda"))
    assert out.dtype == torch.bfloat16
    out.float().sum().backward()
    assert str(net.weight.grad.device) == "cuda:0"
