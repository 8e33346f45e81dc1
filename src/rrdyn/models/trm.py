"""The Tiny Recursive Model (Jolicoeur-Martineau 2025, arXiv:2510.04871): one net updates both latents."""

from __future__ import annotations

from rrdyn.models.layers import Stack
from rrdyn.models.model import Model


class TRM(Model):
    """H_cycles x (L_cycles x [z_L <- f(z_L + (z_H + e))], [z_H <- f(z_H + z_L)])."""

    @property
    def stack_H(self) -> Stack:
        return self.inner.L_level

    @property
    def gradient_span(self) -> int:
        """The whole last H cycle."""
        return self.config.L_cycles + 1
