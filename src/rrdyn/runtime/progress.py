"""Messages and progress on stderr: one line that is rewritten on a terminal, a few plain lines elsewhere.

Messages go through loguru. A program that uses rrdyn and has set up loguru itself gets them in its own sinks too, and
loses none of its settings.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from functools import cache
from types import TracebackType
from typing import TYPE_CHECKING, Self, TypeVar

from rrdyn.runtime.output import tell

if TYPE_CHECKING:
    from loguru import Logger, Message, Record

T = TypeVar("T")
QUIET, VERBOSE, LOG_FILE = "RRDYN_QUIET", "RRDYN_VERBOSE", "RRDYN_LOG_FILE"
"""Where --quiet, -v and --log-file are kept, for the processes that a command starts too."""
STAMPED = "{time:HH:mm:ss} | {level} | {message}"
DATED = "{time:YYYY-MM-DD HH:mm:ss} | {level} | {message}"
OURS, JOURNAL, UNSEEN = "rrdyn", "rrdyn_journal", "rrdyn_unseen"
"""What our messages carry: a mark, where a journal writes its lines, and that only the log file gets them."""


def quiet() -> bool:
    """Whether messages and progress are switched off (--quiet)."""
    return bool(os.environ.get(QUIET))


def say(text: str) -> None:
    """One message to stderr, unless --quiet, and to the log file, if there is one."""
    if not quiet() or os.environ.get(LOG_FILE):
        _logger().info(text)


def detail(text: str) -> None:
    """What is of use when something is looked into: to stderr under -v, and to the log file."""
    if os.environ.get(VERBOSE) or os.environ.get(LOG_FILE):
        _logger().debug(text)


def keep(text: str, level: str = "INFO") -> None:
    """One message to the log file alone, if there is one."""
    if os.environ.get(LOG_FILE):
        _logger().bind(**{UNSEEN: True}).log(level, text)


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
    logger.add(_show, format=_form, filter=_seen, catch=False)
    logger.add(_append, format=DATED, filter=lambda record: OURS in record["extra"], catch=False)
    return logger.bind(**{OURS: True})


def _seen(record: Record) -> bool:
    asked_for = record["level"].name != "DEBUG" or bool(os.environ.get(VERBOSE))
    return OURS in record["extra"] and UNSEEN not in record["extra"] and asked_for and not quiet()


def _form(record: Record) -> str:
    return f"{STAMPED if JOURNAL in record['extra'] or os.environ.get(VERBOSE) else '{message}'}\n"


def _append(message: Message) -> None:
    """Open, write, close: so processes of one command share a log file, and a full disk stops no work."""
    if path := os.environ.get(LOG_FILE):
        with suppress(OSError), open(path, "a", encoding="utf-8", errors="backslashreplace") as stream:
            stream.write(message)


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


def each(
    items: Iterable[T], label: str, *, total: int | None = None, size: Callable[[T], int] = lambda item: 1
) -> Iterator[T]:
    """The items, with progress as they are used up: `size` says how much each is of `total`, by default one of them
    all. A total that is not known is 0."""
    if total is None:
        items = list(items)
        total = len(items)
    with Progress(total, label) as progress:
        for item in items:
            yield item
            progress.advance(size(item))


PLAIN_EVERY = 10.0
"""Seconds between lines of progress where there is no terminal, and in a log file."""


class Progress:
    """Counts work done out of `total` and says how long the rest will take."""

    def __init__(self, total: int, label: str, *, every: float = PLAIN_EVERY) -> None:
        self.total, self.label = total, label
        self.done = 0
        self.animated = _terminal(sys.stderr) and not os.environ.get("CI")
        self.every = 0.2 if self.animated else every
        self.started = self.shown = self.kept = time.monotonic()
        self.first: tuple[float, int] | None = None
        """When the first work was reported, and how much: it may hold compilation, and says little of the rest."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self.animated and self.shown > self.started and not quiet():
            tell("")

    def advance(self, n: int = 1, note: str = "") -> None:
        self.done += n
        now = time.monotonic()
        self.first = self.first or (now, self.done)
        if now - self.kept >= PLAIN_EVERY:
            self.kept = now
            keep(self._line(now, note))
        over = self.animated and self.done >= self.total > 0 and now - self.started >= self.every
        if now - self.shown >= self.every or over:
            self.shown = now
            self._show(self._line(now, note))

    def _line(self, now: float, note: str) -> str:
        times = f"{duration(now - self.started)} gone"
        began, before = self.first or (now, self.done)
        if self.total and self.done > before:
            times += f", {duration((now - began) / (self.done - before) * (self.total - self.done))} left"
        of = f"/{self.total}" if self.total else ""
        return f"{self.label}  {self.done}{of}  {times}  {note}".rstrip()

    def _show(self, line: str) -> None:
        if quiet():
            return
        if self.animated:
            tell(f"\r\x1b[2K{line}", end="")
        else:
            tell(line)
