"""The Hierarchical Reasoning Model (Wang et al. 2025, arXiv:2506.21734): a slow and a fast stack."""

from __future__ import annotations

from rrdyn.models.layers import Stack
from rrdyn.models.model import Model


class HRM(Model):
    """H_cycles x (L_cycles x [z_L <- f_L(z_L + (z_H + e))], [z_H <- f_H(z_H + z_L)])."""

    @property
    def stack_H(self) -> Stack:
        return self.inner.H_level

    @property
    def gradient_span(self) -> int:
        """The last L update and the last H update."""
        return 2
