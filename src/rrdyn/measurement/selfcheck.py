"""The estimators against systems whose exponents and fates are known, the derivative rules against explicit Jacobians.

Tiers: exact (known to rounding), literature (known to a few digits; many starts stand in for a long run), model.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from rrdyn.dynamics import classify_fate, find_cycle, maps, protocol
from rrdyn.dynamics.exponents import kaplan_yorke_dimension
from rrdyn.dynamics.known_fates import KnownFate, known_fates
from rrdyn.dynamics.lyapunov import Spectrum, lyapunov_spectrum
from rrdyn.dynamics.maps import Map
from rrdyn.dynamics.trajectory import plain_segment
from rrdyn.models import Model, build
from rrdyn.runtime.streams import generator
from rrdyn.runtime.threads import one_thread

STARTS = 256
"""Trajectories that stand in for a long one."""
ALIGN = 50
"""Iterations in which their frames align."""
SHORT = 600
"""Known fates that are told within so many segments are checked; the others are tests."""


@dataclass(frozen=True, kw_only=True)
class Check:
    """One line of the table."""

    name: str
    tier: str
    found: str
    known: str
    error: float
    tolerance: float
    float32: float | None = None
    """Largest difference between float32 and float64 exponents."""
    note: str = ""

    @property
    def passed(self) -> bool:
        return math.isfinite(self.error) and self.error <= self.tolerance


def run_checks() -> Iterator[Check]:
    """Every check, one after the other, as it is done. Systems this small run fastest on one thread."""
    with one_thread():
        yield from _checks()


def _checks() -> Iterator[Check]:
    for system, steps in (
        (maps.diagonal(), 100),
        (maps.triangular(), 100),
        (maps.rotation(), 100),
        (maps.non_normal(), 100),
        (maps.contracting(), 100),
        (maps.tent(), 100),
    ):
        yield exact(system, steps)
    yield henon_sum()
    yield literature(maps.logistic(), 400, 0.005)
    yield literature(maps.henon(), 400, 0.003)
    yield literature(maps.towel(), 400, 0.01)
    yield literature(maps.lorenz(), 1000, 0.03)
    yield henon_dimension()
    yield fates()
    yield multipliers()
    yield rule_against_generic()
    for name in ("trm-mlp", "trm-attention", "hrm"):
        yield explicit_jacobian(name)
    yield precision("trm-attention", settling=True)
    yield precision("trm-mlp", settling=False)


def exact(system: Map, steps: int) -> Check:
    """Exponents known to rounding, after the frame has aligned."""
    found, narrow = (
        lyapunov_spectrum(system, system.start.to(dtype), steps, system.dimension, align=300).exponents[0] / system.time
        for dtype in (torch.float64, torch.float32)
    )
    known = torch.tensor(system.exponents, dtype=torch.float64)
    return _check(system.name, "exact", found, known, 1e-9, float32=_apart(found, narrow))


def literature(system: Map, steps: int, tolerance: float) -> Check:
    """Exponents known to a few digits, from many starts near the known one, each let onto the attractor first."""
    found = _from_many_starts(system, steps).exponents.mean(0) / system.time
    known = torch.tensor(system.exponents, dtype=torch.float64)
    return _check(system.name, system.source, found, known, tolerance)


def henon_sum() -> Check:
    """The exponents of Henon sum to ln .3 at every length."""
    found = torch.stack([_from_many_starts(maps.henon(), steps).exponents.sum(-1) for steps in (1, 10, 100)])
    error = (found - math.log(0.3)).abs().max().item()
    return Check(name="Henon, sum", tier="exact", found=f"{found[-1, 0]:.12f}", known="ln 0.3 at 1, 10, 100 steps",
                 error=error, tolerance=1e-10)  # fmt: skip


def henon_dimension() -> Check:
    """Kaplan-Yorke dimension of Henon, 1.2583."""
    dimension = kaplan_yorke_dimension(_from_many_starts(maps.henon(), 400).exponents.mean(0).numpy())
    return Check(name="Henon, dimension", tier="literature", found=f"{dimension.value:.4f}", known="1.2583",
                 error=abs(dimension.value - 1.2583), tolerance=0.003)  # fmt: skip


def fates() -> Check:
    """What becomes of systems of every fate but divergence, with their periods."""
    short = [known for known in known_fates() if known.horizon <= SHORT]
    wrong = [known.name for known in short if not _came_out(known)]
    return Check(
        name="known fates", tier="exact", found=f"{len(short) - len(wrong)} right", known=f"all {len(short)}",
        error=float(len(wrong)), tolerance=0.0, note=f"wrong: {', '.join(wrong)}" if wrong else "",
    )  # fmt: skip


def _came_out(known: KnownFate) -> bool:
    found = classify_fate(known.system, known.system.start, known.horizon)
    return (found.names[0], int(found.period[0])) == (known.fate, known.period)


def multipliers() -> Check:
    """The eigenvalue of the logistic map's cycle of period 2 is 4 + 2 r - r^2: attracting, and a saddle."""
    rates = (3.2, 3.5)
    cycles = [find_cycle(maps.logistic(r), torch.tensor([[0.8]], dtype=torch.float64), 2) for r in rates]
    found = torch.stack([cycle.eigenvalues[0, 0].real for cycle in cycles])
    known = torch.tensor([4 + 2 * r - r * r for r in rates], dtype=torch.float64)
    return _check("logistic, eigenvalue of period 2", "exact", found, known, 1e-10)


