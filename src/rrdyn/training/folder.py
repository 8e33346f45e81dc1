"""The run folder: who may write to it, its checkpoints, which is best and which is last."""

from __future__ import annotations

import fcntl
import os
import secrets
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from rrdyn.artifacts.errors import InputError, UsageError
from rrdyn.artifacts.files import cannot_write, make_folder

CONFIG, META, LOG, ROWS, STATE = "config.yaml", "meta.json", "train.log", "train.jsonl", "state.pt"


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
        try:
            self._lock = open(self.path / ".lock", "a+")  # noqa: SIM115 - held until the process ends
        except OSError as error:
            raise cannot_write(self.path / ".lock", error) from None
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            self._lock.seek(0)
            holder = self._lock.read().strip() or "another process"
            raise UsageError(
                f"{self.path} is being trained in by another process",
                found=holder,
                run="give another folder with --out",
            ) from None
        self._lock.truncate(0)
        self._lock.write(f"process {os.getpid()}")
        self._lock.flush()

    def unlock(self) -> None:
        if self._lock is not None:
            self._lock.close()
            self._lock = None

    def step_folder(self, step: int) -> Path:
        return self.checkpoints / f"step_{step}"

    @contextmanager
    def writing(self, step: int) -> Iterator[Path]:
        """A folder to fill that becomes `step_N` when it is complete, and never before."""
        make_folder(self.checkpoints)
        self._sweep()
        final = self.step_folder(step)
        partial = self.checkpoints / f".{final.name}.{secrets.token_hex(3)}.partial"
        try:
            partial.mkdir()
            yield partial
            old = partial.with_suffix(".old")
            if final.exists():
                os.replace(final, old)
            os.replace(partial, final)
            shutil.rmtree(old, ignore_errors=True)
        except OSError as error:
            raise cannot_write(final, error) from None
        finally:
            shutil.rmtree(partial, ignore_errors=True)

    def _sweep(self) -> None:
        """What a killed process left half written."""
        for left in self.checkpoints.glob(".*.partial"):
            shutil.rmtree(left, ignore_errors=True)
        for left in self.checkpoints.glob(".*.old"):
            shutil.rmtree(left, ignore_errors=True)

    def point(self, name: str, step: int) -> None:
        """Let `best` or `last` lead to a step's folder."""
        link = self.checkpoints / name
        partial = self.checkpoints / f".{name}.{secrets.token_hex(3)}"
        try:
            os.symlink(f"step_{step}", partial)
            os.replace(partial, link)
        except OSError as error:
            raise cannot_write(link, error) from None

    def drop(self, step: int) -> None:
        """Remove a step's folder: first its name, then its content."""
        doomed = self.checkpoints / f".step_{step}.{secrets.token_hex(3)}.old"
        try:
            os.replace(self.step_folder(step), doomed)
        except FileNotFoundError:
            return
        shutil.rmtree(doomed, ignore_errors=True)

    def steps(self) -> list[int]:
        """Steps of the complete checkpoints, ascending."""
        found = []
        for folder in self.checkpoints.glob("step_*"):
            number = folder.name.removeprefix("step_")
            if number.isdigit() and (folder / "meta.json").is_file():
                found.append(int(number))
        return sorted(found)

    def last_state(self) -> Path | None:
        """The newest training state, or None in a folder without."""
        for step in reversed(self.steps()):
            if (self.step_folder(step) / STATE).is_file():
                return self.step_folder(step) / STATE
        return None


def new_run_folder(task: str, arch: str, aug: str, seed: int, root: Path = Path("runs")) -> Path:
    """`runs/<task>-<arch>-<aug>/<date>-s<seed>`, with a time of day added where the date is taken."""
    parent = root / f"{task}-{arch}-{aug}"
    day = parent / f"{time.strftime('%Y%m%d')}-s{seed}"
    return day if not day.exists() else parent / f"{time.strftime('%Y%m%d-%H%M%S')}-s{seed}"


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
    if (path / CONFIG).is_file():
        return path, RunFolder(path).last_state()
    state = path if path.name == STATE else path / STATE
    state = state.resolve()
    if state.is_file() and len(state.parents) > 2 and (state.parents[2] / CONFIG).is_file():
        run = Path(name).parents[1] if Path(name).name != STATE else Path(name).parents[2]
        return (run if (run / CONFIG).is_file() else state.parents[2]), state
    raise InputError(
        f"{name} is not a run to resume",
        expected=f"a run folder with {CONFIG} and checkpoints/, one of its checkpoints, or `last`",
    )
