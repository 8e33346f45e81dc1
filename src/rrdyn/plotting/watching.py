"""Waiting for files to grow."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from time import sleep

from rrdyn.artifacts.errors import RrdynError

EVERY = 2.0
"""Seconds between two looks."""


def changes(files: Callable[[], Sequence[Path]], every: float = EVERY) -> Iterator[None]:
    """One item each time the files are others than before, or have grown; it waits in between, for ever.

    `files` may raise an RrdynError while there are none yet.
    """
    before = _state(files)
    while True:
        sleep(every)
        now = _state(files)
        if now != before:
            before = now
            yield


def _state(files: Callable[[], Sequence[Path]]) -> dict[Path, tuple[int, int]]:
    found = {}
    with suppress(RrdynError):
        for path in files():
            with suppress(OSError):
                status = os.stat(path)
                found[path] = (status.st_size, status.st_mtime_ns)
    return found
