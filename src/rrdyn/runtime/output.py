"""Standard output and error that may be closed, full, or a pipe nobody reads.

What a command answers goes through `put`: it is there, or the command fails. Messages go through `tell`: a place for
them that is gone stops no work.
"""

from __future__ import annotations

import errno
import io
import os
import sys
from contextlib import contextmanager, suppress

from rrdyn.artifacts.errors import RrdynError

TYPE_CHECKING = False  # `typing` alone would be a good part of what --help loads
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import TextIO

DEBUG = "RRDYN_DEBUG"
NARROWEST, WIDEST = 40, 400


@contextmanager
def standing() -> Iterator[None]:
    """Streams that can be written to, for the time of a command.

    A closed stream's number is kept from the next file that is opened, which would get all that is printed. Characters
    that a stream cannot show are written as escapes.
    """
    before = sys.stdout, sys.stderr
    _occupy()
    if sys.stdout is None:
        sys.stdout = _Closed()
    if sys.stderr is None:
        sys.stderr = open(os.devnull, "w")  # noqa: SIM115 - as long as the program
    strict = [stream for stream in (sys.stdout, sys.stderr) if isinstance(stream, io.TextIOWrapper)]
    how = [stream.errors for stream in strict]
    for stream in strict:
        stream.reconfigure(errors="backslashreplace")
    try:
        yield
    finally:
        for stream, errors in zip(strict, how):
            with suppress(OSError, ValueError):
                stream.reconfigure(errors=errors)
        for spoken, number in ((sys.stdout, 1), (sys.stderr, 2)):
            _flush(spoken, number)
        if before[0] is None:
            sys.stdout = before[0]


class _Closed(io.StringIO):
    """Stands for a standard output that was closed: what would be lost is refused."""

    def write(self, text: str) -> int:
        raise OSError(errno.EBADF, os.strerror(errno.EBADF))


def _occupy() -> None:
    with suppress(OSError):
        while (number := os.open(os.devnull, os.O_RDWR)) < 3:
            pass
        os.close(number)


class Unanswered(RrdynError):
    """Standard output takes nothing (exit code 1)."""


def put(text: str) -> None:
    """One answer on stdout. Raises RrdynError where it cannot be written; a reader that has gone away is no error."""
    with answering():
        print(text)


@contextmanager
def answering() -> Iterator[None]:
    """Around whatever prints to stdout: flushes it, and tells a stdout that takes nothing in one message."""
    try:
        yield
        sys.stdout.flush()
    except BrokenPipeError:
        _give_up(sys.stdout, 1)
    except OSError as error:
        from rrdyn.artifacts.places import said

        _give_up(sys.stdout, 1)
        raise Unanswered(
            "cannot write to standard output", found=said(error), expected="a place that takes what is printed"
        ) from None


def tell(text: str, end: str = "\n") -> None:
    """One message on stderr, if it can be written; a failure to do so is nobody's error."""
    if sys.stderr is None:  # print would take stdout instead
        return
    try:
        print(text, end=end, file=sys.stderr, flush=True)
    except (OSError, ValueError):
        _give_up(sys.stderr, 2)


def tell_trace(error: BaseException) -> None:
    """Where an error came from, for who has asked to see it with RRDYN_DEBUG=1."""
    if os.environ.get(DEBUG):
        import traceback

        tell("".join(traceback.format_exception(error)).rstrip())


def width() -> int:
    """Columns to lay text out in: the terminal's, within reason."""
    import shutil

    return min(max(shutil.get_terminal_size((100, 24)).columns, NARROWEST), WIDEST)


def _flush(stream: TextIO, number: int) -> None:
    try:
        stream.flush()
    except (OSError, ValueError):
        _give_up(stream, number)


def _give_up(stream: TextIO, number: int) -> None:
    """Let what is buffered go nowhere: at its end the interpreter would try again, and fail with exit code 120."""
    with suppress(OSError, ValueError):
        if stream.fileno() == number:
            nowhere = os.open(os.devnull, os.O_WRONLY)
            os.dup2(nowhere, number)
            os.close(nowhere)
