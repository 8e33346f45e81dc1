"""`rrdyn evaluate`"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field

from rrdyn.cli.command import Arguments, Outcome, Positional
from rrdyn.cli.options import Batch, Processes, Seed, Segments


class Args(Arguments):
    """Accuracy after each segment at the fixed budget, and with real halting: steps used, accuracy kept.

    1. rrdyn evaluate runs/demo/pretrain
    2. rrdyn evaluate ckpt.pt --data data/sudoku --n 4096 --out eval.json
    3. rrdyn evaluate hub://blackhao0426/recursive-reasoning-chaos/trm_sudoku --halt
    """

    ckpt: Positional[str]
    """A checkpoint: a file, a folder, a run, or hub://owner/repo/folder."""
    data: Path | None = None
    """The dataset; default the one the checkpoint names."""
    split: Literal["test", "val", "train"] = "test"
    """Which split."""
    n: Annotated[int, Field(ge=0, le=10**9)] = 1024
    """Puzzles, drawn without replacement; 0 for all."""
    segments: Segments | None = None
    """The budget in segments; default the model's own."""
    halt: bool = False
    """Run with halting only: puzzles that halt are not computed further."""
    batch: Batch | None = None
    """Puzzles at a time on each device or thread."""
    seed: Seed = 0
    """Names the choice of puzzles."""
    device: str = "auto"
    """auto, cpu, cuda or cuda:N."""
    devices: Processes = 1
    """How many GPUs share the work."""
    dtype: Literal["float32", "bfloat16", "float64"] = "float32"
    """What the model computes in."""
    out: Path | None = None
    """Also write the result as JSON."""


def run(args: Args) -> Outcome:
    from rrdyn.artifacts.errors import UsageError
    from rrdyn.artifacts.files import write_json
    from rrdyn.measurement.evaluation import EvaluationConfig, evaluate, summary, table
    from rrdyn.measurement.subject import open_subject
    from rrdyn.runtime import devices

    device, dtype = devices.resolve(args.device), devices.resolve_dtype(args.dtype)
    shared = []
    if args.devices > 1:
        if args.devices > devices.visible_gpus():
            raise UsageError(
                "--devices is out of range", found=args.devices, expected=f"{devices.visible_gpus()} GPUs here"
            )
        shared = [devices.resolve(f"cuda:{number}") for number in range(args.devices)]
    subject = open_subject(args.ckpt, data=args.data, split=args.split, dtype=dtype, device=device)
    config = EvaluationConfig(
        n=args.n or None, segments=args.segments, halt=args.halt, seed=args.seed, batch=args.batch
    )
    record = summary(evaluate(subject, config, devices=shared), config)
    meta = subject.meta(seed=args.seed, settings=config.model_dump(), dtype=args.dtype)
    wrote = (
        [write_json(args.out, {"schema": "evaluation", "schema_version": 1, **record, "meta": meta})]
        if args.out
        else []
    )
    return Outcome(data=record, text=table(record), wrote=wrote, next=[f"rrdyn diagnose {args.ckpt}"])
