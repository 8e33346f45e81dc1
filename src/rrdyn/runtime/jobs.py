"""Command lines side by side on one machine, each a process of its own with its share of the processors and GPUs."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path

from rrdyn.artifacts.files import make_folder

PATIENCE = 0.1
"""Seconds between two looks at who is done."""


def side_by_side(
    lines: Sequence[Sequence[str]], at_once: int, logs: Sequence[Path], *, gpus: Sequence[str] = ()
) -> Iterator[tuple[int, int]]:
    """Run every line, at most `at_once` at a time; yields (number of the line, its exit code) as each ends.

    logs : a file a line, for all that it says; what an earlier run of it said stays above.
    gpus : those to share out, by the names that CUDA_VISIBLE_DEVICES has for them; none leaves that variable alone.
    Left early, by an interrupt too, it asks those under way to stop and waits for what they save.
    """
    waiting = list(range(len(lines)))
    free = list(range(at_once))
    running: dict[int, tuple[subprocess.Popen[bytes], int]] = {}
    with ExitStack() as files:
        try:
            while waiting or running:
                while waiting and free:
                    number, place = waiting.pop(0), free.pop(0)
                    make_folder(logs[number].parent)
                    log = files.enter_context(open(logs[number], "ab"))
                    process = subprocess.Popen(
                        lines[number], stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                        env={**os.environ, **share(place, at_once, gpus)}, start_new_session=True,
                    )  # fmt: skip
                    running[number] = process, place
                for number in [number for number, (process, _) in running.items() if process.poll() is not None]:
                    process, place = running.pop(number)
                    free.append(place)
                    yield number, process.returncode
                time.sleep(PATIENCE)
        finally:
            for process, _ in running.values():
                process.send_signal(signal.SIGTERM)
            for process, _ in running.values():
                process.wait()


def share(place: int, of: int, gpus: Sequence[str]) -> Mapping[str, str]:
    """The environment of one of `of` processes: a part of the processors unless that is chosen, one of the GPUs."""
    threads = os.environ.get("OMP_NUM_THREADS") or str(max(1, (os.cpu_count() or 1) // of))
    return {"OMP_NUM_THREADS": threads, **({"CUDA_VISIBLE_DEVICES": gpus[place % len(gpus)]} if gpus else {})}
