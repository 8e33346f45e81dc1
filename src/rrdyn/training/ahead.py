"""What the host draws, made in a thread before it is asked for, so that a GPU does not stand still meanwhile.

Draws are keyed and have no state: one that was expected is the one that would be made now. On a CPU, whose cores have
enough to do, nothing is made before its time.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Hashable
from typing import Any, TypeVar

import torch

T = TypeVar("T")
READY = 2
"""Draws that lie ready at most: of large noise each is a good part of the host's memory."""


class Ahead:
    """Draws in the order in which they will be taken."""

    def __init__(self, device: torch.device | None = None) -> None:
        """`device`: whose time is to be saved; only for CUDA is anything made ahead."""
        self.device = device
        self.works = device is not None and device.type == "cuda"
        self._waiting: deque[tuple[Hashable, Callable[[], Any]]] = deque()
        self._ready: dict[Hashable, tuple[Any, BaseException | None]] = {}
        self._making: Hashable | None = None
        self._dropped = self._closed = False
        self._changed = threading.Condition()
        self._thread: threading.Thread | None = None

    def expect(self, key: Hashable, make: Callable[[], Any]) -> None:
        """Something will be taken under this key, after all that is expected already."""
        if not self.works or self._closed:
            return
        with self._changed:
            self._waiting.append((key, make))
            if self._thread is None:
                self._thread = threading.Thread(target=self._work, name="rrdyn-ahead", daemon=True)
                self._thread.start()
            self._changed.notify_all()

    def take(self, key: Hashable, make: Callable[[], T]) -> T:
        """What was expected under the key, once it is made; made now where it was not. What should have come before is
        forgotten."""
        with self._changed:
            if not self._on_its_way(key):
                self._forget(None)
            else:
                self._forget(key)
                self._changed.wait_for(lambda: key in self._ready)
                value, error = self._ready.pop(key)
                self._changed.notify_all()
                if error is not None:
                    raise error
                return value  # type: ignore[no-any-return]
        return make()

    def close(self) -> None:
        """Make no more, and wait for what is being made."""
        with self._changed:
            self._closed = True
            self._forget(None)
            self._changed.notify_all()
        if self._thread is not None:
            self._thread.join()

    def _on_its_way(self, key: Hashable) -> bool:
        making = self._making == key and not self._dropped
        return key in self._ready or making or any(other == key for other, _ in self._waiting)

    def _forget(self, until: Hashable | None) -> None:
        """Drop what comes before a key; all of it for None."""
        for other in list(self._ready):
            if other == until:
                return
            del self._ready[other]
        if self._making is not None:
            if self._making == until:
                return
            self._dropped = True
        while self._waiting and self._waiting[0][0] != until:
            self._waiting.popleft()
        self._changed.notify_all()

    def _work(self) -> None:
        if self.device is not None and self.device.index is not None:
            torch.cuda.set_device(self.device)  # memory is pinned for it
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._closed or (self._waiting and len(self._ready) < READY))
                if self._closed:
                    return
                self._making, make = self._waiting.popleft()
                self._dropped = False
            value, error = None, None
            try:
                value = make()
            except BaseException as caught:  # told to whoever takes it
                error = caught
            with self._changed:
                if not self._dropped and not self._closed:
                    self._ready[self._making] = value, error
                self._making = None
                self._changed.notify_all()
