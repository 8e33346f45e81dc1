"""Systems with known exponents, as recurrences of one sub-update: what the estimators are validated on.

States are one tensor (B,n). Exponents are in nats per iteration; of the Lorenz flow, per unit of time.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

State = tuple[Tensor]


@dataclass(frozen=True, kw_only=True)
class Step:
    """One iteration of a map of (B,n); differentiated by forward-mode AD."""

    function: Callable[[Tensor], Tensor]
    any_batch: bool = True

    def value(self, state: State) -> State:
        return (self.function(state[0]),)


@dataclass(frozen=True, kw_only=True)
class RuledStep:
    """One iteration with its own rule for value and tangents (B,1+K,n) together."""

    function: Callable[[Tensor], Tensor]
    rule: Callable[[Tensor], Tensor]

    def value(self, state: State) -> State:
        return (self.function(state[0]),)

    def advance(self, bundle: State) -> State:
        return (self.rule(bundle[0]),)


@dataclass(frozen=True, kw_only=True)
class Map:
    """A known system: its recurrence, where trajectories start, what its exponents are."""

    name: str
    sub_updates: tuple[Step | RuledStep, ...]
    start: Tensor
    """(1,n) a point on, or attracted to, the set the exponents belong to."""
    exponents: tuple[float, ...]
    """Known exponents, descending, nats per unit of time."""
    time: float = 1.0
    """Time one iteration takes."""
    source: str = "exact"

    @property
    def dimension(self) -> int:
        return self.start.shape[-1]


def linear(matrix: Tensor, exponents: Sequence[float], name: str = "linear") -> Map:
    """x <- A x: the exponents are the logarithms of the moduli of A's eigenvalues."""
    step = RuledStep(function=lambda x: x @ matrix.mT.to(x), rule=lambda bundle: bundle @ matrix.mT.to(bundle))
    return Map(name=name, sub_updates=(step,), start=torch.ones(1, len(matrix), dtype=matrix.dtype),
               exponents=tuple(exponents))  # fmt: skip


def diagonal() -> Map:
    """A stretched and turned frame: A = U diag(2, 1, .5) U^T, exponents ln 2, 0, -ln 2."""
    turn, _ = torch.linalg.qr(torch.tensor([[1.0, 2, 3], [0, 1, 4], [5, 6, 0]], dtype=torch.float64))
    matrix = turn @ torch.diag(torch.tensor([2.0, 1, 0.5], dtype=torch.float64)) @ turn.mT
    return linear(matrix, [math.log(2), 0.0, -math.log(2)])


def triangular() -> Map:
    """Upper triangular: exponents are the logarithms of the diagonal, here not in order."""
    matrix = torch.tensor([[0.5, 3.0, -2.0], [0, 1.5, 1.0], [0, 0, 0.25]], dtype=torch.float64)
    return linear(matrix, [math.log(1.5), math.log(0.5), math.log(0.25)], "triangular")


def rotation(angle: float = 0.7) -> Map:
    """A rotation: both exponents 0."""
    c, s = math.cos(angle), math.sin(angle)
    return linear(torch.tensor([[c, -s], [s, c]], dtype=torch.float64), [0.0, 0.0], "rotation")


def non_normal() -> Map:
    """Contracting, yet tangents first grow 1000-fold: exponents ln .5, ln .4."""
    return linear(
        torch.tensor([[0.5, 1000.0], [0, 0.4]], dtype=torch.float64), [math.log(0.5), math.log(0.4)], "non-normal"
    )


def contracting() -> Map:
    """x <- A tanh x with A contracting: the state settles on 0, where the exponents are those of A: ln .9, ln .5.

    A settled trajectory is where estimators have been wrong: nothing moves, and the tangents must not stop either.
    """
    matrix = torch.tensor([[0.9, 0.2], [0.0, 0.5]], dtype=torch.float64)
    return Map(name="fixed point", sub_updates=(Step(function=lambda x: torch.tanh(x) @ matrix.mT.to(x)),),
               start=torch.tensor([[0.4, -0.3]], dtype=torch.float64),
               exponents=(math.log(0.9), math.log(0.5)))  # fmt: skip


