"""One process at a time: locks that end with the process that holds them, on every system."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from filelock import FileLock, Timeout

from rrdyn.artifacts.errors import RrdynError, UsageError
from rrdyn.artifacts.files import cannot_write
from rrdyn.artifacts.reading import read_text

PASSING = ".rrdyn.lock"
"""Of a folder that results are put into; there for the moment only."""


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Of the processes that write into one folder one at a time is inside; where a file system has no locks, any."""
    lock = FileLock(folder / PASSING)
    with suppress(OSError, NotImplementedError):  # a folder that cannot be written to is told where it is written to
        lock.acquire()
    try:
        yield
    finally:
        if lock.is_locked:
            with suppress(OSError):  # first the name: who waits finds that it is gone, and makes a new one
                (folder / PASSING).unlink()
            lock.release()


@contextmanager
def claimed(place: Path) -> Iterator[bool]:
    """Whether a thing is ours inside: no other process, or thread, holds it now. A process that ends lets go of all.

    Where a file system has no locks everything is everyone's.
    """
    lock = FileLock(place)
    try:
        lock.acquire(timeout=0)
    except Timeout:  # itself an OSError
        yield False
        return
    except (OSError, NotImplementedError):
        pass
    try:
        yield True
    finally:
        if lock.is_locked:
            with suppress(OSError):
                place.unlink()
            lock.release()


class Claim:
    """A file that one process holds, however it ends, with a word beside it about who that is."""

    def __init__(self, place: Path, what: str) -> None:
        self.place, self.what = place, what
        self._lock = FileLock(place, thread_local=False)

    @property
    def _holder(self) -> Path:
        return self.place.with_name(self.place.name + ".txt")

    def take(self) -> None:
        """Hold it. Raises UsageError where another process does, RrdynError where nothing can be written there."""
        try:
            self._lock.acquire(timeout=0)
            self._holder.write_text(f"process {os.getpid()}", encoding="utf-8")
        except Timeout:
            raise UsageError(
                f"{self.what} by another process", found=self._who(), run="give another folder with --out"
            ) from None
        except (OSError, NotImplementedError) as error:
            raise cannot_write(self.place, error if isinstance(error, OSError) else OSError(str(error))) from None

    def _who(self) -> str:
        with suppress(RrdynError):
            return read_text(self._holder, most=80).strip()
        return "another process"

    def release(self) -> None:
        """Let go of it, if it is held."""
        if self._lock.is_locked:
            for path in (self._holder, self.place):
                with suppress(OSError):
                    path.unlink(missing_ok=True)
            self._lock.release()
