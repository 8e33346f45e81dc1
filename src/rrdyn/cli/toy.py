"""`rrdyn toy`"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from pydantic import Field

from rrdyn.cli.command import Arguments, Outcome
from rrdyn.cli.options import Seed


class Args(Arguments):
    """The transient-chaos toy: why failures look more chaotic at a fixed readout time.

    1. rrdyn toy
    2. rrdyn toy --T 4 16 64 --n 100000 --seeds 0 1 2
    """

    T: tuple[Annotated[int, Field(ge=1, le=1 << 20)], ...] = (4, 8, 16, 32, 64, 128, 256)
    """Readout times, in steps."""
    n: Annotated[int, Field(ge=1, le=1 << 28)] = 20_000
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

    from rrdyn.artifacts.errors import UsageError
    from rrdyn.artifacts.npz import write_npz
    from rrdyn.artifacts.provenance import provenance
    from rrdyn.artifacts.schemas import TOY
    from rrdyn.dynamics.toy import run_toy, separation

    if not args.T or not args.seeds:
        raise UsageError("nothing to run", found=f"T {args.T}, seeds {args.seeds}", expected="at least one of each")
    readings = [run_toy(args.T, args.n, seed, args.eps) for seed in args.seeds]
    ftle = np.stack([reading.ftle for reading in readings], axis=1)
    success = np.stack([reading.success for reading in readings], axis=1)
    settings = {"T": args.T, "n": args.n, "seeds": args.seeds, "eps": args.eps}
    arrays = {"T": np.array(args.T), "seeds": np.array(args.seeds), "ftle": ftle, "success": success}
    write_npz(args.out, TOY, arrays, provenance(seed=args.seeds[0], config=settings, settings=settings))
    rows = []
    for r, time in enumerate(args.T):
        aucs = [separation(ftle[r, z], success[r, z]) for z in range(len(args.seeds))]
        known = [auc for auc in aucs if auc == auc]
        won, lost = ftle[r][success[r]], ftle[r][~success[r]]
        rows.append(
            {
                "T": time,
                "success": float(success[r].mean()),
                "auc": float(np.mean(known)) if known else None,
                "ftle_success": float(np.median(won)) if len(won) else None,
                "ftle_failure": float(np.median(lost)) if len(lost) else None,
                "failures": len(lost),
            }
        )
    heads = {"T": "T", "success": "success", "auc": "AUC", "ftle_success": "ftle success",
             "ftle_failure": "ftle failure", "failures": "failures"}  # fmt: skip
    table = tabulate([{heads[k]: v for k, v in row.items()} for row in rows], headers="keys", floatfmt=".3f",
                     missingval="-")  # fmt: skip
    return Outcome(
        data={"rows": rows, "n": args.n, "seeds": list(args.seeds)},
        text=f"{table}\n{args.n} trajectories x {len(args.seeds)} seeds; exponents in nats per step",
        wrote=[args.out],
        next=[f"rrdyn plot toy {args.out}"],
    )
