"""`rrdyn aggregate`"""

from __future__ import annotations

from pathlib import Path

from rrdyn.cli.command import Outcome, Positional
from rrdyn.cli.options import PageOptions


class Args(PageOptions):
    """Runs over seeds: accuracy, exponents, AUC, escape rate and sigma* of each arm, and each arm minus its baseline.

    1. rrdyn aggregate runs/
    2. rrdyn aggregate cells/ --out tables
    """

    root: Positional[Path]
    """A folder of run folders, of calibrated three-file cells, or both."""
    out: Path | None = None
    """Folder to write to; default: aggregate, inside the folder read."""


def run(args: Args) -> Outcome:
    from rrdyn.analysis import aggregate
    from rrdyn.cli.results import AggregateResult

    found = aggregate.aggregate(args.root)
    wrote = args.tables(aggregate.write(found, args.out or args.root / "aggregate"))
    parts = [aggregate.markdown(found)] if len(found.runs) else []
    if len(found.cells):
        parts.append(aggregate.cells_markdown(found.cells))
    return Outcome(
        data=AggregateResult.model_validate(aggregate.as_record(found)), text="\n\n".join(parts), wrote=wrote
    )
