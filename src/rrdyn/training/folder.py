"""The run folder: who may write to it, its checkpoints, which is best and which is last."""

from __future__ import annotations

import fcntl
import os
import shutil
import time
from pathlib import Path
from typing import IO

from rrdyn.artifacts.errors import InputError, UsageError
from rrdyn.artifacts.files import cannot_write, make_folder, partial_of, sweep
from rrdyn.artifacts.places import entries, exists, is_file, is_folder, shown
from rrdyn.artifacts.reading import read_json

CONFIG, META, LOG, ROWS, STATE = "config.yaml", "meta.json", "train.log", "train.jsonl", "state.pt"
TRANSIENT = "transient"
"""Says in a checkpoint's meta.json that the next save is to replace it."""


class RunFolder:
    """`config.yaml`, `meta.json`, `train.log`, `train.jsonl` and `checkpoints/` of one run."""

    def __init__(self, path: Path | str) -> None:
        self.path = Path(path)
        self._lock: IO[str] | None = None

    @property
    def checkpoints(self) -> Path:
        return self.path / "checkpoints"

    def lock(self) -> None:
        """Take the folder for this process until it ends, however it ends; UsageError where another one has it."""
        make_folder(self.path)
        place = self.path / ".lock"
        while self._lock is None:
            stream = self._opened(place)
            try:
                fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError:
                stream.seek(0)
                holder = stream.read(80).strip() or "another process"
                stream.close()
                raise UsageError(
                    f"{shown(self.path)} is being trained in by another process",
                    found=holder,
                    run="give another folder with --out",
                ) from None
            if _is_at(stream, place):
                self._lock = stream
            else:  # the one that had it has removed it since
                stream.close()
        self._lock.truncate(0)
        self._lock.write(f"process {os.getpid()}")
        self._lock.flush()

    @staticmethod
    def _opened(place: Path) -> IO[str]:
        try:
            handle = os.open(place, os.O_RDWR | os.O_CREAT | os.O_NONBLOCK | os.O_CLOEXEC, 0o666)
            return os.fdopen(handle, "a+", errors="replace")
        except OSError as error:
            raise cannot_write(place, error) from None

    def unlock(self) -> None:
        if self._lock is not None:
            (self.path / ".lock").unlink(missing_ok=True)
            self._lock.close()
            self._lock = None

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
            os.symlink(f"step_{step}", partial)
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


def _is_at(stream: IO[str], place: Path) -> bool:
    """Whether an open file is the one of that name."""
    try:
        here, there = os.fstat(stream.fileno()), os.stat(place)
    except OSError:
        return False
    return (here.st_dev, here.st_ino) == (there.st_dev, there.st_ino)


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
