"""A study as a list of command lines, each remembered when it is done, so that a second run continues."""

from __future__ import annotations

import shlex
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from rrdyn.artifacts.errors import RrdynError
from rrdyn.artifacts.files import write_json
from rrdyn.artifacts.places import exists
from rrdyn.artifacts.reading import read_json
from rrdyn.artifacts.record import Record
from rrdyn.runtime.progress import duration, say

Execute = Callable[[list[str]], int]
"""Runs one `rrdyn` command line (without the word rrdyn) and returns its exit code."""


class StudyRecord(Record):
    """What a study remembers: each command line that succeeded, with the seconds it took."""

    done: dict[str, float] = {}


def read_memory(path: Path) -> StudyRecord:
    """The record of a study. Raises InputError where it is damaged, saying how to do without it."""
    return read_json(path, StudyRecord, run=f"rm {shlex.quote(str(path))}, and the study again: what is there is kept")


@dataclass(frozen=True, kw_only=True)
class Step:
    """One command of a study. `seconds` is its usual share of the time, for the estimate of what is left."""

    title: str
    argv: tuple[str, ...]
    makes: Path
    seconds: float = 1.0

    @property
    def line(self) -> str:
        return shlex.join(["rrdyn", *self.argv])

    def uses(self, other: Step) -> bool:
        """Whether a word of this command line is what another step makes, or a folder that holds it."""
        words = {Path(word) for word in self.argv}
        return bool(words & {other.makes, *other.makes.parents})


def run_steps(steps: Sequence[Step], memory: Path, execute: Execute) -> None:
    """Run the steps that `memory` (a json file) does not know as done; each is remembered once it has succeeded.

    A step is done when the same command line succeeded before, what it makes is still there, and no step that it uses
    has to be run again. Raises RrdynError with the failed command's exit code, and where a command made nothing.
    """
    done = dict(read_memory(memory).done) if exists(memory) else {}
    left: list[Step] = []
    for step in steps:
        if step.line not in done or not exists(step.makes) or any(step.uses(earlier) for earlier in left):
            left.append(step)
    if len(left) < len(steps):
        say(f"{len(steps) - len(left)} of {len(steps)} steps are already done in {memory.parent}")
    pace = Pace(left)
    for step in left:
        say(f"\n[{steps.index(step) + 1}/{len(steps)}] {step.title}  (about {duration(pace.left())} left)")
        say(f"$ {step.line}")
        started = time.monotonic()
        code = execute(list(step.argv))
        if code:
            raise _failed(step, code)
        if not exists(step.makes):
            raise RrdynError(f"the study stopped at: {step.title}", found=f"{step.line} made no {step.makes}")
        pace.finish(step, time.monotonic() - started)
        done[step.line] = round(time.monotonic() - started, 3)
        write_json(memory, {"done": done})


def _failed(step: Step, code: int) -> RrdynError:
    error = RrdynError(
        f"the study stopped at: {step.title}", found=step.line, run="the same command again: it continues"
    )
    error.exit_code = code
    return error


class Pace:
    """Time left over steps whose usual seconds are known, corrected by how fast this machine has been so far."""

    def __init__(self, steps: Sequence[Step]) -> None:
        self.usual_left = sum(step.seconds for step in steps)
        self.usual_done = self.took = 0.0

    def left(self) -> float:
        # one reference step's worth of trust in the usual times keeps the first estimates sane
        speed = (self.took + 10.0) / (self.usual_done + 10.0)
        return self.usual_left * speed

    def finish(self, step: Step, seconds: float) -> None:
        self.usual_left -= step.seconds
        self.usual_done += step.seconds
        self.took += seconds
