"""`rrdyn solve`"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from rrdyn.cli.command import Arguments, Outcome, Positional
from rrdyn.cli.names import check_checkpoints
from rrdyn.cli.options import Index, Segments
from rrdyn.runtime import devices

if TYPE_CHECKING:
    from rrdyn.data.ballot import Ballot
    from rrdyn.data.puzzle import Puzzle
    from rrdyn.models import Model


class Args(Arguments):
    """One puzzle, the model's answer segment by segment, the halt logit, and whether it is right.

    1. rrdyn solve ckpt.pt --puzzle "53..7....6..195....98....6.8...6...34..8.3..17...2...6.6....28....419..5....8..79"
    2. rrdyn solve maze.pt --puzzle maze.txt
    3. rrdyn solve runs/demo/pretrain --idx 17 --segments 64
    4. rrdyn solve arc.pt --puzzle ARC-AGI/data/evaluation/00576224.json
    """

    ckpt: Positional[str]
    """A checkpoint: a file, a folder, a run, or hub://owner/repo/folder."""
    puzzle: str | None = None
    """The puzzle, or a text file with it. Sudoku: digits row by row, "." for blank. Maze: "#" wall, " " free, S, G.
    ARC: the JSON of a task, whose copies vote."""
    idx: Index | None = None
    """Or a puzzle of the dataset, by its number."""
    data: Path | None = None
    """The dataset; default the one the checkpoint names."""
    split: Literal["test", "val", "train"] = "test"
    """Which split --idx counts in."""
    weights: str | None = None
    """Of a file with several weights: raw, ema, or a key that rrdyn inspect tells; default the average, if any."""
    segments: Segments | None = None
    """Segments to run; default the model's budget."""
    device: str = "auto"
    """auto, cpu, cuda or cuda:N."""
    dtype: Literal["float32", "bfloat16", "float64"] = "float32"
    """What the model computes in."""

    def check_names(self) -> None:
        check_checkpoints([self.ckpt], self.data)
        devices.require_taken(self.device)


def run(args: Args) -> Outcome:
    import sys

    from rrdyn.artifacts.errors import UsageError
    from rrdyn.cli.results import SolveResult
    from rrdyn.measurement.solving import attempt, chosen, identifiers_of, puzzle_of, read_puzzle, series
    from rrdyn.measurement.solving_text import page, verdict
    from rrdyn.models import load
    from rrdyn.runtime import output, progress

    if (args.puzzle is None) == (args.idx is None):
        raise UsageError(
            "which puzzle?", expected="--puzzle TEXT (or a file), or --idx N of the dataset; one of the two"
        )
    device, dtype = devices.resolve(args.device), devices.resolve_dtype(args.dtype)
    model = load(args.ckpt, dataset=args.data, dtype=dtype, device=device, weights=args.weights)
    label, identifier = None, 0
    if args.puzzle is not None:
        text = read_puzzle(args.puzzle)
        kind = puzzle_of(model, args.data, text)
        name = Path(args.puzzle).stem if text is not args.puzzle else ""
        if ballots := kind.ballots(text, name, identifiers_of(model, args.data)):
            return _task(name, model, kind, ballots, args.segments)
        question = kind.read_text(text)
    else:
        assert args.idx is not None
        kind, question, label, identifier = chosen(model, args.data, args.split, args.idx)
    segments = args.segments or model.config.halt_max_steps
    tried = attempt(model, kind, question, segments=segments, puzzle_id=identifier, label=label)
    data = SolveResult(
        kind=kind.name,
        question=kind.decode(question),
        solutions=tried.solutions,
        halts_at=tried.halts_at,
        right=None if tried.right is None else bool(tried.right[-1]),
        verdict=verdict(tried),
        segments=series(tried),
    )
    return Outcome(data=data, text=page(tried, colour=progress.colour_wanted(sys.stdout), width=output.width()))


def _task(name: str, model: Model, kind: Puzzle, ballots: Sequence[Ballot], segments: int | None) -> Outcome:
    """The two answers with the most votes to each question of a task."""
    from rrdyn.cli.results import AttemptsRow, SolvedTask
    from rrdyn.measurement.solving_task import answered, page

    asked = [answered(model, kind, ballot, segments=segments or model.config.halt_max_steps) for ballot in ballots]
    rows = [
        AttemptsRow(attempts=[kind.plain(answer) for answer in one.answers], votes=one.votes, confidence=one.confidence,
                    right=one.right, copies=one.copies)
        for one in asked
    ]  # fmt: skip
    return Outcome(data=SolvedTask(kind=kind.name, task=name, known=asked[0].known, questions=rows),
                   text=page(kind, asked))  # fmt: skip
