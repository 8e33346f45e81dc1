"""`rrdyn toy`"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from pydantic import Field

from rrdyn.artifacts.pasting import quoted
from rrdyn.cli.command import Outcome
from rrdyn.cli.options import Seed, TableOptions

LARGEST = 1 << 28
"""Exponents in one file, 2 GB of them."""
LONGEST = 1 << 37
"""Steps of all trajectories together, about an hour of them."""


class Args(TableOptions):
    """The transient-chaos toy: why failures look more chaotic at a fixed readout time.

    1. rrdyn toy
    2. rrdyn toy --T 4 16 64 --n 100000 --seeds 0 1 2
    """

    T: tuple[Annotated[int, Field(ge=1, le=10**6)], ...] = (4, 8, 16, 32, 64, 128, 256)
    """Readout times, in steps."""
    n: Annotated[int, Field(ge=1, le=10**8)] = 20_000
    """Trajectories per seed."""
    seeds: tuple[Seed, ...] = (0, 1, 2, 3, 4)
    """Seeds."""
    eps: Annotated[float, Field(gt=0, lt=1)] = 0.04
    """Distance from the solution at which a trajectory is captured."""
    out: Path = Path("toy.npz")
    """File to write."""


def run(args: Args) -> Outcome:
    import numpy as np
    from tabulate import tabulate

    from rrdyn.analysis.overview import ToyOverview, of_toy
    from rrdyn.artifacts.errors import UsageError
    from rrdyn.artifacts.files import output_file
    from rrdyn.artifacts.npz import BEGINS, write_npz
    from rrdyn.artifacts.provenance import provenance
    from rrdyn.artifacts.schemas import TOY
    from rrdyn.dynamics.toy import run_toy

    if not args.T or not args.seeds:
        raise UsageError("nothing to run", found=f"T {args.T}, seeds {args.seeds}", expected="at least one of each")
    trajectories = len(args.seeds) * args.n
    if len(args.T) * trajectories > LARGEST or max(args.T) * trajectories > LONGEST:
        raise UsageError(
            "that is too much for one file", found=f"{trajectories} trajectories read {len(args.T)} times up to step "
            f"{max(args.T)}", expected=f"at most {LARGEST} exponents from {LONGEST} steps", run="fewer --seeds or --n",
        )  # fmt: skip
    output_file(args.out, begins=BEGINS)
    readings = [run_toy(args.T, args.n, seed, args.eps) for seed in args.seeds]
    ftle = np.stack([reading.ftle for reading in readings], axis=1)
    success = np.stack([reading.success for reading in readings], axis=1)
    settings = {"T": args.T, "n": args.n, "seeds": args.seeds, "eps": args.eps}
    arrays = {"T": np.array(args.T), "seeds": np.array(args.seeds), "ftle": ftle, "success": success}
    write_npz(args.out, TOY, arrays, provenance(seed=args.seeds[0], config=settings, settings=settings))
    rows = of_toy(args.T, ftle, success)
    heads = {"T": "T", "success": "success", "auc": "AUC", "ftle_success": "ftle success",
             "ftle_failure": "ftle failure", "failures": "failures"}  # fmt: skip
    shown = [{heads[key]: value for key, value in row} for row in rows]
    table = tabulate(shown, headers="keys", floatfmt=".3f", missingval="-")
    return Outcome(
        data=ToyOverview(rows=rows, n=args.n, seeds=list(args.seeds)),
        text=args.told(f"{table}\n\n{args.n} trajectories x {len(args.seeds)} seeds; exponents in nats per step"),
        wrote=[args.out],
        next=[f"rrdyn plot toy {quoted(args.out)}"],
    )
