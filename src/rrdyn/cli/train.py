"""`rrdyn train`"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import tyro
from pydantic import Field, JsonValue

from rrdyn.artifacts.pasting import quoted
from rrdyn.cli.command import Arguments, Outcome, Positional
from rrdyn.cli.names import check_training
from rrdyn.cli.options import Batch, Count, Processes, Seed
from rrdyn.runtime import devices


class Args(Arguments):
    """Train TRM, HRM or SRM, with or without trajectory augmentation; on every visible GPU, or small on a CPU.

    1. rrdyn train sudoku
    2. rrdyn train maze --aug multi4
    3. rrdyn train data/six --preset sudoku-small --aug none-fixed --steps 500 --out runs/base
    4. rrdyn train sudoku --aug multi4 --init runs/base/checkpoints/best
    5. rrdyn train --resume last
    6. rrdyn train maze --preset maze-trm --aug multi4 --dry-run
    """

    data: Positional[str] = ""
    """sudoku, maze, or a dataset folder; a task's dataset is made where it is missing."""
    preset: str | None = None
    """A recipe of configs/train, or a .yaml file; default the task's published one, on a CPU its small one."""
    aug: str = "none"
    """The arm: none, none-fixed, single, multi4, multi4-act, wta4, curriculum (configs/aug), one of configs/stability
    such as flossing, or a .yaml file."""
    init: Path | None = None
    """Start from the weights of this checkpoint (any public layout)."""
    resume: str | None = None
    """Go on exactly: a run folder, one of its checkpoints, or `last`."""
    out: Path | None = None
    """The run folder; default runs/TASK-MODEL-ARM/DATE-sSEED."""
    seed: Seed | None = None
    """Names every random stream of the run; default 0."""
    steps: Count | None = None
    """Optimiser steps; default the preset's."""
    batch: Batch | None = None
    """Examples per step over all processes (copies come on top)."""
    micro_batch: Batch | None = None
    """Trajectories of one pass on a device; default what fits."""
    lr: Annotated[float, Field(gt=0)] | None = None
    """Peak learning rate."""
    copies: Annotated[int, Field(ge=1, le=65536)] | None = None
    """K, trajectories per example."""
    sigma: Annotated[float, Field(ge=0)] | None = None
    """One fixed noise scale instead of the arm's."""
    ramp_steps: Annotated[int, Field(ge=0, le=10**9)] | None = None
    """Steps over which the noise grows to its full size."""
    supervise: Literal["all", "last"] | None = None
    """Which segments of a whole rollout carry a loss."""
    eval_every: Count | None = None
    """Steps between evaluations on the validation puzzles, each saved as a checkpoint."""
    eval_n: Count | None = None
    """Validation puzzles, at most."""
    log_every: Count | None = None
    """Steps between log rows."""
    patience: Count | None = None
    """Stop after this many evaluations without a better accuracy."""
    device: str = "auto"
    """auto, cpu, cuda or cuda:N."""
    devices: Processes | None = None
    """Processes on this machine; default every visible GPU, one on a CPU. Under torchrun or Slurm it joins theirs."""
    dtype: Literal["auto", "float32", "bfloat16", "bfloat16-state", "float64"] | None = None
    """What to compute in; auto is bfloat16 matrix products on CUDA, float32 on a CPU."""
    track: tuple[Literal["wandb", "tensorboard", "trackio"], ...] = ()
    """Also send the log rows there."""
    set: Annotated[tuple[str, ...], tyro.conf.arg(metavar="KEY=VALUE")] = ()
    """Any other setting by its dotted name: --set optim.weight_decay=0.1 aug.noise.where=z_H."""
    dry_run: bool = False
    """Print the plan (parameters, memory, step time, time to the end) and stop; writes no run folder."""

    def check_names(self) -> None:
        devices.require_taken(self.device)
        check_training(self.data, self.preset, self.aug, self.init, self.resume, self.set)


FLAGS = {
    "seed": "seed",
    "steps": "steps",
    "batch": "global_batch",
    "micro_batch": "micro_batch",
    "lr": "optim.lr",
    "copies": "aug.copies",
    "ramp_steps": "aug.noise.ramp_steps",
    "supervise": "aug.supervise",
    "eval_every": "eval.every",
    "eval_n": "eval.n",
    "log_every": "log_every",
    "patience": "eval.patience",
    "dtype": "dtype",
}
"""Flag -> the setting it changes."""


def changes(args: Args) -> dict[str, JsonValue]:
    """The settings given on the command line, by dotted key."""
    from rrdyn.training.recipes import settings_from

    given: dict[str, JsonValue] = {
        key: value for flag, key in FLAGS.items() if (value := getattr(args, flag)) is not None
    }
    if args.init is not None:
        given["init"] = str(args.init)
    if args.sigma is not None:
        given |= {"aug.noise.sampling": "fixed", "aug.noise.sigma": args.sigma}
    if args.track:
        given["trackers"] = list(args.track)
    return {**given, **settings_from(args.set)}


def run(args: Args) -> Outcome:
    from rrdyn.cli.results import PlanRow, Plans, TrainResult
    from rrdyn.training.start import Request, start

    finished = start(
        Request(
            data=args.data, preset=args.preset, aug=args.aug, changes=changes(args), resume=args.resume, out=args.out,
            device=args.device, devices=args.devices, dry_run=args.dry_run,
        )
    )  # fmt: skip
    if finished.plan is not None and args.dry_run:
        return Outcome(
            data=Plans(plan=PlanRow.model_validate(finished.plan.record())), text="\n".join(finished.plan.lines())
        )
    best = finished.folder / "checkpoints" / ("best" if finished.best else "last")
    return Outcome(
        data=TrainResult(
            run=str(finished.folder), step=finished.step, best=finished.best.record() if finished.best else None,
            last=finished.last.record() if finished.last else None, stopped_early=finished.stopped_early,
        ),
        text=finished.text(),
        wrote=[finished.folder] if finished.step > finished.started else (),
        kept=[finished.folder] if finished.step == finished.started else (),
        next=[f"rrdyn diagnose {quoted(best)}", f"rrdyn plot dynamics {quoted(finished.folder)}"],
    )  # fmt: skip
