"""`rrdyn vote`"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field

from rrdyn.artifacts.pasting import quoted
from rrdyn.cli.command import Outcome, Positional
from rrdyn.cli.options import MeasurementOptions, Seed, Segments, TableOptions


class Args(TableOptions, MeasurementOptions):
    """Copies of each ARC task vote on its answer: pass@1, pass@2 and pass@k, counted as the published evaluator does.

    Stopped anywhere, the same command continues. A file that is there already for the same settings is kept.

    1. rrdyn vote ckpt.pt
    2. rrdyn vote runs/arc --data data/arc-agi-1 --n 20 --copies 100
    3. rrdyn vote runs/arc --identifiers blank
    4. rrdyn vote runs/arc --submission submission.json
    5. rrdyn vote runs/arc --beside diag.npz fate.npz
    """

    ckpt: Positional[Path]
    """A checkpoint: a file, a folder, a run, or hub://owner/repo/folder."""
    n: Annotated[int, Field(ge=0, le=10**9)] = 0
    """Tasks, drawn without replacement; 0 for all."""
    copies: Annotated[int, Field(ge=0, le=10**6)] = 0
    """Copies of each task that vote, the original first; 0 for all."""
    identifiers: Literal["own", "blank", "trained", "held-out"] = "own"
    """own: every copy under its identifier; blank: all under the blank one, of which nothing was learnt; trained,
    held-out: only copies whose identifier was trained, or only the others."""
    segments: Segments | None = None
    """The budget in segments; default the model's own."""
    seed: Seed = 0
    """Names the choice of tasks."""
    beside: tuple[Path, ...] = ()
    """diag.npz or fate.npz of the same copies: the votes are read by residual, lambda_1 and fate too."""
    out: Path | None = None
    """File to write, votes.npz. Default RUN/eval/ for a checkpoint of a run, else beside it."""
    submission: Path | None = None
    """Also write the first two answers to every question as JSON, in the form of the ARC prize."""


def run(args: Args) -> Outcome:
    from rrdyn.analysis.vote_readers import vote_scores
    from rrdyn.analysis.votes import TallyFile, tally, told
    from rrdyn.artifacts.files import output_file, write_json
    from rrdyn.cli.results import UNFINISHED
    from rrdyn.data.folder import open_split
    from rrdyn.measurement import campaign
    from rrdyn.measurement.voting import submission

    if args.submission:
        output_file(args.submission, begins=b"{")  # before anything is measured
    done = campaign.run(args.request("votes", (args.ckpt,), args.out))
    if not done:
        return Outcome(text="this share is done; others are still at work", data=UNFINISHED)
    (result,) = done
    found = tally(result.arrays, vote_scores(result.arrays["idx"], result.meta, args.beside))
    wrote = [result.path] if result.fresh else []
    if args.submission:
        dataset = result.meta["dataset"]
        puzzle = open_split(dataset["path"], dataset["split"]).puzzle
        wrote.append(write_json(args.submission, submission(result.arrays, result.meta["task_names"], puzzle)))
    return Outcome(
        data=TallyFile.extending(found, path=str(result.path)),
        text=args.told(told(found)),
        wrote=wrote,
        kept=[] if result.fresh else [result.path],
        next=[f"rrdyn fate {quoted(args.ckpt)}"],
    )