def logistic(r: float = 4.0) -> Map:
    """x <- r x (1-x): at r = 4 the exponent is ln 2."""
    return Map(name="logistic", sub_updates=(Step(function=lambda x: r * x * (1 - x)),),
               start=torch.tensor([[0.3141]], dtype=torch.float64),
               exponents=(math.log(2),) if r == 4 else ())  # fmt: skip


def tent(height: float = 1.99) -> Map:
    """x <- height x min(x, 1-x): the slope is +-height everywhere, the exponent ln height."""
    return Map(name="tent", sub_updates=(Step(function=lambda x: height * torch.minimum(x, 1 - x)),),
               start=torch.tensor([[0.3141]], dtype=torch.float64), exponents=(math.log(height),))  # fmt: skip


def henon(a: float = 1.4, b: float = 0.3) -> Map:
    """(x,y) <- (1 - a x^2 + y, b x): the exponents sum to ln b at any length; at 1.4, .3: .4192 and ln .3 - .4192."""

    def function(z: Tensor) -> Tensor:
        x, y = z.unbind(-1)
        return torch.stack((1 - a * x * x + y, b * x), dim=-1)

    def rule(bundle: Tensor) -> Tensor:
        x, y = bundle.unbind(-1)
        slope = -2 * a * x[..., :1]
        moved = torch.stack((slope * x + y, b * x), dim=-1)
        moved[..., 0, :] = function(bundle[..., 0, :])
        return moved

    return Map(name="Henon", sub_updates=(RuledStep(function=function, rule=rule),),
               start=torch.tensor([[0.6313545, 0.1894063]], dtype=torch.float64),
               exponents=(0.41922, math.log(0.3) - 0.41922) if (a, b) == (1.4, 0.3) else (),
               source="literature (Sprott 2003)")  # fmt: skip


def delayed_logistic(a: float) -> Map:
    """(x,y) <- (a x (1 - y), x): its fixed point x = y = 1 - 1/a loses stability at a = 2 to a torus (Neimark-Sacker).

    Multipliers there: (1 +- sqrt(5 - 4a)) / 2 (Maynard Smith 1968; Aronson et al., Commun. Math. Phys. 83 (1982) 303).
    """

    def function(z: Tensor) -> Tensor:
        x, y = z.unbind(-1)
        return torch.stack((a * x * (1 - y), x), dim=-1)

    return Map(name="delayed logistic", sub_updates=(Step(function=function),),
               start=torch.tensor([[0.4, 0.45]], dtype=torch.float64), exponents=())  # fmt: skip


def ikeda(u: float = 0.9) -> Map:
    """Ikeda's map of a light pulse in a ring cavity: a chaotic attractor at u = .9, exponents .5070 and 2 ln u - .5070.

    Sprott, Chaos and Time-Series Analysis (2003). The area shrinks by u^2 at every step, wherever it is.
    """

    def function(z: Tensor) -> Tensor:
        x, y = z.unbind(-1)
        angle = 0.4 - 6 / (1 + x * x + y * y)
        c, s = torch.cos(angle), torch.sin(angle)
        return torch.stack((1 + u * (x * c - y * s), u * (x * s + y * c)), dim=-1)

    return Map(name="Ikeda", sub_updates=(Step(function=function),),
               start=torch.tensor([[0.1, 0.1]], dtype=torch.float64),
               exponents=(0.507, 2 * math.log(0.9) - 0.507) if u == 0.9 else (),
               source="literature (Sprott 2003)")  # fmt: skip


def coupled_lattice(r: float, coupling: float, n: int = 8) -> Map:
    """n logistic maps, each drawn towards the mean of all: x_i <- (1-c) f(x_i) + c mean f(x).

    Synchronised where ln(1 - c) + lambda < 0, lambda being the exponent of one logistic map alone (Kaneko, Physica D 41
    (1990) 137): the motion of all is then that of one.
    """

    def function(x: Tensor) -> Tensor:
        y = r * x * (1 - x)
        return (1 - coupling) * y + coupling * y.mean(-1, keepdim=True)

    return Map(name="coupled lattice", sub_updates=(Step(function=function),),
               start=torch.linspace(0.2, 0.7, n, dtype=torch.float64)[None], exponents=())  # fmt: skip


