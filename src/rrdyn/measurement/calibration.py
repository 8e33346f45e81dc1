"""Equal perturbation across models: the noise scale sigma* at which answers differ by a given KL, and sweeps of it.

sigma* is where the 95th percentile, over puzzles x segments 1..readout x copies, of the per-segment KL(perturbed ||
clean) equals the budget. It is found by bisection of log sigma on puzzles other than those reported. Where no sigma
reaches the budget, or chaos keeps the KL above it however small sigma is, sigma* is None and the extremes are told.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from rrdyn.artifacts.cells import write_cell
from rrdyn.artifacts.errors import UsageError, notice
from rrdyn.measurement.parts import join
from rrdyn.measurement.perturbation import Perturbation, PerturbationConfig, measure
from rrdyn.measurement.subject import Subject
from rrdyn.runtime.progress import say
from rrdyn.runtime.threads import each

PERCENTILE = 95.0
SMALLEST, LARGEST = 1e-6, 1e2
"""Scales between which sigma* is looked for."""
CLOSE = 0.005
"""Width of the last bracket, relative."""


@dataclass(frozen=True, kw_only=True)
class Calibration:
    """A found (or not found) noise scale."""

    sigma_star: float | None
    budget: float
    """KL in nats."""
    kl_at_star: float | None
    floor: float
    """KL at the smallest scale tried."""
    ceiling: float
    """KL at the largest scale tried."""
    puzzles: int
    copies: int
    segments: int
    percentile: float
    tried: list[tuple[float, float]]
    """(sigma, KL) in the order tried."""

    @property
    def told(self) -> str:
        if self.sigma_star is not None:
            at = f"KL {self.kl_at_star:.3g} nats at the {self.percentile:g}th percentile"
            return f"sigma* = {self.sigma_star:.4g} ({at})"
        if self.floor > self.budget:
            return f"no sigma*: chaos keeps the KL at {self.floor:.3g} nats even at sigma {self.tried[0][0]:.1g}"
        return f"no sigma*: the KL only reaches {self.ceiling:.3g} nats, at sigma {self.tried[1][0]:.3g}"


def calibrate(
    subject: Subject, config: PerturbationConfig, budget: float, *, puzzles: int = 32,
    bracket: tuple[float, float] = (SMALLEST, LARGEST),
) -> Calibration:  # fmt: skip
    """Find sigma* for a KL budget in nats, on `puzzles` puzzles that `perturb` with this config does not report.

    Raises UsageError where the split has no other puzzles.
    """
    idx = subject.choose(puzzles, config.seed, after=config.n)
    if len(idx) == 0:
        raise UsageError(
            "no puzzle is left to calibrate on",
            found=f"{len(subject.split)} puzzles in the split, {config.n} of them reported",
            expected="a smaller --n",
        )

    if len(idx) < puzzles:
        notice(f"--calibrate-n {puzzles}: only {len(idx)} of {len(subject.split)} puzzles are left to calibrate on")

    def kl_at(sigma: float) -> float:
        only = config.model_copy(update={"sigmas": (sigma,), "segments": config.readout, "exponent": False})
        if subject.device.type == "cpu":
            kl = join(each(lambda i: measure(subject, only, subject.questions(idx[i : i + 1])), range(len(idx))))["kl"]
        else:
            with torch.no_grad():
                kl = measure(subject, only, subject.questions(idx))["kl"]
        kl = np.where(np.isfinite(kl), kl, np.inf)
        return float(np.percentile(kl, PERCENTILE, method="lower"))

    sigma, at, tried = bisect(kl_at, budget, bracket)
    return Calibration(
        sigma_star=sigma, kl_at_star=at, budget=budget, floor=tried[0][1], ceiling=tried[1][1], puzzles=len(idx),
        copies=config.copies, segments=config.readout, percentile=PERCENTILE, tried=tried,
    )  # fmt: skip


def bisect(
    kl_at: Callable[[float], float], budget: float, bracket: tuple[float, float]
) -> tuple[float | None, float | None, list[tuple[float, float]]]:
    """(sigma*, KL there, all tried): where KL crosses `budget`, by bisection of log sigma; the ends are tried first."""
    low, high = bracket
    tried = [(low, kl_at(low)), (high, kl_at(high))]
    if tried[0][1] > budget or tried[1][1] < budget:
        return None, None, tried
    best = tried[0]
    while high / low > 1 + CLOSE:
        middle = math.sqrt(low * high)
        best = (middle, kl_at(middle))
        tried.append(best)
        say(f"calibrating: sigma {middle:.4g} gives {best[1]:.4g} nats")
        low, high = (middle, high) if best[1] < budget else (low, middle)
    return best[0], best[1], tried


def swept(config: PerturbationConfig, calibration: Calibration, alphas: tuple[float, ...]) -> PerturbationConfig:
    """The sweep of multiples of sigma*."""
    assert calibration.sigma_star is not None
    return config.model_copy(update={"sigmas": tuple(alpha * calibration.sigma_star for alpha in alphas)})


def write_cells(
    folder: Path, subject: Subject, result: Perturbation | None, config: PerturbationConfig, calibration: Calibration,
    alphas: tuple[float, ...],
) -> Path:  # fmt: skip
    """One cell in the three-file layout: KL and mass on the right answer, a row per puzzle and copy."""
    source = subject.model.source
    step = None if source is None else source.step
    weights = subject.weights.resolve()
    label = weights.stem if weights.suffix == ".pt" else weights.parent.name
    name = f"{subject.model.config.name}_{label}_{config.where}_s{config.seed}"
    calib: dict[str, Any] = {
        "model": f"{subject.model.config.name}/{label}",
        "method": f"z0-noise-{config.where}",
        "window": config.segments,
        "c_star": calibration.sigma_star,
        "seed": config.seed,
        "step": step,
        "unit": "absolute" if config.absolute else "std of the initial z_H",
        **{key: value for key, value in asdict(calibration).items() if key not in ("sigma_star", "tried")},
        "weights": subject.fingerprint(np.zeros(0), {})["weights"],
        "dataset": subject.split.digest,
    }
    kl: dict[str, Any] = {}
    mass: dict[str, Any] = {}
    if result is not None:
        for number, alpha in enumerate(alphas):
            kl[str(float(alpha))] = result.arrays["kl"][:, number].reshape(-1, config.segments)
            mass[str(float(alpha))] = result.arrays["correct_mass"][:, number].reshape(-1, config.segments)
    return write_cell(
        folder / name,
        calib,
        {"per_prompt_per_t_kl": kl},
        {
            "computed": result is not None,
            "fork_points": list(range(config.segments)),
            "pmass": mass,
            "pmass_eval": mass,
        },
    )
