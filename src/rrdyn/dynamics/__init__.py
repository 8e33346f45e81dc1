"""Latent dynamics of any recurrence: rollouts, drift, Lyapunov exponents, covariant vectors, perturbed restarts."""

from __future__ import annotations

from rrdyn.dynamics.lyapunov import Spectrum, lyapunov_spectrum

__all__ = ["Spectrum", "lyapunov_spectrum"]
