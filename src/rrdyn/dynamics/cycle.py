"""Fixed points and cycles refined to rounding, stable or not, and the eigenvalues of one period.

Newton's method on F^p(z) - z, F being one segment, with exact tangent products: the Jacobian itself where the state is
small, GMRES where it is large (Knoll & Keyes, J. Comput. Phys. 193 (2004) 357). The leading eigenvalues of one period
then tell how it attracts or repels: by Arnoldi's method (ARPACK) where the state is large.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor

from rrdyn.artifacts.errors import UsageError
from rrdyn.dynamics import protocol
from rrdyn.dynamics.protocol import Recurrence
from rrdyn.dynamics.returns import TOLERANCE, noise_floor
from rrdyn.dynamics.trajectory import plain_segment
from rrdyn.runtime.shapes import Bool, Complex, Float, Integer
from rrdyn.runtime.streams import generator
from rrdyn.runtime.threads import each

if TYPE_CHECKING:  # scipy's sparse algebra takes a fifth of a second to load, and only large states need it
    from scipy.sparse.linalg import LinearOperator

DENSE = 128
"""Size of a state up to which its Jacobian is written out."""
HALVINGS = 8
"""Of a Newton step that does not bring z nearer to a cycle."""


NEUTRAL = 1e-12
"""Singular value of 1 - DF^p, over the largest, up to which z may as well be anywhere in that direction."""


@dataclass(frozen=True, kw_only=True)
class Cycle:
    """B points on cycles, each refined from where a trajectory was."""

    state: Any
    """Parts (B,...): a point on each."""
    residual: Float[Tensor, " B"]
    """(B,) ||F^p(z) - z|| over the largest norm of z and of the state it was refined from."""
    eigenvalues: Complex[Tensor, "B m"]
    """(B,m) complex128, leading ones of the derivative of one period, by descending modulus; NaN where not found."""
    converged: Bool[Tensor, " B"]
    """(B,) whether the residual is within tolerance."""
    period: Integer[Tensor, " B"]
    """(B,) smallest period of what was found: a divisor of the one asked for; 0 where it has not converged."""
    moved: Float[Tensor, " B"]
    """(B,) distance from the state it was refined from, over the same norm as the residual."""

    @property
    def multipliers(self) -> Tensor:
        """(B,m) moduli of the eigenvalues: below 1 it attracts, above 1 it is a saddle."""
        return self.eigenvalues.abs()

    @property
    def attracting(self) -> Tensor:
        """(B,) whether every multiplier is below 1."""
        return self.converged & (self.multipliers[:, 0] < 1)

    def stability_loss(self, near: float = 0.1) -> list[str]:
        """How each would lose, or has lost, its stability, by the eigenvalue nearest to the unit circle.

        fold (+1), flip (-1) or Neimark-Sacker (a pair); "" where none is within `near` of the circle.
        """
        return [stability_loss(row, near) for row in self.eigenvalues.cpu().numpy()]


def find_cycle(
    recurrence: Recurrence | Callable[[Any], Any],
    z: Any,
    period: int = 1,
    *,
    count: int = 6,
    tolerance: float | None = None,
    iterations: int = 30,
    seed: int = 0,
    keys: Sequence[int] | None = None,
) -> Cycle:
    """The fixed point (period 1) or cycle near each state of a batch, and the leading eigenvalues of one period.

    z : state, a tuple of tensors (B,...), or one tensor (B,...). The recurrence is evaluated in its dtype: to refine to
        rounding, give both in float64.
    count : eigenvalues, as far as the state has so many.
    tolerance : residual up to which it has converged; default 32 times what rounding does in one segment, measured.
    iterations : of Newton's method, at most.
    seed, keys : name the start of each Arnoldi iteration; keys default to 0, 1, ...

    Examples are refined one by one. Raises UsageError for a period, count or number of iterations below 1.
    """
    recurrence, z = protocol.as_recurrence(recurrence), protocol.as_state(z)
    for name, number in (("period", period), ("count", count), ("iterations", iterations)):
        if number < 1:
            raise UsageError(f"{name} is out of range", found=number, expected="at least 1")
    keys = list(range(len(z[0]))) if keys is None else keys

    def refine(i: int) -> Cycle:
        alone = protocol.take(z, slice(i, i + 1))
        orbit = _Orbit(_alone(recurrence, z, i), alone, period)
        start = generator(seed, "arnoldi", keys[i]).standard_normal(orbit.size)
        return _refined(orbit, count, tolerance, iterations, start)

    ruled = protocol.has_rule(recurrence)
    with torch.no_grad(), nullcontext() if ruled else protocol.forward_differentiable():
        return protocol.together(each(refine, range(len(z[0])), parallel=ruled and hasattr(recurrence, "rows")))


class _Orbit:
    """One period of one trajectory as a function of a flat float64 vector."""

    def __init__(self, recurrence: Recurrence, start: Any, period: int) -> None:
        self.recurrence, self.start, self.period = recurrence, start, period
        self.size = sum(part[0].numel() for part in start)

    def state(self, x: np.ndarray) -> Any:
        columns = torch.from_numpy(np.ascontiguousarray(x)).to(self.start[0].device).view(1, -1, 1)
        parts = protocol.from_frame(columns, self.start)
        return protocol.rebuild(parts, (part[:, 0].to(like.dtype) for part, like in zip(parts, self.start)))

    def flat(self, state: Any) -> np.ndarray:
        return np.concatenate([part.double().flatten().cpu().numpy() for part in state])

    def passed(self, x: np.ndarray) -> list[np.ndarray]:
        """The states after 1..p segments."""
        state, states = self.state(x), []
        for _ in range(self.period):
            state = plain_segment(self.recurrence, state)
            states.append(self.flat(state))
        return states

    def off(self, x: np.ndarray) -> np.ndarray:
        """F^p(x) - x."""
        return np.asarray(self.passed(x)[-1] - x)

    def product(self, x: np.ndarray, vectors: np.ndarray) -> np.ndarray:
        """(n,K): the derivative of F^p at x times vectors (n,K)."""
        state = self.state(x)
        frame = torch.from_numpy(np.ascontiguousarray(vectors)).to(state[0].device)[None]
        bundle = protocol.join(state, protocol.from_frame(frame.to(state[0].dtype), state))
        for _ in range(self.period):
            for update in self.recurrence.sub_updates:
                bundle = protocol.advance(update, bundle)
        return protocol.to_frame(protocol.tangents_of(bundle))[0].double().cpu().numpy()

    def derivative(self, x: np.ndarray) -> np.ndarray | LinearOperator:
        """Of F^p at x: the matrix itself if it is small."""
        if self.size <= DENSE:
            return self.product(x, np.eye(self.size))
        from scipy.sparse.linalg import LinearOperator

        return LinearOperator((self.size, self.size), dtype=np.float64,
                              matvec=lambda v: self.product(x, np.reshape(v, (-1, 1)))[:, 0])  # fmt: skip


class _OneOfBatch:
    """One example of a sub-update that may hold something of every example: the others are given where they started."""

    def __init__(self, update: Any, whole: Any, i: int) -> None:
        self.update, self.whole, self.i = update, whole, i

    def value(self, state: Any) -> Any:
        i = self.i
        among = (torch.cat((all_[:i], part, all_[i + 1 :])) for all_, part in zip(self.whole, state))
        return protocol.take(self.update.value(protocol.rebuild(state, among)), slice(i, i + 1))


def _alone(recurrence: Recurrence, z: Any, i: int) -> Recurrence:
    if hasattr(recurrence, "rows"):
        alone: Recurrence = recurrence.rows(slice(i, i + 1))
        return alone
    if isinstance(recurrence, protocol.CallableRecurrence):
        updates = tuple(_OneOfBatch(update, z, i) for update in recurrence.sub_updates)
        return protocol.CallableRecurrence(updates)  # type: ignore[arg-type]
    return recurrence


def _refined(orbit: _Orbit, count: int, tolerance: float | None, iterations: int, start: np.ndarray) -> Cycle:
    first, floor = orbit.flat(orbit.start), float(noise_floor(orbit.recurrence, orbit.start))
    tolerance = TOLERANCE * floor if tolerance is None else tolerance
    x = _newton(orbit, first, iterations, floor * float(np.linalg.norm(first)))
    scale = max(np.linalg.norm(first), np.linalg.norm(x), np.finfo(np.float64).tiny)
    distances = [np.linalg.norm(state - x) / scale for state in orbit.passed(x)]
    residual = distances[-1]
    converged = bool(residual <= tolerance)
    returns = [p for p, distance in enumerate(distances, 1) if orbit.period % p == 0 and distance <= tolerance]
    values = np.full(min(count, orbit.size), np.nan, dtype=np.complex128)
    if converged:
        found = _leading(orbit.derivative(x), len(values), start)
        values[: len(found)] = found
    return Cycle(
        state=orbit.state(x), residual=torch.tensor([residual], dtype=torch.float64),
        eigenvalues=torch.from_numpy(values)[None], converged=torch.tensor([converged]),
        period=torch.tensor([returns[0] if converged else 0]),
        moved=torch.tensor([np.linalg.norm(x - first) / scale], dtype=torch.float64),
    )  # fmt: skip


def _newton(orbit: _Orbit, x: np.ndarray, iterations: int, floor: float) -> np.ndarray:
    """Until F^p(x) is as near to x as rounding allows, or no step brings it nearer."""
    off = orbit.off(x)
    for _ in range(iterations):
        size = np.linalg.norm(off)
        if size <= floor or not np.isfinite(size):
            break
        step = _solve(orbit.derivative(x), off)
        for halving in range(HALVINGS):
            there = x + step / 2**halving
            off_there = orbit.off(there)
            if np.linalg.norm(off_there) < size:
                break
        else:
            break
        x, off = there, off_there
    return x


def _solve(derivative: np.ndarray | LinearOperator, off: np.ndarray) -> np.ndarray:
    """The step d for which x + d returns to first order: (1 - DF^p) d = F^p(x) - x; the shortest where many do."""
    if isinstance(derivative, np.ndarray):
        u, s, vt = np.linalg.svd(np.eye(len(off)) - derivative)
        known = s > NEUTRAL * max(1.0, s[0])
        return np.asarray(vt[known].T @ ((u[:, known].T @ off) / s[known]))
    from scipy.sparse.linalg import LinearOperator, gmres

    shifted = LinearOperator(derivative.shape, dtype=np.float64, matvec=lambda v: v - derivative.matvec(v))
    return np.asarray(gmres(shifted, off, rtol=1e-4, restart=50, maxiter=2)[0])


def _leading(derivative: np.ndarray | LinearOperator, count: int, start: np.ndarray) -> np.ndarray:
    """Up to `count` eigenvalues by descending modulus, of a pair the one above the real line first."""
    if isinstance(derivative, np.ndarray):
        values = np.linalg.eigvals(derivative).astype(np.complex128)
    else:
        from scipy.sparse.linalg import ArpackError, ArpackNoConvergence, eigs

        try:
            # a few more than asked for: of moduli near one another it may find the wrong one first
            n = len(start)
            values = eigs(derivative, k=min(count + 4, n - 2), ncv=min(max(3 * count, 40), n), tol=1e-7, maxiter=30,
                          v0=start, return_eigenvectors=False)  # fmt: skip
        except ArpackNoConvergence as partial:
            values = partial.eigenvalues
        except ArpackError:  # a derivative of 0
            values = np.zeros(0, dtype=np.complex128)
    order = np.lexsort((-values.imag, -np.abs(values).round(12)))
    return values[order][:count]


def stability_loss(values: np.ndarray, near: float = 0.1) -> str:
    """How a cycle with these eigenvalues (m,) loses its stability: see `Cycle.stability_loss`."""
    values = values[np.isfinite(values)]
    if len(values) == 0:
        return ""
    nearest = values[np.abs(np.abs(values) - 1).argmin()]
    if abs(abs(nearest) - 1) > near:
        return ""
    if abs(nearest.imag) > 1e-6 * abs(nearest):
        return "Neimark-Sacker"
    return "fold" if nearest.real > 0 else "flip"
