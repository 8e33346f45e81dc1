"""Estimators of any recurrence's latent dynamics: Lyapunov exponents, covariant vectors, growth, known maps."""

from __future__ import annotations

from rrdyn.dynamics.lyapunov import Spectrum, lyapunov_spectrum

__all__ = ["Spectrum", "lyapunov_spectrum"]
