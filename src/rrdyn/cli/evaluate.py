"""`rrdyn evaluate`"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from pydantic import Field

from rrdyn.artifacts.pasting import quoted
from rrdyn.cli.command import Outcome, Positional
from rrdyn.cli.options import ProcessOptions, Seed, Segments, TableOptions


class Args(TableOptions, ProcessOptions):
    """Accuracy after each segment at the fixed budget, and with real halting: steps used, accuracy kept.

    1. rrdyn evaluate runs/demo/pretrain
    2. rrdyn evaluate ckpt.pt --data data/sudoku --n 4096 --out eval.json
    3. rrdyn evaluate hrm.pt --operations-of trm.pt
    4. rrdyn evaluate hub://blackhao0426/recursive-reasoning-chaos/trm_sudoku --halt
    """

    ckpt: Positional[Path]
    """A checkpoint: a file, a folder, a run, or hub://owner/repo/folder."""
    n: Annotated[int, Field(ge=0, le=10**9)] = 1024
    """Puzzles, drawn without replacement; 0 for all."""
    segments: Segments | None = None
    """The budget in segments; default the model's own."""
    operations_of: Path | None = None
    """As many segments as take the operations of this checkpoint's budget, or of its --segments."""
    halt: bool = False
    """Run with halting only: puzzles that halt are not computed further."""
    seed: Seed = 0
    """Names the choice of puzzles."""
    out: Path | None = None
    """Also write the result as JSON."""


def run(args: Args) -> Outcome:
    from rrdyn.artifacts.errors import notice
    from rrdyn.artifacts.files import write_json
    from rrdyn.measurement.evaluation import evaluate_request, summary, table

    subject, result = evaluate_request(args.request("evaluation", (args.ckpt,), None))
    if result.unlabelled:
        notice(f"{result.unlabelled} puzzles have no answer to compare with: left out")
    record = summary(result)
    wrote = []
    if args.out:
        meta = subject.meta(seed=args.seed, settings=result.settings.model_dump(), dtype=args.dtype)
        wrote = [
            write_json(args.out, {"schema": "evaluation", "schema_version": 1, **record.model_dump(), "meta": meta})
        ]
    return Outcome(
        data=record, text=args.told(table(record)), wrote=wrote, next=[f"rrdyn diagnose {quoted(args.ckpt)}"]
    )
