"""Estimators of any recurrence's latent dynamics: exponents, fates, cycles, covariant vectors, growth, known maps."""

from __future__ import annotations

from rrdyn.dynamics import maps
from rrdyn.dynamics.cycle import Cycle, find_cycle
from rrdyn.dynamics.fate import FATES, Fates, classify_fate
from rrdyn.dynamics.lyapunov import Spectrum, lyapunov_spectrum

__all__ = ["FATES", "Cycle", "Fates", "Spectrum", "classify_fate", "find_cycle", "lyapunov_spectrum", "maps"]
