"""`rrdyn fate`"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from pydantic import Field

from rrdyn.artifacts.pasting import quoted
from rrdyn.cli.command import Outcome, Positional
from rrdyn.cli.options import Count, MeasurementOptions, Seed, TableOptions


class Args(TableOptions, MeasurementOptions):
    """What becomes of each puzzle: settled, cycling, winding, wandering, or out of time, beside right and wrong.

    Stopped anywhere, the same command continues. Files that are there already for the same settings are kept.

    1. rrdyn fate ckpt.pt
    2. rrdyn fate runs/demo/pretrain --n 128 --horizon 512
    3. rrdyn fate ckpt.pt --multipliers 0 --dtype float64
    4. rrdyn fate ckpt.pt --n 64 --restarts 8 --sigma 0.3
    """

    ckpts: Positional[tuple[Path, ...]]
    """Checkpoints: files or folders of any public layout."""
    n: Count = 512
    """Puzzles, drawn from the split without replacement; all where it has fewer."""
    horizon: Annotated[int, Field(ge=1, le=1 << 24)] = 256
    """Segments followed, at most; a trajectory whose fate is decided is followed no further."""
    operations_of: Path | None = None
    """As many segments as take the operations of --horizon segments of this checkpoint."""
    max_period: Annotated[int, Field(ge=1, le=4096)] = 32
    """Longest cycle looked for."""
    tolerance: Annotated[float, Field(ge=0)] = 0.0
    """Return distance that counts as 0; 0: from the noise floor of the arithmetic, puzzle by puzzle."""
    multipliers: Annotated[int, Field(ge=0, le=64)] = 6
    """Leading eigenvalues of one period, of each fixed point or cycle refined in float64; 0: none is refined."""
    restarts: Annotated[int, Field(ge=0, le=65536)] = 0
    """Perturbed restarts of each puzzle that are followed too: basin stability by fate."""
    sigma: Annotated[float, Field(gt=0)] = 0.3
    """Their noise, in units of the deviation of the initial z_H."""
    seed: Seed = 0
    """Names the choice of puzzles, the first tangents and the noise."""
    out: Path | None = None
    """File to write; with several checkpoints a folder. Default RUN/eval/ for a checkpoint of a run, else beside it."""


def run(args: Args) -> Outcome:
    from rrdyn.analysis.fates import FatesFile, FatesFiles, of_result, told
    from rrdyn.cli.results import UNFINISHED
    from rrdyn.measurement import campaign

    done = campaign.run(args.request("fate", args.ckpts, args.out))
    if not done:
        return Outcome(text="this share is done; others are still at work", data=UNFINISHED)
    tables = [of_result(result.arrays, result.meta) for result in done]
    return Outcome(
        data=FatesFiles(
            results=[
                FatesFile.extending(table.record(), path=str(result.path)) for result, table in zip(done, tables)
            ]
        ),
        text=args.told("\n\n".join(f"{result.path}\n{told(table)}" for result, table in zip(done, tables))),
        wrote=[result.path for result in done if result.fresh],
        kept=[result.path for result in done if not result.fresh],
        next=[f"rrdyn plot fates {quoted(done[0].path)}"],
    )  # fmt: skip
