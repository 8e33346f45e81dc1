"""Ways of spending compute at inference, one file each, and what they have in common."""

from __future__ import annotations

from rrdyn.measurement.scaling.damped import Damped
from rrdyn.measurement.scaling.ensemble import Ensemble
from rrdyn.measurement.scaling.longer import Longer
from rrdyn.measurement.scaling.method import METHODS, Method, method_named, register_method
from rrdyn.measurement.scaling.path_noise import AnnealedNoise, PathNoise
from rrdyn.measurement.scaling.permute import Permute
from rrdyn.measurement.scaling.random_start import Equilibrium, RandomStart
from rrdyn.measurement.scaling.restarts import Restarts
from rrdyn.measurement.scaling.smc import Smc

__all__ = [
    "METHODS",
    "AnnealedNoise",
    "Damped",
    "Ensemble",
    "Equilibrium",
    "Longer",
    "Method",
    "PathNoise",
    "Permute",
    "RandomStart",
    "Restarts",
    "Smc",
    "method_named",
    "register_method",
]
