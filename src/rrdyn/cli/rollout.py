"""`rrdyn rollout`"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field

from rrdyn.artifacts.pasting import quoted
from rrdyn.artifacts.record import Settings
from rrdyn.cli.command import Outcome, Positional
from rrdyn.cli.options import Count, MeasurementOptions, Seed


class Args(MeasurementOptions):
    """The recurrence far past its budget: exactness and drift after every segment.

    Stopped anywhere, the same command continues.

    1. rrdyn rollout ckpt.pt
    2. rrdyn rollout ckpt.pt --segments 1000 --keep-state --out long.npz
    3. rrdyn rollout ckpt.pt --segments 4000 --extend long.npz --out longer.npz
    """

    ckpt: Positional[Path]
    """A checkpoint: a file or folder of any public layout."""
    segments: Annotated[int, Field(ge=1, le=10**7)] = 128
    """Segments rolled out, those of --extend included."""
    n: Count | None = None
    """Puzzles, drawn from the split without replacement; default 256, with --extend those of its file."""
    split: Literal["test", "val", "train"] | None = None  # type: ignore[assignment]
    """Which split of the dataset; default test, with --extend that of its file."""
    out: Path | None = None
    """File to write; default RUN/eval/ for a checkpoint of a run, else rollout.npz beside it."""
    stop_after: Annotated[int, Field(ge=0, le=10**7)] = 0
    """Stop a puzzle once it was right this many segments in a row (its drift is NaN from then on); 0: never."""
    keep_state: bool = False
    """Write the last states too, so that the rollout can be extended."""
    periods: Annotated[int, Field(ge=0, le=4096)] = 16
    """Return distances after 1 to so many segments; 0: none. An extension has those of what it extends."""
    extend: Path | None = None
    """A rollout.npz that kept its state: go on from there."""
    seed: Seed | None = None
    """Names the choice of puzzles; default 0, with --extend that of its file."""
    tf32: bool = False
    """On a GPU products of float32 in TF32, faster and coarser; recorded."""


def run(args: Args) -> Outcome:
    from rrdyn.analysis.overview import of_rollout
    from rrdyn.cli.results import UNFINISHED
    from rrdyn.measurement import campaign

    which = puzzles(args)
    asked = args.model_copy(update={"split": which["split"]})
    done = campaign.run(asked.request("rollout", (args.ckpt,), args.out, n=which["n"], seed=which["seed"]))
    if not done:
        return Outcome(text="this share is done; others are still at work", data=UNFINISHED)
    result = done[0]
    data = of_rollout(result.arrays, result.budget)
    budget, T = data.budget, data.segments
    text = f"{data.n} puzzles: {_percent(data.accuracy_at_budget)} right at segment {budget}, "
    text += f"{_percent(data.accuracy_at_end)} at {T}"
    if data.failures_at_budget:
        text += (
            f"\nof {data.failures_at_budget} failures at {budget}: {_percent(data.ever_right_of_failures)} right "
            f"at some later segment, {_percent(data.right_at_end_of_failures)} at {T}"
        )
    if data.unlabelled:
        text += f"\n{data.unlabelled} puzzles have no label: counted in none of these"
    files = [result.path, *result.also]
    wrote, kept = (files, []) if result.fresh else ([], files)
    return Outcome(data=data, text=text, wrote=wrote, kept=kept, next=[f"rrdyn survival {quoted(result.path)}"])


def _percent(share: float | None) -> str:
    return "-" if share is None else f"{share:.1%}"


def puzzles(args: Args) -> Settings:
    """Which puzzles: as given, else as usual; those of the rollout that is extended, and no others."""
    given = {key: getattr(args, key) for key in ("n", "split", "seed") if getattr(args, key) is not None}
    if args.extend is None:
        return {"n": 256, "split": "test", "seed": 0, **given}
    from rrdyn.artifacts.errors import UsageError
    from rrdyn.artifacts.npz import read_npz
    from rrdyn.artifacts.schemas import ROLLOUT

    before = read_npz(args.extend, ROLLOUT)
    known = {
        "n": len(before["idx"]), "split": before.meta.get("dataset", {}).get("split", "test"),
        "seed": before.meta.get("seed", 0),
    }  # fmt: skip
    for key, value in given.items():
        if value != known[key]:
            raise UsageError(
                f"--{key} is not that of the rollout to extend", found=value,
                expected=f"{known[key]}, as in {args.extend}", run=f"leave --{key} away, or start a new rollout",
            )  # fmt: skip
    return known
