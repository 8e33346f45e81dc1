"""Arms x seeds x settings from one YAML file: the training lines they stand for, one after another or as an array."""

from __future__ import annotations

import itertools
import math
import shlex
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

from pydantic import Field, field_validator, model_validator

from rrdyn.artifacts.config import Config
from rrdyn.artifacts.errors import RrdynError, UsageError
from rrdyn.artifacts.files import make_folder, write_text
from rrdyn.artifacts.reading import read_yaml
from rrdyn.runtime.devices import gpu_names
from rrdyn.runtime.jobs import side_by_side
from rrdyn.runtime.progress import say
from rrdyn.studies.steps import Execute, Step, run_steps

Value = str | int | float | bool
MOST_RUNS = 10_000


class SweepConfig(Config):
    """One study: every arm with every seed and every combination of the grid is a run of `rrdyn train`."""

    train: str
    """What to train on: sudoku, maze or a dataset folder."""
    out: Path
    """The folder that the runs are written under: OUT/ARM[-key=value]/sSEED."""
    arms: Annotated[dict[str, dict[str, Value]], Field(min_length=1)]
    """Name -> its settings, such as {aug: multi4}."""
    seeds: Annotated[tuple[Annotated[int, Field(ge=0)], ...], Field(min_length=1)] = (0,)
    """Seeds of every arm."""
    settings: dict[str, Value] = {}
    """What all runs share: preset, steps, init, or any dotted setting (optim.lr)."""
    grid: dict[str, tuple[Value, ...]] = {}
    """Setting -> values; every combination is run."""

    @field_validator("arms", "grid")
    @classmethod
    def _names(cls, named: dict[str, Any]) -> dict[str, Any]:
        for name in named:  # they become names of folders
            if not name.isprintable() or name in ("", ".", "..") or len(name) > 100:
                raise ValueError(f"{name[:40]!r} cannot be part of a folder's name")
        return named

    @model_validator(mode="after")
    def _runs(self) -> SweepConfig:
        runs = len(self.arms) * len(self.seeds) * math.prod(map(len, self.grid.values()))
        if not 0 < runs <= MOST_RUNS:
            raise ValueError(f"arms x seeds x grid are {runs} runs, and 1 to {MOST_RUNS} can be planned")
        return self


FLAGS = (
    "preset", "aug", "init", "steps", "batch", "micro_batch", "lr", "copies", "sigma", "ramp_steps", "supervise",
    "eval_every", "eval_n", "log_every", "patience", "device", "devices", "dtype",
)  # fmt: skip
"""Settings that `rrdyn train` takes as flags; every other one goes through --set."""


def read_sweep(path: Path) -> SweepConfig:
    """Read a sweep file; raises InputError naming the key that is wrong."""
    return read_yaml(path, SweepConfig)


def plan(config: SweepConfig) -> list[Step]:
    """The runs in order: seeds vary slowest, so that a sweep stopped early holds whole comparisons."""
    steps = []
    combinations = [dict(zip(config.grid, values)) for values in itertools.product(*config.grid.values())]
    for seed, combination, (arm, own) in itertools.product(config.seeds, combinations, config.arms.items()):
        name = "-".join([arm, *(f"{key}={value}" for key, value in combination.items())])
        folder = config.out / name.replace("/", "_") / f"s{seed}"
        argv = ("train", config.train, *flags({**config.settings, **combination, **own}), "--seed", str(seed))
        steps.append(
            Step(
                title=f"{name}, seed {seed}",
                argv=(*argv, "--out", str(folder)),
                makes=folder / "checkpoints" / "last",
                seconds=60.0,
            )
        )
    return steps


def flags(settings: Mapping[str, Value]) -> list[str]:
    """Settings as arguments of `rrdyn train`."""
    known = [(key.replace("-", "_"), value) for key, value in settings.items()]
    plain = [part for key, value in known if key in FLAGS for part in ("--" + key.replace("_", "-"), text(value))]
    other = [f"{key}={text(value)}" for key, value in known if key not in FLAGS]
    return [*plain, *(["--set", *other] if other else [])]


def text(value: Value) -> str:
    """A value as `rrdyn train` reads it on its command line."""
    return str(value).lower() if isinstance(value, bool) else str(value)


def run(config: SweepConfig, execute: Execute, only: int | None = None) -> list[Path]:
    """Run what is not done yet (or only run number `only`, from 0) and return the run folders.

    A run that was stopped goes on from its last saved state; a finished one is not run again.
    """
    steps = plan(config)
    make_folder(config.out)
    if only is not None:
        if not 0 <= only < len(steps):
            raise UsageError("--only is out of range", found=only, expected=f"0 to {len(steps) - 1}")
        memory = config.out / ".done" / f"{only}.json"  # tasks of an array must not share a file
        run_steps(steps[only : only + 1], memory, execute)
        return [steps[only].makes.parents[1]]
    run_steps(steps, config.out / "sweep.json", execute)
    return [step.makes.parents[1] for step in steps]


def run_side_by_side(config: SweepConfig, file: Path, jobs: int) -> list[Path]:
    """Run what is not done yet, `jobs` at a time, each in a process of its own with one of the GPUs; the run folders.

    A run that fails leaves the others alone. Raises RrdynError in the end, with its exit code.
    """
    steps = plan(config)
    lines = [[sys.executable, "-m", "rrdyn", "sweep", str(file), "--only", str(number)] for number in range(len(steps))]
    logs = [config.out / "logs" / f"{number}.log" for number in range(len(steps))]
    failed: dict[int, int] = {}
    for count, (number, code) in enumerate(side_by_side(lines, jobs, logs, gpus=gpu_names()), start=1):
        how = f"ended with {code}: {logs[number]}" if code else "done"
        say(f"[{count}/{len(steps)}] {steps[number].title}: {how}")
        failed |= {number: code} if code else {}
    if failed:
        error = RrdynError(
            f"{len(failed)} of {len(steps)} runs failed", found=steps[min(failed)].line,
            expected=f"exit code 0; {logs[min(failed)]} has what it said", run="the same command again: it continues",
        )  # fmt: skip
        error.exit_code = max(failed.values())
        raise error
    return [step.makes.parents[1] for step in steps]


ARRAY = """#!/bin/bash
#SBATCH --job-name=rrdyn-sweep
#SBATCH --array=0-{last}
#SBATCH --output={logs}/%a.log
#SBATCH --signal=TERM@120
#SBATCH --requeue
{extra}
# One run of the sweep per task. A task that is stopped saves its state; queued again, it goes on from there.
srun rrdyn sweep {file} --only "$SLURM_ARRAY_TASK_ID"
"""


def write_array(config: SweepConfig, file: Path, extra: tuple[str, ...] = ()) -> Path:
    """A job script that runs the sweep as a Slurm array; `extra` are further #SBATCH options."""
    script = config.out / "sweep.sbatch"
    logs = make_folder(config.out / "logs")
    options = "\n".join(f"#SBATCH {option}" for option in extra)
    content = ARRAY.format(last=len(plan(config)) - 1, logs=logs, extra=options,
                           file=shlex.quote(str(file)))  # fmt: skip
    say(f"submit with: sbatch {script}")
    return write_text(script, content)
