"""The run folder: who may write to it, its checkpoints, which is best and which is last."""

from __future__ import annotations

import os
import shutil
import time
from pathlib import Path

from rrdyn.artifacts.errors import InputError
from rrdyn.artifacts.files import cannot_write, make_folder, partial_of, sweep
from rrdyn.artifacts.lock import Claim
from rrdyn.artifacts.places import META, STATE, entries, exists, is_file, is_folder, shown
from rrdyn.artifacts.reading import read_json

CONFIG, LOG, ROWS = "config.yaml", "train.log", "train.jsonl"
TRANSIENT = "transient"
"""Says in a checkpoint's meta.json that the next save is to replace it."""


class RunFolder:
    """`config.yaml`, `meta.json`, `train.log`, `train.jsonl` and `checkpoints/` of one run."""

    def __init__(self, path: Path | str) -> None:
        self.path = Path(path)
        self._claim = Claim(self.path / ".lock", f"{shown(self.path)} is being trained in")

    @property
    def checkpoints(self) -> Path:
        return self.path / "checkpoints"

    def lock(self) -> None:
        """Take the folder for this process until it ends, however it ends; UsageError where another one has it."""
        make_folder(self.path)
        self._claim.take()

    def unlock(self) -> None:
        """Let others have it."""
        self._claim.release()

    def step_folder(self, step: int) -> Path:
        return self.checkpoints / f"step_{step}"

    def sweep(self, before: int) -> None:
        """Remove what a killed process left: half files, and saves earlier than `before` meant to be replaced."""
        for folder in (self.path, self.checkpoints):
            if is_folder(folder):
                sweep(folder, alone=True)  # we hold the lock
        for step in self.steps():
            if step < before and read_json(self.step_folder(step) / META).get(TRANSIENT):
                self.drop(step)

    def point(self, name: str, step: int) -> None:
        """Let `best` or `last` lead to a step's folder."""
        link = self.checkpoints / name
        partial = partial_of(link)
        try:
            try:
                os.symlink(f"step_{step}", partial)
            except (NotImplementedError, OSError):  # Windows asks for a privilege; a text that names it is read as well
                partial.write_text(f"step_{step}", encoding="utf-8")
            os.replace(partial, link)
        except OSError as error:
            raise cannot_write(link, error) from None

    def drop(self, step: int) -> None:
        """Remove a step's folder: first its name, then its content."""
        doomed = partial_of(self.step_folder(step))
        try:
            os.replace(self.step_folder(step), doomed)
        except FileNotFoundError:
            return
        shutil.rmtree(doomed, ignore_errors=True)

    def steps(self) -> list[int]:
        """Steps of the complete checkpoints, ascending."""
        found = []
        for folder in entries(self.checkpoints) if is_folder(self.checkpoints) else []:
            number = folder.name.removeprefix("step_")
            if folder.name != number and number.isdecimal() and len(number) < 20 and is_file(folder / META):
                found.append(int(number))
        return sorted(found)

    def last_state(self) -> Path | None:
        """The newest training state, or None in a folder without."""
        for step in reversed(self.steps()):
            if is_file(self.step_folder(step) / STATE):
                return self.step_folder(step) / STATE
        return None


def new_run_folder(task: str, arch: str, aug: str, seed: int, root: Path = Path("runs")) -> Path:
    """`runs/<task>-<arch>-<aug>/<date>-s<seed>`, with a time of day added where the date is taken."""
    parent = root / f"{task}-{arch}-{aug}"
    day = parent / f"{time.strftime('%Y%m%d')}-s{seed}"
    return parent / f"{time.strftime('%Y%m%d-%H%M%S')}-s{seed}" if exists(day) else day


def is_run(folder: Path) -> bool:
    """Whether a run has begun there."""
    return is_file(folder / CONFIG)


def find_run(name: str, root: Path = Path("runs")) -> tuple[Path, Path | None]:
    """The run folder and the state file that `--resume NAME` means; None where nothing was saved yet.

    `last` is the run under runs/ whose state is newest; otherwise a run folder, one of its checkpoints, or a state.pt.
    """
    if name == "last":
        states = [state for config in root.rglob(CONFIG) if (state := RunFolder(config.parent).last_state())]
        if not states:
            raise InputError(f"there is no run to resume under {root}/", run="give the run folder: --resume RUN")
        state = max(states, key=lambda path: path.stat().st_mtime)
        return state.parents[2], state
    path = Path(name)
    if is_run(path):
        return path, RunFolder(path).last_state()
    given = path if path.name == STATE else path / STATE
    if is_file(given):
        state = given.resolve()
        if len(state.parents) > 2 and is_run(state.parents[2]):
            run = given.parents[2] if len(given.parents) > 2 else state.parents[2]
            return (run if is_run(run) else state.parents[2]), state
    raise InputError(
        f"{shown(name)} is not a run to resume",
        expected=f"a run folder with {CONFIG} and checkpoints/, one of its checkpoints, or `last`",
    )
