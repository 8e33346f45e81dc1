"""Equal perturbation across models: the noise scale sigma* at which answers differ by a given KL, and sweeps of it.

sigma* is where the 95th percentile, over puzzles x segments 1..readout x copies, of the per-segment KL(perturbed ||
clean) equals the budget. It is found by bisection of log sigma on puzzles other than those reported. Where no sigma
reaches the budget, or chaos keeps the KL above it however small sigma is, sigma* is None and the extremes are told.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np

from rrdyn.artifacts.cells import write_cell
from rrdyn.artifacts.errors import UsageError, notice
from rrdyn.measurement.campaign import Request, Result, columns_of, opened, place
from rrdyn.measurement.perturbation import Calibration, Perturbation, PerturbationConfig
from rrdyn.measurement.subject import Subject
from rrdyn.runtime.progress import say

PERCENTILE = 95.0
SMALLEST, LARGEST = 1e-6, 1e2
"""Scales between which sigma* is looked for."""
CLOSE = 0.005
"""Width of the last bracket, relative."""


def calibrate(
    subject: Subject, config: PerturbationConfig, budget: float, *, puzzles: int = 32,
    bracket: tuple[float, float] = (SMALLEST, LARGEST), batch: int | None = None,
) -> Calibration:  # fmt: skip
    """Find sigma* for a KL budget in nats, on `puzzles` puzzles that `perturb` with this config does not report.

    batch : puzzles at a time on a GPU; default by memory.

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
    readout = Perturbation(subject, config).settings.readout

    def kl_at(sigma: float) -> float:
        only = {"sigmas": (sigma,), "segments": readout, "readout": readout, "exponent": False, "periods": 0}
        kl = columns_of(Perturbation(subject, config.model_copy(update=only)), idx, batch=batch)["kl"]
        kl = np.where(np.isfinite(kl), kl, np.inf)
        return float(np.percentile(kl, PERCENTILE, method="lower"))

    sigma, at, tried = bisect(kl_at, budget, bracket)
    return Calibration(
        sigma_star=sigma, kl_at_star=at, budget=budget, floor=tried[0][1], ceiling=tried[1][1], puzzles=len(idx),
        copies=config.copies, segments=readout, percentile=PERCENTILE, tried=tuple(tried),
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


def calibrated(request: Request, budget: float, alphas: tuple[float, ...], *, puzzles: int) -> Request:
    """The same request, sweeping multiples of the sigma* that is found on other puzzles; its own sigmas where none is.

    Found once, before the work is shared out, so that all processes sweep the same scales.
    """
    config = perturbation(request)
    subject = opened(request, request.checkpoints[0], place(request)[1])
    found = calibrate(subject, config, budget, puzzles=puzzles, batch=request.batch)
    update: dict[str, object] = {"calibration": found}
    if found.sigma_star is None:
        say(f"{found.told}; sweeping --sigmas instead")
    else:
        update |= {"sigmas": tuple(alpha * found.sigma_star for alpha in alphas), "alphas": alphas}
    return replace(request, config=config.model_copy(update=update))


def perturbation(request: Request) -> PerturbationConfig:
    """The config of a request to perturb."""
    assert isinstance(request.config, PerturbationConfig)
    return request.config


def write_cells(folder: Path, request: Request, result: Result) -> Path:
    """One cell in the three-file layout: KL and mass on the right answer, a row per puzzle and copy.

    Without a sigma* the cell says so, and holds no rows.
    """
    config, meta = perturbation(request), result.meta
    found = config.calibration
    assert found is not None
    weights, digest = next(iter(meta["inputs"].items()))
    path = Path(weights).resolve()
    label = path.stem if path.suffix == ".pt" else path.parent.name
    model = meta["model"]["name"]
    calib: dict[str, object] = {
        "model": f"{model}/{label}",
        "method": f"z0-noise-{config.where}",
        "window": config.segments,
        "c_star": found.sigma_star,
        "seed": config.seed,
        "step": meta["step"],
        "unit": "absolute" if config.absolute else "std of the initial z_H",
        **found.model_dump(exclude={"sigma_star", "tried"}),
        "weights": digest,
        "dataset": meta["dataset"]["digest"],
    }
    kl: dict[str, object] = {}
    mass: dict[str, object] = {}
    computed = found.sigma_star is not None
    for number, alpha in enumerate(config.alphas if computed else ()):
        kl[str(float(alpha))] = result.arrays["kl"][:, number].reshape(-1, config.segments)
        mass[str(float(alpha))] = result.arrays["correct_mass"][:, number].reshape(-1, config.segments)
    return write_cell(
        folder / f"{model}_{label}_{config.where}_s{config.seed}",
        calib,
        {"per_prompt_per_t_kl": kl},
        {
            "computed": computed,
            "fork_points": list(range(config.segments)),
            "pmass": mass,
            "pmass_eval": mass,
        },
    )
