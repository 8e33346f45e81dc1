"""Equal perturbation across models: the noise scale sigma* at which answers differ by a given KL, and sweeps of it.

sigma* is where the 95th percentile, over puzzles x segments 1..readout x copies, of the per-segment KL(perturbed ||
clean) equals the budget. It is found by bisection of log sigma on puzzles other than those reported. Where no sigma
reaches the budget, or chaos keeps the KL above it however small sigma is, sigma* is None and the extremes are told.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import numpy as np

from rrdyn.artifacts.cells import write_cell
from rrdyn.artifacts.errors import InputError, UsageError, notice
from rrdyn.artifacts.files import make_folder, write_text
from rrdyn.artifacts.lock import locked
from rrdyn.artifacts.npz import unfinished
from rrdyn.artifacts.places import is_file
from rrdyn.artifacts.reading import read_text
from rrdyn.measurement import parts as part_files
from rrdyn.measurement.campaign import Request, Result, columns_of, opened, output_files, place
from rrdyn.measurement.perturbation import Calibration, Perturbation, PerturbationConfig
from rrdyn.measurement.subject import Subject
from rrdyn.runtime.progress import say

PERCENTILE = 95.0
SMALLEST, LARGEST = 1e-6, 1e2
"""Scales between which sigma* is looked for."""
KEPT = "calibration_"
"""How the name of what one process found for all begins."""
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

    Found once for all processes that share the work out, so that they sweep the same scales: two cards that differ in
    a last digit would wait for each other's parts for ever.
    """
    config = perturbation(request)
    shard, device = place(request)
    subject = opened(request, request.checkpoints[0], device)

    def find() -> Calibration:
        return calibrate(subject, config, budget, puzzles=puzzles, batch=request.batch)

    if shard.world > 1:
        asked = {**config.model_dump(), "budget": budget, "calibrate_n": puzzles, "revision": Perturbation.revision}
        fingerprint = subject.fingerprint(np.arange(len(subject.split)), asked)
        found = _once(_folder(request), f"{KEPT}{part_files.key_of(fingerprint)[:16]}.json", find)
    else:
        found = find()
    update: dict[str, object] = {"calibration": found}
    if found.sigma_star is None:
        say(f"{found.told}; sweeping --sigmas instead")
    else:
        update |= {"sigmas": tuple(alpha * found.sigma_star for alpha in alphas), "alphas": alphas}
    return replace(request, config=config.model_copy(update=update))


def _folder(request: Request) -> Path:
    return unfinished(output_files(request.checkpoints, request.out, request.measurement)[0])


def _once(folder: Path, name: str, find: Callable[[], Calibration]) -> Calibration:
    """What another process has found and left there, or what this one finds and leaves."""
    with locked(make_folder(folder)):
        with suppress(InputError, ValueError):
            if is_file(folder / name):
                return _kept(folder / name)
        found = find()
        text = json.dumps(found.model_dump())  # where chaos takes over the KL is Infinity, which strict JSON lacks
        write_text(folder / name, text, begins=b"{")
        return found


def _kept(path: Path) -> Calibration:
    """What was left in a file. Raises InputError or ValueError where it cannot be read."""
    return Calibration.model_validate(json.loads(read_text(path)))


def forget(request: Request) -> None:
    """Remove what `calibrated` left for other processes, once the whole is measured."""
    folder, mine = _folder(request), perturbation(request).calibration
    for path in folder.glob(f"{KEPT}*.json"):
        with suppress(InputError, ValueError, OSError):
            if _kept(path) == mine:
                path.unlink()
    with suppress(OSError):  # others are in it
        folder.rmdir()


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
