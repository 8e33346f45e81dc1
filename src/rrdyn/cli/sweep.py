"""`rrdyn sweep`"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from pydantic import Field

from rrdyn.artifacts.pasting import quoted
from rrdyn.cli.command import Arguments, Outcome, Positional


class Args(Arguments):
    """Train every arm with every seed of a YAML file, one run after another; stopped and started again, it goes on.

    1. rrdyn sweep noise.yaml
    2. rrdyn sweep noise.yaml --list
    3. rrdyn sweep noise.yaml --jobs 2
    4. rrdyn sweep noise.yaml --slurm --sbatch=--partition=gpu --sbatch=--gpus=1
    5. rrdyn sweep noise.yaml --submit 8 --job gpus_per_node=1 slurm_partition=gpu
    """

    file: Positional[Path]
    """train: sudoku, out: runs/noise, arms: {base: {aug: none-fixed}, multi4: {aug: multi4}}, seeds: [0, 1, 2]; and
    settings (shared) or grid (crossed), by the names that rrdyn train has for them."""
    list: bool = False
    """Print the command lines and run none."""
    only: Annotated[int, Field(ge=0, le=10**6)] | None = None
    """Run this one alone, counted from 0, as a task of an array does."""
    jobs: Annotated[int, Field(ge=1, le=1024)] = 1
    """So many runs at a time, each a process with its part of the processors and one of the GPUs; what they say goes to
    OUT/logs."""
    slurm: bool = False
    """Write a job script that runs the sweep as a Slurm array, and run nothing."""
    sbatch: tuple[str, ...] = ()
    """Further options of that script, such as --partition=gpu."""
    submit: Annotated[int, Field(ge=1, le=1024)] | None = None
    """Submit the runs as jobs of a cluster, through submitit (the extra `cluster`), so many of them at a time at most;
    each is queued again when its time is up, and goes on."""
    job: tuple[str, ...] = ()
    """Settings of those jobs as submitit has them, KEY=VALUE: timeout_min, gpus_per_node, slurm_partition, cluster."""


def run(args: Args) -> Outcome:
    from rrdyn.cli.results import SweepResult
    from rrdyn.studies import sweep

    config = sweep.read_sweep(args.file)
    lines = [step.line for step in sweep.plan(config)]
    if args.list:
        return Outcome(data=SweepResult(lines=lines), text="\n".join(lines))
    if args.slurm:
        script = sweep.write_array(config, args.file, args.sbatch)
        return Outcome(
            data=SweepResult(runs=len(lines)), text=f"{len(lines)} runs", wrote=[script], next=[f"sbatch {script}"]
        )
    if args.submit is not None and args.only is None:
        from rrdyn.cli.submission import sent, told

        folder = config.out / "jobs"
        each = [["sweep", str(args.file), "--only", str(number)] for number in range(len(lines))]
        jobs = sent(each, folder, args.job, at_once=args.submit)
        return Outcome(data=SweepResult(runs=len(lines), jobs=jobs), text=told(jobs, folder))
    from rrdyn.cli.app import main
    from rrdyn.cli.within import within_study

    if args.jobs > 1 and args.only is None:
        folders = sweep.run_side_by_side(config, args.file, args.jobs)
    else:
        folders = sweep.run(config, within_study if args.as_json else main, only=args.only)
    return Outcome(
        data=SweepResult(runs=[str(folder) for folder in folders]),
        text=f"{len(folders)} runs are done",
        wrote=folders,
        next=[f"rrdyn aggregate {quoted(config.out)}", f"rrdyn plot dynamics {quoted(config.out)}"],
    )
