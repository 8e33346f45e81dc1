"""Messages and progress on stderr: one line that is rewritten on a terminal, a few plain lines elsewhere.

Messages go through loguru. A program that uses rrdyn and has set up loguru itself gets them in its own sinks too, and
loses none of its settings.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from functools import cache
from types import TracebackType
from typing import TYPE_CHECKING, Self

from rrdyn.runtime.output import tell

if TYPE_CHECKING:
    from loguru import Logger, Message, Record

QUIET = "RRDYN_QUIET"
STAMPED = "{time:HH:mm:ss} | {level} | {message}"
OURS, JOURNAL = "rrdyn", "rrdyn_journal"
"""What our messages carry: a mark, and where a journal writes its lines."""


def quiet() -> bool:
    """Whether messages and progress are switched off (--quiet)."""
    return bool(os.environ.get(QUIET))


def say(text: str) -> None:
    """One message to stderr, unless --quiet."""
    if not quiet():
        _logger().info(text)


def journal(write: Callable[[str], None]) -> Callable[[str], None]:
    """Says one message with the time before it, to `write` first, and then, unless --quiet, to stderr."""
    return _logger().bind(**{JOURNAL: write}).info


@cache
def _logger() -> Logger:
    """Ours, with its two sinks; loguru is loaded with the first message."""
    from loguru import logger

    with suppress(ValueError):  # its first sink, on stderr, where nobody has set up others: not for what we show
        logger.remove(0)
        logger.add(_show, filter=lambda record: OURS not in record["extra"])
    logger.add(_write, format=STAMPED, filter=lambda record: JOURNAL in record["extra"], catch=False)
    logger.add(_show, format=_form, filter=lambda record: OURS in record["extra"] and not quiet(), catch=False)
    return logger.bind(**{OURS: True})


def _form(record: Record) -> str:
    return f"{STAMPED if JOURNAL in record['extra'] else '{message}'}\n"


def _show(message: Message) -> None:
    tell(message, end="")


def _write(message: Message) -> None:
    message.record["extra"][JOURNAL](message.removesuffix("\n"))


def colour_wanted(stream: object) -> bool:
    """Colour only on a terminal that has not been told otherwise (NO_COLOR)."""
    return not os.environ.get("NO_COLOR") and _terminal(stream)


def _terminal(stream: object) -> bool:
    try:
        return bool(getattr(stream, "isatty", lambda: False)())
    except ValueError:  # closed meanwhile
        return False


def duration(seconds: float) -> str:
    """1:05, or 2:03:04."""
    whole = max(0, round(seconds))
    hours, rest = divmod(whole, 3600)
    minutes, secs = divmod(rest, 60)
    return f"{hours}:{minutes:02d}:{secs:02d}" if hours else f"{minutes}:{secs:02d}"


class Progress:
    """Counts work done out of `total` and says how long the rest will take."""

    def __init__(self, total: int, label: str, *, every: float = 10.0) -> None:
        self.total, self.label = total, label
        self.done = 0
        self.animated = _terminal(sys.stderr) and not os.environ.get("CI")
        self.every = 0.2 if self.animated else every
        self.started = self.shown = time.monotonic()
        self.first: tuple[float, int] | None = None
        """When the first work was reported, and how much: it may hold compilation, and says little of the rest."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self.animated and not quiet():
            tell("")

    def advance(self, n: int = 1, note: str = "") -> None:
        self.done += n
        now = time.monotonic()
        self.first = self.first or (now, self.done)
        if now - self.shown >= self.every or (self.animated and self.done >= self.total):
            self.shown = now
            self._show(now, note)

    def _show(self, now: float, note: str) -> None:
        times = f"{duration(now - self.started)} gone"
        began, before = self.first or (now, self.done)
        if self.done > before:
            times += f", {duration((now - began) / (self.done - before) * (self.total - self.done))} left"
        line = f"{self.label}  {self.done}/{self.total}  {times}  {note}".rstrip()
        if quiet():
            return
        if self.animated:
            tell(f"\r\x1b[2K{line}", end="")
        else:
            tell(line)
