"""Keeping count while steps run, and hearing Ctrl-C and SIGTERM without losing the step under way."""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

import torch

from rrdyn.runtime.launch import Group
from rrdyn.runtime.progress import say
from rrdyn.training.objectives import Stats

RATIOS = {
    "loss": "loss_n",
    "answer_loss": "loss_n",
    "train_exact": "exact_n",
    "train_q_acc": "exact_n",
    "segments": "exact_n",
    "noise": "noise_n",
    "changed": "changed_n",
}
"""Mean of a log row -> the count it is a mean over."""
SUMS = {"train_exact": "exact", "train_q_acc": "q_right"}


class Meter:
    """Means over the steps since the last log row, and how long steps take."""

    def __init__(self, examples_per_step: int) -> None:
        self.examples_per_step = examples_per_step
        self.total: Stats = {}
        self.steps, self.seconds = 0, 0.0
        self.step_seconds = 0.0
        """Of the last row's steps; evaluations and saves are not counted."""

    def add(self, stats: Stats, seconds: float) -> None:
        for name, value in stats.items():
            self.total[name] = self.total[name] + value if name in self.total else value
        self.steps += 1
        self.seconds += seconds

    def restart_clock(self) -> None:
        """Forget the time of the steps so far, not what they measured."""
        self.steps, self.seconds = 0, 0.0

    def row(self, group: Group, device: torch.device) -> dict[str, float | None]:
        """The means over all processes since the last call; what did not occur is None."""
        names = sorted({*RATIOS.values(), *(SUMS.get(name, name) for name in RATIOS)})
        values = [torch.as_tensor(self.total.get(name, 0)).to(device, torch.float64) for name in names]
        total = dict(zip(names, group.sum_(torch.stack(values)).tolist()))
        row: dict[str, float | None] = {}
        for name, count in RATIOS.items():
            key = SUMS.get(name, name)
            row[name] = total[key] / total[count] if key in self.total and total[count] else None
        if self.steps:
            self.step_seconds = self.seconds / self.steps
        row["sps"] = self.examples_per_step / self.step_seconds if self.step_seconds else None
        self.total = {}
        self.restart_clock()
        return row


class StopSignal:
    """Whether the run has been asked to stop. A second Ctrl-C stops it at once, without saving."""

    def __init__(self) -> None:
        self.heard: str | None = None
        self.when = 0.0

    @contextmanager
    def listening(self) -> Iterator[None]:
        """Hear SIGINT and SIGTERM inside the block (in the main thread; elsewhere nothing changes)."""
        if threading.current_thread() is not threading.main_thread():
            yield
            return
        before = {number: signal.signal(number, self._hear) for number in (signal.SIGINT, signal.SIGTERM)}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)

    def _hear(self, number: int, frame: FrameType | None) -> None:
        again = self.heard is not None and number == signal.SIGINT and self.heard == "SIGINT"
        if again and time.monotonic() - self.when > 1:  # a terminal may deliver one Ctrl-C twice to a worker
            raise KeyboardInterrupt
        if self.heard is None:
            self.when = time.monotonic()
            self.heard = signal.Signals(number).name
            say(f"{self.heard}: saving the state (Ctrl-C again stops at once, without saving)")
