"""Hearing Ctrl-C and SIGTERM without losing the step under way, and agreeing on it with the other processes."""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

import torch

from rrdyn.runtime.launch import Group
from rrdyn.runtime.progress import say

STOP = "stop"
"""What a process that is asked to stop calls out to the others."""


class StopSignal:
    """Whether this process has been asked to stop. A second Ctrl-C stops it at once, without saving."""

    def __init__(self, *, tells: bool = True) -> None:
        """`tells`: whether to say on stderr what is going to happen."""
        self.tells = tells
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
            if self.tells:
                say(f"{self.heard}: stopping as soon as the state can be saved (Ctrl-C again: at once, without saving)")


class Accord:
    """What the processes of a group agree on once a step, so that all of them do the same whoever was asked.

    The flags travel between the hosts: no device is waited for.
    """

    def __init__(self, group: Group, stop: StopSignal, due: Callable[[], bool]) -> None:
        """`due`: whether the leading process finds that a state has to be saved."""
        self.group, self.signal, self.is_due = group, stop, due
        self._called = False
        self.stop = self.due = False
        """Whether to stop, and whether to save a state, after the step."""

    def asked(self) -> bool:
        """Whether to give the step under way up: this process has been asked to stop, or another one has.

        Asked once a segment, of which processes may have unequal numbers; so they do not meet for it.
        """
        if self.signal.heard is None:
            return self.group.called_out(STOP)
        if not self._called:
            self._called = True
            self.group.call_out(STOP)
        return True

    def agree(self, gives_up: bool) -> bool:
        """Whether any process gives the step under way up; asked once by each of them."""
        due = self.group.leads and self.is_due()
        flags = torch.tensor([gives_up, self.signal.heard is not None, due], dtype=torch.int32)
        any_gives_up, self.stop, self.due = (bool(flag) for flag in self.group.sum_(flags))
        return any_gives_up