def rule_against_generic() -> Check:
    """A tanh network by its written rule and by forward differentiation, over 100 steps of chaos."""
    weights = maps.random_weights(64, 1.5, seed=0)
    start = 0.1 * torch.from_numpy(generator(0, "rnn").standard_normal((1, 64)))
    by_rule, generic = (
        lyapunov_spectrum(maps.tanh_rnn(weights, rule=rule), start, 100, 8).exponents[0] for rule in (True, False)
    )
    return _check("tanh RNN, rule and generic path", "exact", by_rule, generic, 1e-9)


def explicit_jacobian(name: str) -> Check:
    """QR of J Q0 with the explicit Jacobian of one segment, against the series of the fast path."""
    model, e = tiny_model(name)
    recurrence, z0 = model.recurrence(e), model.initial(1)
    n = sum(part.numel() for part in z0)
    with torch.no_grad(), protocol.forward_differentiable():
        eye = protocol.from_frame(torch.eye(n, dtype=torch.float64)[None], z0)
        _, columns = protocol.value_and_tangents(lambda z: plain_segment(recurrence, z), z0, eye)
    jacobian = protocol.to_frame(columns)[0]
    q0 = torch.linalg.qr(torch.from_numpy(generator(0, "q0", name).standard_normal((n, 8)))).Q
    explicit = torch.linalg.qr(jacobian @ q0).R.diagonal().abs().log()
    series = lyapunov_spectrum(recurrence, z0, 1, 8, q0=q0[None]).log_r.sum(0)[0]
    return _check(f"{name}, fast path and explicit Jacobian", "model", series, explicit, 1e-10)


def precision(name: str, *, settling: bool) -> Check:
    """float32 against float64 exponents on a model; a settling one is told by its residual."""
    scale, segments = (0.2, 48) if settling else (1.5, 16)
    model, e = tiny_model(name, scale=scale)
    wide = lyapunov_spectrum(model.recurrence(e), model.initial(1), segments, 8)
    before = torch.cat([part.flatten() for part in wide.state])
    with torch.no_grad():
        after = torch.cat([part.flatten() for part in plain_segment(model.recurrence(e), wide.state)])
    residual = (after - before).norm() / before.norm()
    small, small_e = tiny_model(name, scale=scale, dtype=torch.float32)
    narrow = lyapunov_spectrum(small.recurrence(small_e), small.initial(1), segments, 8)
    error = _apart(wide.exponents[0], narrow.exponents[0])
    if settling and residual > 1e-9:
        error = math.inf  # it has to settle to be judged
    words = "settles" if settling else "wanders"
    return Check(
        name=f"{name} that {words}, float32", tier="model", found=_told(narrow.exponents[0]),
        known=_told(wide.exponents[0]), error=error, tolerance=1e-4 if settling else math.inf, float32=error,
        note=f"residual {residual:.1e}" + ("" if settling else "; shown, not judged"),
    )  # fmt: skip


def tiny_model(name: str, *, scale: float = 1.5, dtype: torch.dtype = torch.float64) -> tuple[Model, Tensor]:
    """A small model whose stacks have random weights times `scale`, and the embedding of one random puzzle."""
    arch = {
        "name": "hrm" if name == "hrm" else "trm", "seq_len": 4, "vocab_size": 5, "hidden_size": 8, "num_heads": 2,
        "puzzle_emb_ndim": 8, "expansion": 1.0, "H_cycles": 2, "L_cycles": 2, "L_layers": 2,
    }  # fmt: skip
    if name == "hrm":
        arch["H_layers"] = 2
    else:
        arch.update(puzzle_emb_len=1, mlp_t=name == "trm-mlp", pos_encodings="none" if name == "trm-mlp" else "rope")
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        drawn = build(arch, dtype=torch.float32)  # the same weights for every dtype
    model = build(arch, dtype=dtype).eval()
    model.load_state_dict(drawn.state_dict())
    with torch.no_grad():
        assert model.puzzle_table is not None
        model.puzzle_table.fill_(1.0)  # zero leaves the prefix position without an anchor
        for key, parameter in model.named_parameters():
            if "_level." in key:
                parameter.mul_(scale)
        inputs = torch.arange(4, dtype=torch.int32)[None] + 1
        return model, model.embed(inputs, torch.zeros(1, dtype=torch.int32))


def _from_many_starts(system: Map, steps: int) -> Spectrum:
    shifts = 1e-3 * torch.from_numpy(generator(0, "starts").uniform(-1, 1, (STARTS, system.dimension)))
    starts = system.start * (1 + shifts)
    return lyapunov_spectrum(system, starts, steps, system.dimension, warmup=int(20 / system.time), align=ALIGN)


def _check(
    name: str, tier: str, found: Tensor, known: Tensor, tolerance: float, *, float32: float | None = None
) -> Check:
    error = (found - known).abs().max().item()
    return Check(name=name, tier=tier, found=_told(found), known=_told(known), error=error, tolerance=tolerance,
                 float32=float32)  # fmt: skip


def _apart(a: Tensor, b: Tensor) -> float:
    return (a - b).abs().max().item()


def _told(values: Tensor) -> str:
    shown = [f"{value:.4f}".replace("-0.0000", "0.0000") for value in values[:3].tolist()]
    return " ".join(shown) + (" ..." if len(values) > 3 else "")
