"""Orthonormalising K tangents of a huge state: QR of (B,n,K), n >> K, for the exponents and for covariant vectors.

Cholesky QR works through Gram matrices: products of the kind a GPU and a CPU do best, one pass over memory to
measure, one to apply. It loses orthogonality as the square of the frame's condition number, so the condition is
measured each time and one of three ways is taken: one pass, two passes (CholeskyQR2, as good as Householder), or
Householder itself. A small frame on a CPU goes to LAPACK's Householder at once: calls cost more than work there.

CholeskyQR2: Yamamoto, Nakatsukasa, Yanagisawa, Fukaya, ETNA 44 (2015) 306. A frame that is a little off orthonormal
does no harm beyond itself: the next factorisation measures and repairs it, so that errors do not add up.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import torch
from torch import Tensor

ONE_PASS = {torch.float32: 2e-5, torch.float64: 1e-11}
"""Loss of orthogonality up to which one pass is enough."""
TWO_PASSES = 1e-2
"""Loss in the first of two passes up to which the second repairs it."""
SMALL = 1 << 17
"""Elements of a frame up to which, on a CPU, Householder is faster (2-core AMD EPYC: 70 against 240 microseconds at
n = 4736, 3500 against 1500 at n = 99328, k = 8)."""
SAFE = 1e-24, 1e24
"""Squared lengths outside of which Gram matrices in float32 would lose digits or overflow."""


@dataclass(frozen=True, kw_only=True)
class Factor:
    """The triangular factor of tangents T = Q R."""

    r: Tensor
    """(B,K,K) float64, upper triangular, diagonal >= 0; NaN where an example is not finite."""
    loss: Tensor
    """(B,) bound on max |Q^T Q - I| from the measured condition number."""
    passes: Tensor
    """(B,) 1 or 2 Cholesky passes, 0 for Householder."""
    sound: Tensor | None = None
    """(B,) bool of one made unseen: whether its passes were enough."""

    @property
    def log_r(self) -> Tensor:
        """(B,K) log R_ii."""
        return log_of_diagonal(self.r)

    @property
    def condition(self) -> Tensor:
        """(B,) condition number of the tangents, Frobenius, each tangent scaled to length 1."""
        unit = self.r / self.r.norm(dim=-2, keepdim=True)
        found: Tensor = torch.linalg.cond(unit, "fro") / unit.shape[-1] ** 0.5
        return found


LEAST = 1e-30
"""What the argument of a log is clipped at, as in the source study: a direction that is lost counts -69.08."""


def log_of_diagonal(r: Tensor) -> Tensor:
    """(...,K) log R_ii of factors (...,K,K), the argument clipped at 1e-30 as in the source study."""
    return r.diagonal(dim1=-2, dim2=-1).clamp_min(LEAST).log()  # clamp keeps NaN


def clipped(triangles: Sequence[Tensor]) -> Tensor | int:
    """(B,) how many logs of the factors R (B,K,K) were clipped; 0 of none."""
    return sum((r.diagonal(dim1=-2, dim2=-1) <= LEAST).sum(-1) for r in triangles)


def orthonormalise(rows: Sequence[Tensor], *, careful: bool = False) -> Factor:
    """Replace tangents by an orthonormal frame of the same flag of spaces, in place.

    rows : matrices (B,K,n_part); row i of all of them together is tangent i of length n = sum of n_part.
    careful : two passes whatever the condition number.

    Each example is treated alone: which way one takes does not depend on its neighbours. An example with inf or
    NaN gets r = NaN; its rows are then without meaning.
    """
    dtype = rows[0].dtype
    if rows[0].device.type == "cpu" and rows[0].shape[1] * sum(part.shape[2] for part in rows) <= SMALL:
        return _small(rows)
    factor, scaled, good = _cholesky(_gram(rows))
    inverse, loss = _inverse_and_loss(factor, scaled, good, dtype)
    good = good & (loss <= TWO_PASSES)
    _apply(rows, inverse, good)
    second = good & ((loss > ONE_PASS[dtype]) | careful)
    passes = good.int() + second.int()
    if bool(second.any()):
        again, scaled, fine = _cholesky(_gram(rows))
        inverse, left = _inverse_and_loss(again, scaled, fine, dtype)
        _apply(rows, inverse, second)
        factor = torch.where(second[:, None, None], factor @ again, factor)
        loss = torch.where(second, left, loss)
    r = factor.mT.contiguous()
    if not bool(good.all()):
        for example in (~good).nonzero().flatten().tolist():
            r[example] = _householder([part[example] for part in rows])
            passes[example] = 0
            loss[example] = torch.finfo(dtype).eps * r.shape[-1]
    return Factor(r=r, loss=loss, passes=passes)


def orthonormalise_unseen(rows: Sequence[Tensor], passes: int) -> Factor:
    """The same by so many Cholesky passes for every example: the device is asked for nothing, the host goes on.

    Where they were not enough `Factor.sound` is False, and rows and factor have no meaning. An example with NaN is
    sound: its r is NaN.
    """
    dtype = rows[0].dtype
    whole: Tensor | None = None
    sound: Tensor | None = None
    for number in range(1, passes + 1):
        gram = _gram(rows)
        lost = gram.isnan().flatten(1).any(1)
        factor, scaled, good = _cholesky(gram)
        inverse, loss = _inverse_and_loss(factor, scaled, good, dtype)
        for part in rows:
            part.copy_(inverse.to(dtype) @ part)
        whole = factor if whole is None else whole @ factor
        enough = lost | (good & (loss <= (ONE_PASS[dtype] if number == passes else TWO_PASSES)))
        sound = enough if sound is None else sound & enough
    assert whole is not None
    r = torch.where(lost[:, None, None], torch.nan, whole.mT)
    return Factor(r=r, loss=loss, passes=torch.full_like(loss, passes, dtype=torch.int32), sound=sound)


def _small(rows: Sequence[Tensor]) -> Factor:
    """All examples by Householder in their own dtype."""
    tall = (torch.cat(tuple(rows), dim=-1) if len(rows) > 1 else rows[0]).mT
    q, r = torch.linalg.qr(tall)
    sign = torch.copysign(torch.ones((), dtype=r.dtype), r.diagonal(dim1=-2, dim2=-1))
    flat = (q * sign[:, None, :]).mT
    for part, columns in zip(rows, flat.split([part.shape[-1] for part in rows], dim=-1)):
        part.copy_(columns)
    loss, none = _known(len(tall), tall.shape[-1], tall.dtype)
    return Factor(r=(r * sign[:, :, None]).double(), loss=loss, passes=none)


@lru_cache(maxsize=16)
def _known(batch: int, k: int, dtype: torch.dtype) -> tuple[Tensor, Tensor]:
    """Loss and passes of Householder: made once, as on a small map making them costs as much as the factorisation."""
    loss = torch.full((batch,), torch.finfo(dtype).eps * k, dtype=torch.float64)
    return loss, torch.zeros(batch, dtype=torch.int32)


def _gram(rows: Sequence[Tensor]) -> Tensor:
    """(B,K,K) inner products of the tangents, float64; products and sums run in the dtype of the rows."""
    gram = rows[0] @ rows[0].mT
    for part in rows[1:]:
        gram = gram + part @ part.mT
    return gram.double()


def _cholesky(gram: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """L with L L^T = gram, the same for tangents scaled to length 1, and where both exist."""
    squared = gram.diagonal(dim1=-2, dim2=-1)
    good = ((squared > SAFE[0]) & (squared < SAFE[1])).all(-1)
    length = torch.where(good[:, None], squared, 1.0).sqrt()
    unit = gram / (length[:, :, None] * length[:, None, :])
    eye = torch.eye(gram.shape[-1], dtype=gram.dtype, device=gram.device)
    scaled, info = torch.linalg.cholesky_ex(torch.where(good[:, None, None], unit, eye))
    good = good & (info == 0)
    scaled = torch.where(good[:, None, None], scaled, eye)
    return scaled * length[:, :, None], scaled, good


def _inverse_and_loss(factor: Tensor, scaled: Tensor, good: Tensor, dtype: torch.dtype) -> tuple[Tensor, Tensor]:
    """L^-1, and the loss of orthogonality to expect of applying it: eps x condition^2 of the scaled tangents."""
    eye = torch.eye(factor.shape[-1], dtype=factor.dtype, device=factor.device)
    inverse = torch.linalg.solve_triangular(factor, eye.expand_as(factor), upper=False)
    lengths = factor.norm(dim=-1)
    # |scaled| = sqrt(K) as its rows have length 1; its inverse is L^-1 times the lengths
    condition = (inverse * lengths[:, None, :]).norm(dim=(-2, -1)) * factor.shape[-1] ** -0.5
    return inverse, torch.where(good, 4 * torch.finfo(dtype).eps * condition**2, torch.inf)


def _apply(rows: Sequence[Tensor], inverse: Tensor, where: Tensor) -> None:
    """rows <- inverse @ rows for the examples `where`; an exact no-op for the others."""
    if not bool(where.any()):
        return
    every = bool(where.all())
    for part in rows:
        moved = inverse.to(part.dtype) @ part
        part.copy_(moved if every else torch.where(where[:, None, None], moved, part))


def _householder(rows: Sequence[Tensor]) -> Tensor:
    """One example by Householder reflections in float64; rows (K,n_part) in place. Returns R (K,K)."""
    sizes = [part.shape[-1] for part in rows]
    tall = torch.cat([part.double() for part in rows], dim=-1)
    k = tall.shape[0]
    if not bool(torch.isfinite(tall).all()):
        return torch.full((k, k), torch.nan, dtype=torch.float64, device=tall.device)
    length = tall.norm(dim=-1).clamp_min(torch.finfo(torch.float64).tiny)
    q, r = torch.linalg.qr((tall / length[:, None]).T)
    sign = torch.where(r.diagonal() < 0, -1.0, 1.0).to(r)
    for part, columns in zip(rows, (q * sign).T.split(sizes, dim=-1)):
        part.copy_(columns)
    found: Tensor = sign[:, None] * r * length
    return found
