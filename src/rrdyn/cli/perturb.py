"""`rrdyn perturb`"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import Field

from rrdyn.artifacts.pasting import quoted
from rrdyn.cli.command import Outcome, Positional
from rrdyn.cli.options import Count, MeasurementOptions, Seed, Segments, TableOptions

if TYPE_CHECKING:
    from rrdyn.analysis.overview import RestartsRow


class Args(TableOptions, MeasurementOptions):
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
    periods: Annotated[int, Field(ge=0, le=4096)] = 16
    """Return distances after 1 to so many segments; 0: none."""
    out: Path | None = None
    """File to write; default RUN/eval/ for a checkpoint of a run, else perturb.npz beside it."""
    seed: Seed = 0
    """Names the choice of puzzles and the noise."""
    tf32: bool = False
    """On a GPU products of float32 in TF32, faster and coarser; recorded."""


def run(args: Args) -> Outcome:
    from rrdyn.artifacts.errors import UsageError

    if args.cells and args.calibrate_kl is None:
        raise UsageError("--cells needs a calibrated scale", run="add --calibrate-kl 1.0")
    from rrdyn.analysis.overview import CalibrationRange, RestartsOverview, failures, of_restarts
    from rrdyn.cli.results import UNFINISHED
    from rrdyn.measurement import campaign
    from rrdyn.measurement.calibration import calibrated, forget, perturbation, write_cells

    request = args.request("perturb", (args.ckpt,), args.out, alphas=())
    if args.cells is not None and campaign.pieces(request) > 1:
        raise UsageError("--cells holds all puzzles, and --piece measures some of them", expected="either",
                         run="without --piece (--devices or --shard share the work out), or without --cells, "
                         "and rrdyn merge")  # fmt: skip
    if args.calibrate_kl is not None:
        request = calibrated(request, args.calibrate_kl, args.alphas, puzzles=args.calibrate_n)
    done = campaign.run(request)
    if not done:
        return Outcome(text="this share is done; others are still at work", data=UNFINISHED)
    if args.calibrate_kl is not None:
        forget(request)
    result = done[0]
    cell = write_cells(args.cells, request, result) if args.cells is not None else None
    readout = int(result.meta["readout"])
    rows = of_restarts(result.arrays, readout)
    n, failed = failures(result.arrays)
    data = RestartsOverview(rows=rows, readout=readout, n=n)
    text = told(rows, readout, n, failed)
    found = perturbation(request).calibration
    if found is not None:
        between = CalibrationRange(floor=found.floor, ceiling=found.ceiling)
        data = RestartsOverview.extending(data, sigma_star=found.sigma_star, calibration=between)
        text = f"{found.told}\n{text}"
    wrote = ([result.path] if result.fresh else []) + ([cell] if cell else [])
    return Outcome(
        data=data,
        text=args.told(text),
        wrote=wrote,
        kept=[] if result.fresh else [result.path],
        next=[
            f"rrdyn select {quoted(result.path)}",
            *([f"rrdyn plot perturbation {quoted(cell.parent)}"] if cell and found and found.sigma_star else []),
        ],
    )


def told(rows: list[RestartsRow], readout: int, n: int, failed: int) -> str:
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
    shown = [{heads[key]: value for key, value in row} for row in rows]
    body = tabulate(shown, headers="keys", floatfmt=".3g", missingval="-")
    return (
        f"{body}\n\n{n} puzzles, {failed} of them wrong at segment {readout}. The row sigma = 0 had the longer "
        "budget too: subtract it. Best of K knows the answer."
    )
