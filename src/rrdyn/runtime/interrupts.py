"""Ctrl-C and SIGTERM as one KeyboardInterrupt that cannot get lost.

Python raises it wherever the main thread happens to be. In a callback of C++ code (a conversion of arguments, say) or
of the garbage collector it is swallowed, or comes out as another error, and the program goes on as if nothing had been
asked. So the request is remembered, and raised again until something is on its way out because of it.
"""

from __future__ import annotations

import signal
import sys
import time
from contextlib import contextmanager

from rrdyn.artifacts.errors import Interrupted

TYPE_CHECKING = False  # `typing` alone would be a good part of what --help loads
if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import FrameType

AGAIN = 0.5
"""Seconds after which an interrupt that nothing came of is raised again."""

AT_ONCE = 1.0
"""Seconds within which a second signal is the same request."""


class Interrupts:
    """What has been asked for while a command runs; `asked` is the signal's name."""

    def __init__(self) -> None:
        self.asked: str | None = None
        self.when = 0.0

    def hear(self, number: int, frame: FrameType | None) -> None:
        """The handler of SIGINT and SIGTERM."""
        if self.asked and time.monotonic() - self.when < AT_ONCE and _leaving():
            return  # a terminal delivers one Ctrl-C twice to a process that another one started
        self.asked, self.when = signal.Signals(number).name, time.monotonic()
        _repeat(AGAIN)
        raise KeyboardInterrupt

    def remind(self, number: int, frame: FrameType | None) -> None:
        """The handler of the timer: the request again, unless it is being followed."""
        if self.asked and not _leaving():
            raise KeyboardInterrupt


@contextmanager
def listening() -> Iterator[Interrupts]:
    """Hear SIGINT and SIGTERM inside the block. A signal that is ignored (nohup, a job in the background) stays so.

    Outside of the main thread nothing changes.
    """
    heard = Interrupts()
    threading = sys.modules.get("threading")  # where nobody has loaded it there is one thread
    if threading is not None and threading.current_thread() is not threading.main_thread():
        yield heard
        return
    mine = {signal.SIGINT: heard.hear, signal.SIGTERM: heard.hear}
    if hasattr(signal, "SIGALRM"):
        mine[signal.SIGALRM] = heard.remind
    before = {number: signal.getsignal(number) for number in mine}
    for number, handler in mine.items():
        if before[number] is not signal.SIG_IGN:
            signal.signal(number, handler)
    told = sys.unraisablehook
    sys.unraisablehook = lambda lost: None if _is_interrupt(lost.exc_value) else told(lost)
    try:
        yield heard
    finally:
        if heard.asked:
            _repeat(0.0)
        sys.unraisablehook = told
        for number, previous in before.items():
            signal.signal(number, previous)


def _repeat(seconds: float) -> None:
    """Let the timer ring every so often, 0 for never; Windows has none, and an interrupt is heard there but once."""
    if hasattr(signal, "setitimer"):
        signal.setitimer(signal.ITIMER_REAL, seconds, seconds)


def _leaving() -> bool:
    """Whether the main thread is handling an interrupt now: in an except or finally block, or closing a generator."""
    error: BaseException | None = sys.exc_info()[1]
    while error is not None:
        if _is_interrupt(error) or isinstance(error, GeneratorExit):
            return True
        error = error.__cause__ or error.__context__
    return False


def _is_interrupt(error: BaseException | None) -> bool:
    return isinstance(error, KeyboardInterrupt | Interrupted)
