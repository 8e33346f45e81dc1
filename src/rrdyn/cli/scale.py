"""`rrdyn scale`"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from pydantic import Field

from rrdyn.artifacts.pasting import quoted
from rrdyn.cli.command import Outcome, Positional
from rrdyn.cli.names import check_methods
from rrdyn.cli.options import Count, MeasurementOptions, Seed


class Args(MeasurementOptions):
    """Inference compute on one axis: longer, restarts, noise, damping, particles, views, ensembles; same puzzles.

    Stopped anywhere, the same command continues. Files that are there already for the same settings are kept.

    1. rrdyn scale ckpt.pt
    2. rrdyn scale ckpt.pt --budget 64 --depth 64 --methods longer restarts path-noise
    3. rrdyn scale ckpt.pt --methods longer path-noise=0.1 path-noise=0.3 path-noise=1
    4. rrdyn scale runs/s0 --methods longer ensemble --members runs/s1 runs/s2
    """

    ckpts: Positional[tuple[Path, ...]]
    """Checkpoints: files or folders of any public layout."""
    n: Count = 128
    """Puzzles, drawn from the split without replacement; all where it has fewer."""
    budget: Annotated[int, Field(ge=1, le=1 << 16)] = 16
    """Largest compute of a method, in units of the model's own: a power of two."""
    depth: Annotated[int, Field(ge=1, le=1 << 16)] = 1
    """Longest run of one of several particles, in units of the model's own: above 1 also depth x breadth."""
    methods: tuple[str, ...] = ()
    """Methods, each as NAME or NAME=VALUE with its strength; default all that this checkpoint and task allow."""
    where: str = "both"
    """Part of the state that noise goes into: z_H, z_L or both."""
    resample_every: Annotated[int, Field(ge=1)] = 1
    """smc: segments between two looks at the weights."""
    resample_below: Annotated[float, Field(ge=0, le=1)] = 0.5
    """smc: resampled where the effective sample size is less than this share of the particles."""
    sharpness: Annotated[float, Field(ge=0)] = 1.0
    """smc: power of sigmoid(q_halt) that weighs a particle."""
    members: tuple[Path, ...] = ()
    """ensemble: further checkpoints of the same task."""
    exponents: bool = False
    """Also follow a tangent of every particle, for the reader lambda_1: twice the evaluations."""
    seed: Seed = 0
    """Names the choice of puzzles, and every draw."""
    out: Path | None = None
    """File to write; with several checkpoints a folder. Default RUN/eval/ for a checkpoint of a run, else beside it."""

    def check_names(self) -> None:
        check_methods(self.methods)
        super().check_names()


def run(args: Args) -> Outcome:
    from rrdyn.cli.results import UNFINISHED, MeasuredRow, MeasureResult
    from rrdyn.measurement import campaign

    done = campaign.run(args.request("scale", args.ckpts, args.out))
    if not done:
        return Outcome(text="this share is done; others are still at work", data=UNFINISHED)

    def line(result: campaign.Result) -> str:
        return (f"{result.path}: {len(result.arrays['idx'])} puzzles, {', '.join(result.meta['methods'])}, up to "
                f"{args.budget} times the model's own compute")  # fmt: skip

    return Outcome(
        data=MeasureResult(results=[MeasuredRow(path=str(one.path), n=len(one.arrays["idx"]),
                                                methods=list(one.meta["methods"])) for one in done]),
        text="\n".join(map(line, done)),
        wrote=[result.path for result in done if result.fresh],
        kept=[result.path for result in done if not result.fresh],
        next=[f"rrdyn analyze-scale {quoted(*(result.path for result in done))}"],
    )  # fmt: skip