def beside(one: Map, other: Map) -> Map:
    """Two maps side by side, each on its own: the exponents of both. Sub-updates step both at once."""
    n = one.dimension

    def both(first: Any, second: Any) -> Step:
        def function(z: Tensor) -> Tensor:
            return torch.cat((first.function(z[..., :n]), second.function(z[..., n:])), dim=-1)

        return Step(function=function)

    return Map(name=f"{one.name} beside {other.name}",
               sub_updates=tuple(both(a, b) for a, b in zip(one.sub_updates, other.sub_updates)),
               start=torch.cat((one.start, other.start), dim=-1),
               exponents=tuple(sorted(one.exponents + other.exponents, reverse=True)))  # fmt: skip


def towel() -> Map:
    """Rossler's folded-towel map: .432, .377, -3.30, hyperchaotic."""

    def function(z: Tensor) -> Tensor:
        x, y, w = z.unbind(-1)
        return torch.stack(
            (
                3.8 * x * (1 - x) - 0.05 * (y + 0.35) * (1 - 2 * w),
                0.1 * ((y + 0.35) * (1 - 2 * w) - 1) * (1 - 1.9 * x),
                3.78 * w * (1 - w) + 0.2 * y,
            ),
            dim=-1,
        )

    return Map(name="towel", sub_updates=(Step(function=function),),
               start=torch.tensor([[0.085, -0.121, 0.075]], dtype=torch.float64),
               exponents=(0.432, 0.377, -3.30), source="literature (Rossler 1979)")  # fmt: skip


def lorenz(step: float = 0.01, rho: float = 28.0) -> Map:
    """The Lorenz flow (10, rho, 8/3) by one RK4 step: at 28 .9056, 0, -14.57; the sum is -41/3 whatever the length."""

    def velocity(z: Tensor) -> Tensor:
        x, y, w = z.unbind(-1)
        return torch.stack((10 * (y - x), x * (rho - w) - y, x * y - 8 / 3 * w), dim=-1)

    def function(z: Tensor) -> Tensor:
        k1 = velocity(z)
        k2 = velocity(z + step / 2 * k1)
        k3 = velocity(z + step / 2 * k2)
        k4 = velocity(z + step * k3)
        return z + step / 6 * (k1 + 2 * k2 + 2 * k3 + k4)

    return Map(name="Lorenz", sub_updates=(Step(function=function),), time=step,
               start=torch.tensor([[-5.76, 2.27, 32.82]], dtype=torch.float64),
               exponents=(0.9056, 0.0, -14.5723) if rho == 28 else (), source="literature (Sprott 2003)")  # fmt: skip


def tanh_rnn(weights: Tensor, *, rule: bool = True) -> Map:
    """h <- tanh(W h), W (n,n); with `rule` the derivative is written out, without it goes the generic path."""

    def function(h: Tensor) -> Tensor:
        return torch.tanh(F.linear(h, weights))

    def advance(bundle: Tensor) -> Tensor:
        moved = bundle @ weights.mT
        value = moved[:, 0].tanh_()
        moved[:, 1:] *= (1 - value * value)[:, None]
        return moved

    step: Step | RuledStep = RuledStep(function=function, rule=advance) if rule else Step(function=function)
    return Map(name="tanh RNN", sub_updates=(step,), start=torch.zeros(1, len(weights), dtype=weights.dtype),
               exponents=())  # fmt: skip


def random_weights(n: int, gain: float, seed: int) -> Tensor:
    """(n,n) float64, normal with deviation gain/sqrt(n): chaotic for gains well above 1."""
    drawn = torch.randn(n, n, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))
    return gain / math.sqrt(n) * drawn
