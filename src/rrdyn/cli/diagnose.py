"""`rrdyn diagnose`"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import Field, field_validator

from rrdyn.artifacts.pasting import quoted
from rrdyn.cli.command import Outcome, Positional
from rrdyn.cli.options import Count, Index, MeasurementOptions, Seed, Segments

if TYPE_CHECKING:
    from rrdyn.analysis.overview import DiagnosisOverview, Medians
    from rrdyn.measurement.campaign import Result


class Args(MeasurementOptions):
    """Drift, Lyapunov exponents, halting and correctness of each puzzle, for one checkpoint or many.

    Stopped anywhere, the same command continues. Files that are there already for the same settings are kept.

    1. rrdyn diagnose ckpt.pt
    2. rrdyn diagnose runs/maze-trm-multi4/20260101-s0/checkpoints/step_* --n 1024
    3. rrdyn diagnose ckpt.pt --devices 2 --k 16 --qr-every auto
    4. rrdyn diagnose ckpt.pt --shard 3/8 --out shared/diag.npz
    5. rrdyn diagnose ckpt.pt --n 1000000 --submit 16 --job gpus_per_node=1 --out shared/diag.npz
    """

    ckpts: Positional[tuple[Path, ...]]
    """Checkpoints: files or folders of any public layout."""
    n: Count = 512
    """Puzzles, drawn from the split without replacement; all where it has fewer."""
    k: Annotated[int, Field(ge=1, le=4096)] = 8
    """Leading exponents."""
    segments: Segments | None = None
    """Segments followed; default the model's own budget."""
    out: Path | None = None
    """File to write; with several checkpoints a folder. Default RUN/diag/ for a checkpoint of a run, else beside it."""
    seed: Seed = 0
    """Names the choice of puzzles and the first tangents."""
    qr_every: Literal["substep", "cycle", "segment", "auto"] = "substep"
    """When tangents are orthonormalised; auto: as rarely as their growth allows."""
    align: Annotated[int, Field(ge=0, le=10**6)] = 0
    """First segments left out of the averages while the tangents align."""
    estimator: Literal["tangents", "growth"] = "tangents"
    """tangents: exact derivatives; growth: one nearby trajectory, cheap, the leading exponent only."""
    tangent_dtype: Literal["auto", "float32", "float64"] = "auto"
    """What the tangents are carried in; auto: as the model, float32 for a bfloat16 one."""
    periods: Annotated[int, Field(ge=0, le=4096)] = 16
    """Return distances after 1 to so many segments; 0: none."""
    save_states: tuple[Index, ...] = ()
    """Indices of puzzles whose full states go into states.npz beside the output."""
    strict: bool = False
    """Exit with 4 where a puzzle's state or exponents are not finite."""
    tf32: bool = False
    """On a GPU products of float32 in TF32, faster and coarser; with --estimator growth only. Recorded."""

    @field_validator("save_states")
    @classmethod
    def _once_each(cls, indices: tuple[int, ...]) -> tuple[int, ...]:
        return tuple(dict.fromkeys(indices))


def run(args: Args) -> Outcome:
    from rrdyn.analysis.overview import DiagnosesOverview, DiagnosisRow, of_diagnosis
    from rrdyn.cli.results import UNFINISHED
    from rrdyn.measurement import campaign
    from rrdyn.measurement.diagnosis import diverged

    done = campaign.run(args.request("diag", args.ckpts, args.out))
    if not done:
        return Outcome(text="this share is done; others are still at work", data=UNFINISHED)
    facts = [of_diagnosis(result.arrays) for result in done]
    lost = [[int(index) for index in diverged(result.arrays)] for result in done]
    wrote = [path for result in done for path in ([result.path] if result.fresh else []) + list(result.also)]
    files = quoted(*(result.path for result in done))
    further = [f"rrdyn analyze-2x2 {files}", f"rrdyn plot trajectories {quoted(done[0].path)}"]
    if len(done) > 1:
        further.append(f"rrdyn evolution {files}")
    return Outcome(
        data=DiagnosesOverview(
            results=[
                DiagnosisRow.extending(known, path=str(result.path), diverged=gone, fresh=result.fresh)
                for result, known, gone in zip(done, facts, lost)
            ]
        ),
        text="\n\n".join(told(*each) for each in zip(done, facts, lost)),
        wrote=wrote,
        kept=[result.path for result in done if not result.fresh],
        next=further,
        exit_code=4 if args.strict and any(lost) else 0,
    )


def _sides(medians: Medians) -> str:
    return ", ".join(f"{side} {'-' if value is None else format(value, '.4g')}" for side, value in medians)


def _certified(result: Result) -> str:
    """How far the exponents lie below what is proved of them."""
    import numpy as np

    bound, found = float(result.meta["contraction"]["exponent"]), result.arrays["lambda_certified"]
    largest, middle = float(np.max(found)), float(np.median(found))
    holds = f"{bound - middle:.4f} below it (median)" if largest <= bound else "ABOVE it: the certificate does not hold"
    return f"lambda_1 <= {bound:+.4f} is proved; in that norm it is {middle:+.4f}, at most {largest:+.4f}: {holds}"


def told(result: Result, facts: DiagnosisOverview, lost: list[int]) -> str:
    """What a person asks first of a diagnosis; `lost` are the puzzles that diverged."""
    right = "none with a label" if facts.accuracy is None else f"{facts.accuracy:.1%} right"
    lines = [
        f"{result.path}" + ("" if result.fresh else "  (there already)"),
        f"  puzzles     {facts.n}, {right} at segment {result.arrays['preds'].shape[1]}",
        f"  lambda_1    median {_sides(facts.lambda_1)}  nats per sub-update",
        f"  late drift  median {_sides(facts.late_drift)}",
    ]
    if "lambda_certified" in result.arrays:
        lines.append(f"  certified   {_certified(result)}")
    if facts.unlabelled:
        lines.append(f"  unlabelled  {facts.unlabelled} puzzles, counted in none of these")
    if lost:
        lines.append(f"  diverged    {len(lost)} puzzles: {', '.join(map(str, lost[:10]))}")
    return "\n".join(lines)
