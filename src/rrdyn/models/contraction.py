"""Linear maps that cannot expand, and what that proves of a recurrence made of them.

- An AOL layer (Prach & Lampert 2022, arXiv:2208.03160, theorem 1): W diag(d) with d_j = (sum_i |W^T W|_ij + eps)^(-1/2)
  has norm at most 1. The same holds of diag(d) W with d from W W^T; the smaller side is scaled, which costs less and
  leaves more of a matrix of orthonormal rows.
- A Cayley transform of a skew matrix is orthogonal.
- A 2 x 2 matrix of gains between the parts h and l of a state bounds a coupling with orthogonal blocks.

Norm of a state: |z|_P^2 = |h|^2 + eta |l|^2. In the coordinates (h, sqrt(eta) l) the gains are
N = [[a_HH, a_HL / sqrt(eta)], [a_LH sqrt(eta), a_LL]], and |A|_P <= |N|_2. Row sums bound another norm.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from rrdyn.runtime.shapes import Float

EPS = 1e-12
"""Added to the column sums of a Gram matrix, so that a column of zeros is no division by zero."""

OFF = 0.002
"""How far from orthogonal a matrix begins, in parts of an orthogonal one."""


def aol(weight: Float[Tensor, "out in"]) -> Float[Tensor, "out in"]:
    """The matrix with its smaller side scaled so that its norm is at most 1."""
    rows, columns = weight.shape
    if rows >= columns:
        return weight * ((weight.mT @ weight).abs().sum(-1) + EPS).rsqrt()
    return weight * ((weight @ weight.mT).abs().sum(-1) + EPS).rsqrt()[:, None]


def cayley(free: Float[Tensor, "D D"]) -> Float[Tensor, "D D"]:
    """(I + K)^-1 (I - K) of the skew part K = M - M^T: orthogonal, the identity for M = 0."""
    skew = free - free.mT
    eye = torch.eye(len(free), dtype=free.dtype, device=free.device)
    out: Tensor = torch.linalg.solve(eye + skew, eye - skew)
    return out


def in_metric(gains: Float[Tensor, "2 2"], eta: float) -> Float[Tensor, "2 2"]:
    """N, the gains in the coordinates (h, sqrt(eta) l)."""
    root = math.sqrt(eta)
    return gains * gains.new_tensor([[1.0, 1 / root], [root, 1.0]])


def norm_of_two(matrix: Float[Tensor, "2 2"]) -> Float[Tensor, ""]:
    """The spectral norm of a 2 x 2 matrix in closed form: half the sum of |(a + d, b - c)| and |(a - d, b + c)|."""
    a, b, c, d = matrix.flatten().unbind()
    return (torch.hypot(a + d, b - c) + torch.hypot(a - d, b + c)) / 2


def scaled_gains(logits: Float[Tensor, "2 2"], eta: float, kappa: Tensor | float) -> Float[Tensor, "2 2"]:
    """Gains of |N|_2 = kappa: a softmax a row, scaled. (Row sums of 1 alone give |N|_2 >= 1, whatever eta.)"""
    shares = torch.softmax(logits, dim=-1)
    return shares * (kappa / norm_of_two(in_metric(shares, eta)))


class Bounded(nn.Module):
    """A matrix (out,in) whose use has norm at most 1, nearly orthogonal at first.

    Not quite: at an orthogonal matrix the sums |W^T W| have a kink, and the sign of rounding would choose the gradient.
    """

    def __init__(self, size_in: int, size_out: int) -> None:
        super().__init__()
        weight = nn.init.orthogonal_(torch.empty(size_out, size_in))
        self.weight = nn.Parameter(weight + torch.randn_like(weight) * (OFF / max(size_in, size_out) ** 0.5))

    def matrix(self, dtype: torch.dtype) -> Float[Tensor, "out in"]:
        """The matrix as it is used, computed in `dtype`."""
        return aol(self.weight.to(dtype))


@dataclass(frozen=True, kw_only=True)
class Certificate:
    """That a sub-update T contracts: |T(z) - T(z')|_P <= bound |z - z'|_P, for the weights as they are used.

    Computed in float64. It is of the function in exact arithmetic; what rounding of states adds is not in it.
    """

    bound: float
    """(1 - alpha) + alpha |N|_2 slack."""
    tighter: float
    """The same with the norms that the matrices have: also proved, and nearer to what is measured."""
    gain: float
    """|N|_2, of the gains as they are used."""
    slack: float
    """1, or by how much rounding has let the bounded matrices expand."""
    alpha: float
    metric: tuple[float, ...]
    """eta of each part of the state: |z|_P^2 is the sum of eta_i |z_i|^2."""

    @property
    def exponent(self) -> float:
        """log of the bound, nats per sub-update: no exponent in the P-norm is above it."""
        return math.log(self.bound)

    @property
    def contracts(self) -> bool:
        return self.bound < 1


def spectral_norm(matrix: Tensor) -> float:
    """The largest singular value, in float64."""
    return float(torch.linalg.matrix_norm(matrix.double(), 2))
