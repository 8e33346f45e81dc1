"""The errors a user can meet, each with the exit code of its kind, and notices about what was passed over.

An error says what was wrong, what was found, what was expected and which command to run next.
"""

from __future__ import annotations

import warnings

TYPE_CHECKING = False  # `typing` alone would be a good part of what --help loads
if TYPE_CHECKING:
    from typing import Literal

    Kind = Literal["runtime", "usage", "input", "numerical", "interrupted"]


class RrdynError(Exception):
    """Something failed at run time (exit code 1)."""

    exit_code = 1
    kind: Kind = "runtime"

    def __init__(
        self,
        problem: str,
        *,
        found: object | None = None,
        expected: object | None = None,
        run: str | None = None,
    ) -> None:
        """`problem` is one sentence; `run` is a command line or an instruction that would mend it."""
        super().__init__(problem)
        self.problem = problem
        self.found = None if found is None else str(found)
        self.expected = None if expected is None else str(expected)
        self.run = run

    def __str__(self) -> str:
        rows = [("found", self.found), ("expected", self.expected), ("try", self.run)]
        return "\n".join([self.problem, *(f"  {name + ':':<10}{text}" for name, text in rows if text)])


class UsageError(RrdynError):
    """The command line or a config is wrong (exit code 2)."""

    exit_code = 2
    kind = "usage"


class InputError(RrdynError):
    """An input file is missing, broken or of another kind (exit code 3)."""

    exit_code = 3
    kind = "input"


class NumericalError(RrdynError):
    """Numbers are not finite, or a self-check failed (exit code 4)."""

    exit_code = 4
    kind = "numerical"


class Interrupted(RrdynError):
    """Stopped from outside after saving (exit code 130)."""

    exit_code = 130
    kind = "interrupted"


def unexpected(error: BaseException) -> RrdynError:
    """The error (exit code 1) for an exception that nobody foresaw, in one line that says what can be done."""
    kind, text = type(error).__name__, " ".join(str(error).split())[:300]
    if isinstance(error, MemoryError) or kind == "OutOfMemoryError" or "can't allocate memory" in text:
        return RrdynError(
            "there is not enough memory", found=text or kind, run="fewer puzzles (--n) or a smaller --batch"
        )
    if isinstance(error, RecursionError):
        return RrdynError("something is nested too deeply", found=text or kind)
    if isinstance(error, OSError):
        told = error.strerror or text or kind
        return RrdynError(f"{told}: {error.filename}" if error.filename else told, found=kind)
    return RrdynError(f"something unforeseen went wrong: {kind}: {text}", run="RRDYN_DEBUG=1 shows where")


class Notice(UserWarning):
    """Something was passed over or is doubtful; it is shown on stderr and the work goes on."""


def notice(text: str) -> None:
    """Tell the user what was passed over or is doubtful, as a `Notice` warning."""
    warnings.warn(Notice(text), stacklevel=2)
