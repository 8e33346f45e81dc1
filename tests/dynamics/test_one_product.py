"""The generic path on random small functions: against one jvp per tangent, and against finite differences."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from torch.utils._python_dispatch import TorchDispatchMode

from rrdyn.dynamics import lyapunov_spectrum, maps, protocol

B, K, S, D = 3, 4, 5, 6


def drawn(*shape, seed=0):
    return torch.randn(*shape, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))


W, V, HEADS, POSITIONS, bias = drawn(D, D), drawn(7, D, seed=1), drawn(2, D, D, seed=2), drawn(S, S), drawn(D, seed=3)
LINEAR = torch.nn.Linear(D, D, dtype=torch.float64)


def in_place(x):
    y = x @ W
    y += 1
    y[..., 0] *= y[..., 1]
    return y.tanh_().mul_(2)


def overwritten(x):
    y = x.clone()
    y[..., :2] = 3.0
    return y @ W


def attention(x):
    q, k, v = x @ W, F.linear(x, W, bias), x
    return torch.softmax(q @ k.mT / D**0.5, -1) @ v


def unlike_copies(x):  # rows of one example change places with those of another within the function
    return (x.flip(0) @ W).sin().flip(0)


def descent(function, x):
    with torch.enable_grad():
        y = x.clone().requires_grad_()
        (slope,) = torch.autograd.grad(function(y).pow(2).sum(), y)
    return x - 0.1 * slope


class Cubed(torch.autograd.Function):
    """An operation with a derivative of its own, which is not that of what it computes."""

    @staticmethod
    def forward(x):
        return (x @ W) ** 3

    @staticmethod
    def setup_context(ctx, inputs, output):
        pass

    @staticmethod
    def jvp(ctx, tangent):
        return 2 * tangent


FUNCTIONS = {
    "constant on the right": lambda x: torch.tanh(x @ W),
    "constant on the left": lambda x: torch.tanh(POSITIONS @ x),
    "mm of flat rows": lambda x: torch.mm(x.reshape(-1, D), W).view(x.shape).cos(),
    "mm from the left": lambda x: torch.mm(W, x.reshape(-1, D).mT).mT.reshape(x.shape).sin(),
    "linear with bias": lambda x: torch.relu(F.linear(F.linear(x, V, drawn(7)), V.mT, bias)),
    "a layer": lambda x: torch.tanh(LINEAR(x)),
    "keywords": lambda x: torch.tanh(F.linear(input=x, weight=W, bias=bias)),
    "einsum": lambda x: torch.einsum("bsd,hde->bsh", x, HEADS).repeat(1, 1, 3),
    "several matrices": lambda x: (x[:, None] @ HEADS).sum(1),
    "batched products": lambda x: torch.bmm(x @ x.mT, x) / 10,
    "products of two that move": lambda x: torch.matmul(x, (x.mT @ x)) / 10,
    "bias that moves": lambda x: F.linear(x, W) + x.mean(-1, keepdim=True),
    "a vector": lambda x: (x @ bias)[..., None] * x,
    "attention": attention,
    "in place": in_place,
    "partly overwritten": overwritten,
    "where the tangent stops": lambda x: torch.where(x > 0, x.detach() @ W, x @ W),
    "no tangent": lambda x: torch.ones_like(x),
    "an argument that does not move": lambda x: x + torch.ones_like(x) @ W,
    "convolution": lambda x: F.conv1d(x, drawn(S, S, 3), padding=1),
    "unlike copies": unlike_copies,
    "normalised": lambda x: F.layer_norm(x @ W, (D,)),
    "viewed": lambda x: (POSITIONS @ x).view(len(x), -1).sin().view(x.shape),
    "viewed, mm": lambda x: torch.mm(W, x.reshape(-1, D).mT).view(D, -1).mT.reshape(x.shape),
    "vmap": lambda x: torch.func.vmap(lambda r: torch.tanh(r @ W))(x),
    "vmap of the matrix": lambda x: torch.func.vmap(lambda w: torch.tanh(x @ w))(HEADS).sum(0),
    "torch.func.grad": lambda x: x - 0.1 * torch.func.grad(lambda y: torch.tanh(y @ W).pow(2).sum())(x),
}


def generic(function, x, tangents):
    class Update:
        any_batch = True

        def value(self, state):
            return (function(state[0]),)

    with torch.no_grad():
        return protocol.advance(Update(), protocol.join((x,), (tangents,)))[0]


def far(function, x, tangents):
    moved = [torch.func.jvp(function, (x,), (tangents[:, i],))[1] for i in range(K)]
    return torch.stack([function(x), *moved], dim=1)


@pytest.mark.parametrize("name", FUNCTIONS)
@pytest.mark.parametrize("batch", [1, B])
def test_it_is_one_jvp_per_tangent(name, batch):
    function, x, tangents = FUNCTIONS[name], drawn(batch, S, D, seed=5), drawn(batch, K, S, D, seed=6)
    with protocol.forward_differentiable():
        torch.testing.assert_close(generic(function, x.clone(), tangents), far(function, x, tangents),
                                   rtol=1e-11, atol=1e-11)  # fmt: skip


@pytest.mark.parametrize("name", sorted(FUNCTIONS.keys() - {"where the tangent stops"}))
def test_it_is_the_finite_difference(name):
    function, x, tangents = FUNCTIONS[name], drawn(1, S, D, seed=7), drawn(1, K, S, D, seed=8)
    found = generic(function, x, tangents)
    for i in range(K):
        step = 1e-6 * tangents[:, i]
        central = (function(x + step) - function(x - step)) / 2e-6
        torch.testing.assert_close(found[:, 1 + i], central, rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize(
    "function", [lambda x: torch.tanh(x @ W), lambda x: F.linear(x, W, bias).sin(), lambda x: torch.tanh(W @ x.mT)]
)
@pytest.mark.parametrize("recording", [False, True])
def test_a_gradient_inside(function, recording):
    x, tangents = drawn(B, D, seed=5), drawn(B, K, D, seed=6)

    class Update:
        any_batch = True

        def value(self, state):
            return (descent(function, state[0]),)

    with torch.set_grad_enabled(recording):
        found = protocol.advance(Update(), protocol.join((x,), (tangents,)))[0]

    def same(y):
        return y - 0.1 * torch.func.grad(lambda z: function(z).pow(2).sum())(y)

    torch.testing.assert_close(found.detach(), far(same, x, tangents), rtol=1e-11, atol=1e-11)


def test_an_operation_keeps_its_own_derivative():
    x, tangents = drawn(B, D), drawn(B, K, D, seed=1)
    moved = generic(Cubed.apply, x, tangents)
    torch.testing.assert_close(moved[:, 0], (x @ W) ** 3)
    torch.testing.assert_close(moved[:, 1:], 2 * tangents)


def test_a_state_of_several_parts():
    class Update:
        any_batch = True

        def value(self, state):
            a, b = state
            return torch.tanh(a @ W + b), F.linear(b, W) * a

    x, y = (drawn(B, D, seed=i) for i in (1, 2))
    p, q = (drawn(B, K, D, seed=i) for i in (3, 4))
    with torch.no_grad():
        found = protocol.advance(Update(), protocol.join((x, y), (p, q)))
        for i in range(K):
            value, moved = torch.func.jvp(lambda *s: Update().value(s), (x, y), (p[:, i], q[:, i]))
            for part, a, b in zip(found, value, moved):
                torch.testing.assert_close(part[:, 0], a)
                torch.testing.assert_close(part[:, 1 + i], b)


def test_weights_meet_value_and_tangents_in_one_product():
    rows = []

    class Products(TorchDispatchMode):
        def __torch_dispatch__(self, func, types, args=(), kwargs=None):
            if func is torch.ops.aten.mm.default:
                rows.append(len(args[0]))
            return func(*args, **(kwargs or {}))

    with Products():
        generic(lambda x: torch.tanh(torch.tanh(x @ W) @ W), drawn(1, D), drawn(1, 8, D))
    assert rows == [9, 9]


def test_the_spectrum_of_a_network_written_either_way():
    weights = maps.random_weights(12, 2.0, seed=1)
    start = drawn(3, 12)
    expected = lyapunov_spectrum(maps.tanh_rnn(weights), start, 20, 4).log_r
    for function in (lambda h: torch.tanh(h @ weights.mT), lambda h: torch.tanh(weights @ h.mT).mT):
        system = maps.Map(name="x", sub_updates=(maps.Step(function=function),), start=start, exponents=())
        torch.testing.assert_close(lyapunov_spectrum(system, start, 20, 4).log_r, expected, rtol=1e-9, atol=1e-11)
