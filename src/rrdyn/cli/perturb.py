"""`rrdyn perturb`"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field

from rrdyn.cli.command import Outcome, Positional
from rrdyn.cli.options import Count, MeasurementOptions, Seed, Segments


class Args(MeasurementOptions):
    """Restarts from perturbed initial states, and how far the answers are from those of the clean trajectory.

    Stopped anywhere, the same command continues.

    1. rrdyn perturb ckpt.pt
    2. rrdyn perturb ckpt.pt --sigmas 0 0.03 0.1 0.3 --copies 16 --where z_L
    3. rrdyn perturb ckpt.pt --calibrate-kl 1.0 --cells cells
    """

    ckpt: Positional[Path]
    """A checkpoint: a file or folder of any public layout."""
    sigmas: tuple[Annotated[float, Field(ge=0)], ...] = (0.0, 0.1, 0.3, 1.0)
    """Noise scales, in units of the deviation of the initial z_H; 0 is the baseline to subtract. Noise is added in
    float32 at least, then rounded to what the model computes in."""
    absolute: bool = False
    """Sigmas are absolute instead."""
    where: Literal["both", "z_H", "z_L"] = "both"
    """Which latents are perturbed."""
    copies: Annotated[int, Field(ge=1, le=65536)] = 8
    """Restarts of each puzzle for each sigma."""
    segments: Segments = 48
    """Segments rolled out."""
    readout: Segments | None = None
    """The fixed readout segment; default the model's own budget."""
    n: Count = 96
    """Puzzles, drawn from the split without replacement."""
    calibrate_kl: Annotated[float, Field(gt=0)] | None = None
    """Find sigma* at which the 95th percentile of the per-segment KL is this many nats, then sweep multiples of it."""
    alphas: tuple[Annotated[float, Field(ge=0)], ...] = (0.0, 0.25, 0.5, 0.75, 1.0, 1.5, 2.0, 4.0)
    """Multiples of sigma* that are swept."""
    calibrate_n: Count = 32
    """Puzzles to calibrate on, others than those reported."""
    cells: Path | None = None
    """Folder for the three-file cell (calib.json, trajectory.json, pmass.json); needs --calibrate-kl."""
    exponent: bool = False
    """Also the leading exponent of every restart; doubles the cost."""
    out: Path | None = None
    """File to write; default RUN/eval/ for a checkpoint of a run, else perturb.npz beside it."""
    seed: Seed = 0
    """Names the choice of puzzles and the noise."""


def run(args: Args) -> Outcome:
    from rrdyn.artifacts.errors import UsageError

    if args.cells and args.calibrate_kl is None:
        raise UsageError("--cells needs a calibrated scale", run="add --calibrate-kl 1.0")
    from rrdyn.analysis.overview import failures, of_restarts
    from rrdyn.measurement.campaign import run_perturbation

    done = run_perturbation(args.model_dump())
    if done.result is None:
        return Outcome(text="this share is done; others are still at work", data={"complete": False})
    rows = of_restarts(done.result.arrays, done.readout)
    n, failed = failures(done.result.arrays)
    data: dict[str, Any] = {"rows": rows, "readout": done.readout, "n": n}
    text = told(rows, done.readout, n, failed)
    if done.calibration is not None:
        data["sigma_star"] = done.calibration.sigma_star
        data["calibration"] = {"floor": done.calibration.floor, "ceiling": done.calibration.ceiling}
        text = f"{done.calibration.told}\n{text}"
    wrote = [done.result.path] + ([done.cell] if done.cell else [])
    path = done.result.path
    return Outcome(
        data=data,
        text=text,
        wrote=wrote,
        next=[f"rrdyn select {path}", *([f"rrdyn plot perturbation {done.cell.parent}"] if done.cell else [])],
    )


def told(rows: list[dict[str, Any]], readout: int, n: int, failed: int) -> str:
    from tabulate import tabulate

    heads = {
        "sigma": "sigma",
        "accuracy_at_readout": f"right at {readout}",
        "freed_at_readout": f"failures right at {readout}",
        "freed_ever": "ever",
        "freed_best_of_K": "best of K, ever",
        "kl_p95": "KL p95 [nats]",
        "noise_norm": "|noise|",
    }
    body = tabulate(
        [{heads[k]: v for k, v in row.items()} for row in rows], headers="keys", floatfmt=".3g", missingval="-"
    )
    return (
        f"{body}\n{n} puzzles, {failed} of them wrong at segment {readout}. The row sigma = 0 had the longer "
        "budget too: subtract it. Best of K knows the answer."
    )
