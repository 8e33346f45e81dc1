"""Command lines as jobs of a cluster, through submitit (the extra `cluster`): an array, each queued again until done.

A job whose time is up, or that makes room for another, is asked to save what it has, and queued again with the same
line, which goes on from there.
"""

from __future__ import annotations

import os
import shlex
import signal
import subprocess
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from rrdyn.artifacts.errors import RrdynError, UsageError
from rrdyn.artifacts.files import make_folder
from rrdyn.artifacts.places import said

DEFAULTS: Mapping[str, Value] = {"name": "rrdyn", "timeout_min": 24 * 60, "slurm_signal_delay_s": 180}
"""Settings of a job where none are given: Slurm asks it to save so many seconds before its time is up."""
REQUEUED = 1000
"""Times that a job may run out of time."""
SAVING = 600.0
"""Seconds that a command may take to save."""
LOOK = 0.2

Value = str | int | float | bool


class Task:
    """One command line as a job."""

    def __init__(self, line: Sequence[str]) -> None:
        self.line = tuple(line)
        self.process: subprocess.Popen[bytes] | None = None

    def __call__(self) -> int:
        """Run it to its end. Raises RrdynError where it fails."""
        # in a session of its own, and deaf to the signal by which the job is told: it hears of that by `checkpoint`
        self.process = subprocess.Popen(self.line, start_new_session=True, preexec_fn=_deafened)
        while (code := self.process.poll()) is None:
            time.sleep(LOOK)
        if code:
            raise RrdynError(f"a job ended with exit code {code}", found=shlex.join(self.line))
        return code

    def checkpoint(self) -> Any:
        """Ask the command to save, wait until it has, and say what is to be done when the job runs again: the same."""
        from submitit.helpers import DelayedSubmission

        self.stop()
        return DelayedSubmission(Task(self.line))

    def stop(self) -> None:
        """Ask the command to save and to end, and wait until it has."""
        if self.process is None:
            return
        with suppress(ProcessLookupError, ChildProcessError):
            os.kill(self.process.pid, signal.SIGTERM)
            end = time.monotonic() + SAVING
            # not Popen.wait: this runs within a handler, maybe of a signal that came while it was being polled
            while os.waitpid(self.process.pid, os.WNOHANG) == (0, 0) and time.monotonic() < end:
                time.sleep(LOOK)

    def __getstate__(self) -> dict[str, object]:
        return {"line": self.line, "process": None}


def _deafened() -> None:
    signal.signal(signal.SIGUSR2, signal.SIG_IGN)


def submit(
    lines: Sequence[Sequence[str]], folder: Path, settings: Mapping[str, Value], *, at_once: int | None = None
) -> list[str]:
    """Submit an array of jobs, a job a line; their identifiers.

    folder : for what submitit keeps of them: what they say is in ID_log.out and ID_log.err.
    settings : as submitit has them (timeout_min, gpus_per_node, slurm_partition); `cluster` is slurm, local or debug.
    at_once : so many of them at most run at a time, under Slurm.

    Raises UsageError where submitit is not installed, or does not take a setting.
    """
    try:
        import submitit
    except ImportError:
        raise UsageError("submitit is not installed", run="pip install 'rrdyn[cluster]'") from None
    given = {**DEFAULTS, **settings}
    cluster = given.pop("cluster", None)
    if at_once is not None:
        given["slurm_array_parallelism"] = at_once
    try:
        executor = submitit.AutoExecutor(
            make_folder(folder), cluster=None if cluster is None else str(cluster), slurm_max_num_timeout=REQUEUED
        )
        executor.update_parameters(**given)
    except (ValueError, NameError, TypeError, AssertionError, RuntimeError) as error:
        raise UsageError("the jobs cannot be submitted with these settings", found=said(error),
                         expected="settings as submitit has them, such as --job timeout_min=60 gpus_per_node=1 "
                         "slurm_partition=NAME, or --job cluster=local") from None  # fmt: skip
    try:
        with executor.batch():
            jobs = [executor.submit(Task(line)) for line in lines]
    except (RuntimeError, OSError, subprocess.SubprocessError) as error:
        raise RrdynError("the cluster did not take the jobs", found=said(error)) from None
    return [str(job.job_id) for job in jobs]
