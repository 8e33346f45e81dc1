"""What all commands share: their arguments' base class, what they return, how a line is parsed and answered."""

from __future__ import annotations

import io
import itertools
import os
import re
import sys
import warnings
from collections.abc import Sequence
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType
from typing import Annotated, Any, get_args, get_type_hints

import tyro
from tyro.conf import Positional

from rrdyn.artifacts.config import Config
from rrdyn.artifacts.errors import Notice, UsageError
from rrdyn.artifacts.files import dump_json
from rrdyn.runtime import progress

__all__ = ["Arguments", "Outcome", "Positional", "parse", "run_command", "within_study"]

POSITIONAL = get_args(Positional[Any])[1]  # type: ignore[misc]
WITHIN_STUDY = "RRDYN_WITHIN_STUDY"
MARKERS = (tyro.conf.FlagCreatePairsOff, tyro.conf.OmitArgPrefixes)

RETOLD = (
    (
        r"Error parsing (\S+): invalid literal for int\(\) \S+ \S+ \S+ ('.*?')",
        r"\1 cannot be read: \2 is not a whole number",
    ),
    (r"Error parsing (\S+): could not convert string to float: ('.*?')", r"\1 cannot be read: \2 is not a number"),
    (
        r"Error parsing (\S+): no type matching \S*INT\S* .*?\[('.*?')\].*",
        r"\1 cannot be read: \2 is not a whole number",
    ),
    (r"Error parsing (\S+): no type matching \S*FLOAT\S* .*?\[('.*?')\].*", r"\1 cannot be read: \2 is not a number"),
)
"""What the parser says of a value it cannot read, and how it is said here."""


class Arguments(Config):
    """Base of every command's arguments: bad values are refused by the flag's name."""

    as_json: Annotated[bool, tyro.conf.arg(name="json")] = False
    """Print one JSON object on stdout instead of text."""
    quiet: bool = False
    """No messages and no progress on stderr; errors only."""

    @classmethod
    def spelled(cls, key: str) -> str:
        hints = get_type_hints(cls, include_extras=True)
        first = key.split(".")[0]
        if POSITIONAL in getattr(hints.get(first), "__metadata__", ()):
            return first.upper().replace("_", "-")
        return "--" + key.replace("as_json", "json").replace("_", "-")


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """What a command did: text for a person, data for --json, files written, what to run next."""

    data: dict[str, Any] = field(default_factory=dict)
    text: str = ""
    wrote: Sequence[Path] = ()
    next: Sequence[str] = ()
    exit_code: int = 0


def run_command(name: str, module: ModuleType, argv: list[str]) -> int:
    """Parse, run and answer: data on stdout, messages on stderr; returns the exit code."""
    args = parse(module.Args, argv, f"rrdyn {name}")
    with _environment(progress.QUIET, "1" if args.quiet else None), _notices_on_stderr():
        outcome: Outcome = module.run(args)
        if args.as_json:
            print(dump_json({"command": name, **outcome.data, "wrote": [str(path) for path in outcome.wrote]}))
        elif outcome.text:
            print(outcome.text)
        sys.stdout.flush()
        _tell_files(outcome)
    return outcome.exit_code


def _tell_files(outcome: Outcome) -> None:
    if os.environ.get(WITHIN_STUDY):  # the study says what comes next
        if outcome.wrote:
            more = f" and {len(outcome.wrote) - 1} more" if len(outcome.wrote) > 1 else ""
            progress.say(f"wrote {outcome.wrote[0]}{more}")
        return
    for path in outcome.wrote:
        progress.say(f"wrote {path}")
    for command in outcome.next:
        progress.say(f"next: {command}")


def within_study(argv: list[str]) -> int:
    """Run another command as a step of a study: its text goes to stderr, and it does not say what to run next."""
    from rrdyn.cli.app import main

    with redirect_stdout(sys.stderr), _environment(WITHIN_STUDY, "1"):
        return main(argv)


@contextmanager
def _environment(name: str, value: str | None) -> Any:
    """Set an environment variable for a while; with None nothing is changed."""
    before = os.environ.get(name)
    if value is not None:
        os.environ[name] = value
    try:
        yield
    finally:
        if value is not None:
            os.environ.pop(name)
            if before is not None:
                os.environ[name] = before


@contextmanager
def _notices_on_stderr() -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("always", Notice)
        elsewhere = warnings.showwarning

        def show(message: Any, category: type[Warning], *rest: Any, **more: Any) -> None:
            if issubclass(category, Notice):
                progress.say(f"note: {message}")
            else:
                elsewhere(message, category, *rest, **more)

        warnings.showwarning = show
        yield


def parse(kind: type[Arguments], argv: list[str], program: str) -> Any:
    """The arguments of one command; raises UsageError with one plain message."""
    if {"-h", "--help"} & set(argv):
        return tyro.cli(kind, args=argv, prog=program, config=MARKERS)
    heard = io.StringIO()
    try:
        # wide, so that messages are not broken over lines before they are re-told
        with redirect_stderr(heard), _environment("COLUMNS", "4000"):
            return tyro.cli(kind, args=argv, prog=program, config=MARKERS)
    except SystemExit as stop:
        if not stop.code:
            raise
        raise UsageError(_retold(heard.getvalue()), run=f"{program} --help") from None


def _retold(boxed: str) -> str:
    """The sentences of tyro's framed message, without the frame, its colours and its pointer to --help."""
    plain = re.sub(r"\x1b\[[0-9;]*m", "", boxed)
    lines = [re.sub(r"^[│╭╰─|+\s]+|[│╮╯─|+\s]+$", "", line) for line in plain.splitlines()[1:]]
    kept = itertools.takewhile(lambda line: line != "Argument helptext:", filter(lambda line: line.strip("-"), lines))
    told = "\n  ".join(
        line for line in kept if not line.startswith("For full helptext") and not line.endswith(" --help")
    )
    for pattern, words in RETOLD:
        told = re.sub(pattern, words, told, flags=re.DOTALL)
    return told or "the arguments cannot be read"
