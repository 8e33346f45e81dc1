"""Systems whose fate is known, each with its start and a horizon long enough: what `classify_fate` is validated on."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch

from rrdyn.dynamics import maps
from rrdyn.dynamics.maps import Map

GOLDEN = math.pi * (math.sqrt(5) - 1)
"""Angle of the rotation that is farthest from every cycle."""


@dataclass(frozen=True, kw_only=True)
class KnownFate:
    """A map that starts at its `start`."""

    name: str
    system: Map
    horizon: int
    fate: str
    period: int = 0


def scaling(factor: float) -> Map:
    """x <- factor x, from 1."""
    return maps.linear(torch.tensor([[factor]], dtype=torch.float64), [math.log(abs(factor))])


def known_fates() -> tuple[KnownFate, ...]:
    """Those that take a second or less each."""
    golden = maps.rotation(GOLDEN)
    return (
        *(_known(f"logistic r={r}", maps.logistic(r), horizon, fate, period) for r, horizon, fate, period in LOGISTIC),
        _known("rotation by 2 pi / 7", maps.rotation(2 * math.pi / 7), 256, "cycle", 7),
        _known("rotation by the golden mean", golden, 256, "quasiperiodic"),
        *(
            _known(f"delayed logistic a={a}", maps.delayed_logistic(a), 1000, fate, period)
            for a, fate, period in ((1.9, "fixed", 1), (2.05, "quasiperiodic", 0), (2.2, "cycle", 7))
        ),
        _known("torus beside a cycle", maps.beside(golden, maps.logistic(3.5)), 256, "quasiperiodic"),
        _known("torus beside a weak chaos", maps.beside(golden, maps.logistic(3.58)), 1000, "chaotic"),
        *(
            _known(f"Henon a={a}", maps.henon(a), 1000, "cycle" if period > 1 else "fixed", period)
            for a, period in ((0.2, 1), (0.5, 2), (1.0, 4), (1.25, 7))
        ),
        _known("Henon a=1.4", maps.henon(), 256, "chaotic"),
        _known("x <- x / 2", scaling(0.5), 256, "fixed", 1),
        _known("x <- .999 x", scaling(0.999), 256, "slow"),
        _known("x <- x", scaling(1.0), 256, "fixed", 1),
        _known("Ikeda u=.3", maps.ikeda(0.3), 256, "fixed", 1),
        _known("Ikeda u=.5", maps.ikeda(0.5), 256, "cycle", 2),
        _known("Ikeda u=.9", maps.ikeda(), 256, "chaotic"),
        _known("synchronised lattice on a cycle", maps.coupled_lattice(3.2, 0.6), 256, "cycle", 2),
        _known("synchronised chaos", maps.coupled_lattice(4.0, 0.7), 256, "chaotic"),
    )


LOGISTIC = (
    (2.8, 256, "fixed", 1),
    (3.0, 1000, "marginal", 0),  # its exponent falls like 1/t
    (3.2, 256, "cycle", 2),
    (3.5, 256, "cycle", 4),
    (3.55, 600, "cycle", 8),
    (3.83, 600, "cycle", 3),
    (4.0, 256, "chaotic", 0),
)


def long_known_fates() -> tuple[KnownFate, ...]:
    """Those that take minutes."""
    return (
        _known("x <- .999 x, long", scaling(0.999), 40_000, "fixed", 1),
        _known("x <- 1.001 x", scaling(1.001), 20_000, "diverged"),
        _known("Lorenz rho=14", maps.lorenz(rho=14.0), 20_000, "fixed", 1),
        _known("Lorenz rho=28", maps.lorenz(), 20_000, "chaotic"),
    )


def _known(name: str, system: Map, horizon: int, fate: str, period: int = 0) -> KnownFate:
    return KnownFate(name=name, system=system, horizon=horizon, fate=fate, period=period)
