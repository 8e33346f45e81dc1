"""Latent dynamics of any recurrence: rollouts, drift, Lyapunov exponents, covariant vectors, perturbed restarts."""

from __future__ import annotations

from rrdyn.dynamics.lyapunov import Spectrum, lyapunov_spectrum
from rrdyn.dynamics.subject import Questions, Subject, open_subject

__all__ = ["Questions", "Spectrum", "Subject", "lyapunov_spectrum", "open_subject"]
