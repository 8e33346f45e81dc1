"""What all commands share: their arguments' base class, what they return, how a line is parsed and answered."""

from __future__ import annotations

import io
import itertools
import os
import platform
import re
import sys
import time
import traceback
import warnings
from collections.abc import Callable, Mapping, Sequence
from contextlib import contextmanager, redirect_stderr, suppress
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType
from typing import Annotated, Any, NamedTuple, get_args, get_origin

import tyro
from pydantic import ConfigDict, ValidationError
from pydantic.fields import FieldInfo
from tyro.conf import Positional
from tyro.constructors import ConstructorRegistry, StructConstructorSpec, StructFieldSpec, StructTypeInfo

from rrdyn.artifacts.config import Config
from rrdyn.artifacts.errors import Notice, RrdynError, UsageError
from rrdyn.artifacts.files import dump_json
from rrdyn.artifacts.pasting import quoted
from rrdyn.artifacts.places import exists, is_file, said, shown
from rrdyn.artifacts.record import Written
from rrdyn.runtime import progress
from rrdyn.runtime.output import answering, put, width
from rrdyn.version import __version__

__all__ = ["Arguments", "Command", "Outcome", "Positional", "environment", "parse", "print_by_parser", "run_command"]

POSITIONAL = get_args(Positional[Any])[1]  # type: ignore[misc]
WITHIN_STUDY = "RRDYN_WITHIN_STUDY"
"""Set while a command is a step of a study, which says itself what comes next."""
MARKERS = (tyro.conf.FlagCreatePairsOff, tyro.conf.OmitArgPrefixes, tyro.conf.DisallowNone)
REGISTRY = ConstructorRegistry()
FEW_FILES = 4
OPTION = re.compile("--?[A-Za-z]")
"""Files that are told one by one: a picture with its data and its caption."""
SELF_EVIDENT = ("None", "False", "True", "", "''")
"""Defaults that the help does not repeat: what stands in for them is in the text, and a flag not given is off."""


class Arguments(Config):
    """Base of every command's arguments: bad and missing values are refused by the flag's name."""

    model_config = ConfigDict(allow_inf_nan=False)

    as_json: Annotated[bool, tyro.conf.arg(name="json")] = False
    """Print one JSON object on stdout instead of text."""
    quiet: bool = False
    """No messages and no progress on stderr; errors only."""
    verbose: Annotated[bool, tyro.conf.arg(aliases=["-v"])] = False
    """On stderr also what was found and how long things took, each message with its time."""
    log_file: Path | None = None
    """Add all messages to this file, details and errors included, whatever stderr shows."""

    def __init__(self, **given: Any) -> None:
        """None is what the parser leaves for an argument that was not given."""
        super().__init__(**{name: value for name, value in given.items() if value is not None})

    def check_names(self) -> None:
        """Refuse names that are known to be wrong before the command loads anything heavy. Raises RrdynError."""

    def instead(self, name: str, argv: list[str]) -> Outcome | None:
        """What is done in place of the command, of that name and these words; None where it is to be run."""
        return None

    @classmethod
    def untaken(cls) -> tuple[str, ...]:
        """Inherited fields that say nothing of this command: they are no options of it."""
        return ()

    @classmethod
    def spelled(cls, key: str) -> str:
        name = key.split(".")[0]  # of a list of values the flag is named, not the place in it
        if name in cls.model_fields and POSITIONAL in cls.model_fields[name].metadata:
            return name.upper().replace("_", "-")
        return "--" + name.replace("as_json", "json").replace("_", "-")

    @classmethod
    def refusal(cls, error: ValidationError) -> UsageError:
        first = error.errors()[0]
        if first["type"] not in ("missing", "too_short"):
            return super().refusal(error)
        name = str(first["loc"][0])
        return UsageError(f"{cls.spelled(name)} is missing", expected=cls.explained(name), run=cls.example())

    @classmethod
    def explained(cls, name: str) -> str:
        """The text under a field, in one line."""
        return " ".join((cls.model_fields[name].description or "").split())

    @classmethod
    def example(cls) -> str | None:
        """The first numbered example of the command."""
        found = re.search(r"1\. (rrdyn .*)", cls.__doc__ or "")
        return found and found[1]


@REGISTRY.struct_rule
def _flags(info: StructTypeInfo) -> StructConstructorSpec | None:
    """How the parser sees a command's arguments: what is missing is left to `Arguments`, which says it in our words."""
    kind = info.type
    if not (isinstance(kind, type) and issubclass(kind, Arguments)):
        return None
    common_last = sorted(kind.model_fields.items(), key=lambda item: item[0] in Arguments.model_fields)
    fields = [
        StructFieldSpec(
            name=name,
            type=_annotated(kind.spelled(name), field),
            default=None if field.is_required() else field.get_default(call_default_factory=True),
            helptext=kind.explained(name),
        )
        for name, field in common_last
        if name not in kind.untaken()
    ]
    return StructConstructorSpec(instantiate=kind, fields=tuple(fields))


def _annotated(spelled: str, field: FieldInfo) -> Any:
    kind: Any = field.annotation | None if field.is_required() else field.annotation  # type: ignore[operator]
    ours = tyro.conf.arg(metavar=_metavar(spelled, field), help_behavior_hint=_hint)
    return Annotated[(kind, ours, *field.metadata)]


def _metavar(spelled: str, field: FieldInfo) -> str | None:
    """A positional argument goes by its name; of an option the parser shows the type."""
    if spelled.startswith("--"):
        return {str(str): "TEXT", str(str | None): "TEXT", str(tuple[str, ...]): "TEXT ..."}.get(str(field.annotation))
    shown = f"{spelled} ..." if get_origin(field.annotation) is tuple else spelled
    return shown if field.is_required() else f"[{shown}]"


def _hint(default: str) -> str:
    return "" if default in SELF_EVIDENT else f"(default: {default})"


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """What a command did: text for a person, data for --json, files written or kept, what to run next."""

    data: Written = field(default_factory=Written)
    text: str = ""
    wrote: Sequence[Path] = ()
    kept: Sequence[Path] = ()
    next: Sequence[str] = ()
    exit_code: int = 0


class Command(NamedTuple):
    """What a command's module holds: its arguments, and what it does with them."""

    Args: type[Arguments]
    run: Callable[[Any], Outcome]


def run_command(name: str, module: ModuleType | Command, argv: list[str]) -> int:
    """Parse, run and answer: data on stdout, messages on stderr; returns the exit code."""
    args = parse(module.Args, argv, f"rrdyn {name}")
    if args is None:
        return 0
    with _listening(args), _notices_on_stderr(), _logged(name, argv):
        args.check_names()
        outcome: Outcome = args.instead(name, argv) or module.run(args)
        files = {"wrote": [str(path) for path in outcome.wrote], "kept": [str(path) for path in outcome.kept]}
        try:
            if args.as_json:
                put_json({"command": name, **outcome.data.model_dump(), **files})
            elif outcome.text:
                put(outcome.text)
        finally:
            _tell_files(outcome)
    return outcome.exit_code


@contextmanager
def _listening(args: Arguments) -> Any:
    """What is shown and what is kept of messages, as asked for."""
    kept = None if args.log_file is None else str(logged_to(args.log_file))
    with (
        environment(progress.QUIET, "1" if args.quiet else None),
        environment(progress.VERBOSE, "1" if args.verbose else None),
        environment(progress.LOG_FILE, kept),
    ):
        yield


def logged_to(path: Path) -> Path:
    """The place of a log file, that can be added to. Raises RrdynError where it cannot."""
    path = Path(os.path.abspath(path))
    found = "no regular file" if exists(path) and not is_file(path) else ""
    try:
        if not found:
            with open(path, "a"):
                return path
    except (OSError, ValueError) as error:
        found = said(error)
    raise RrdynError(f"the log file {shown(path)} cannot be written", found=found,
                     expected="a file, or a new name in a folder that is there",
                     run="give another place with --log-file")  # fmt: skip


@contextmanager
def _logged(name: str, argv: list[str]) -> Any:
    """The details of one command: what was typed, how long it took, and in the log file how it failed."""
    began = time.monotonic()
    progress.detail(f"rrdyn {__version__}, Python {platform.python_version()}: rrdyn {name} {quoted(*argv)}")
    try:
        yield
    except BaseException as error:
        ours = isinstance(error, RrdynError | KeyboardInterrupt)
        told = str(error) or type(error).__name__ if ours else "".join(traceback.format_exception(error)).rstrip()
        progress.keep(told, "ERROR")
        raise
    progress.detail(f"rrdyn {name} took {time.monotonic() - began:.1f} s")


def put_json(answer: Mapping[str, Any]) -> None:
    """One JSON object on stdout, its text within what stdout can show."""
    put(dump_json(answer, ascii_only="utf" not in (sys.stdout.encoding or "").lower()))


def _wrote(paths: list[Path]) -> list[str]:
    """A line for each file; of many the page to read, or the first, and how many more there are and where."""
    if len(paths) <= FEW_FILES:
        return [f"wrote {path}" for path in paths]
    first = next((path for path in paths if path.suffix == ".md"), paths[0])
    places = list(dict.fromkeys(str(path.parent) for path in paths))
    return [f"wrote {first}", f"wrote {len(paths) - 1} more files into {', '.join(places)}"]


def _tell_files(outcome: Outcome) -> None:
    if os.environ.get(WITHIN_STUDY):
        if outcome.wrote:
            more = f" and {len(outcome.wrote) - 1} more" if len(outcome.wrote) > 1 else ""
            progress.say(f"wrote {outcome.wrote[0]}{more}")
        return
    for line in _wrote(list(outcome.wrote)):
        progress.say(line)
    for path in outcome.kept:
        progress.say(f"kept {path}")
    for command in outcome.next:
        progress.say(f"next: {command}")


@contextmanager
def environment(name: str, value: str | None) -> Any:
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
    """The arguments of one command, None where its help was asked for and printed.

    Raises UsageError with one plain message.
    """
    if {"-h", "--help"} & set(argv):
        print_by_parser(kind, argv, program, MARKERS)
        return None
    if argv and argv[0].replace("_", "-").startswith("--tyro-"):  # the parser's own; of use to the whole program only
        raise UsageError(f"Unrecognized options: {argv[0]}", run=f"{program} --help")
    heard = io.StringIO()
    try:
        # wide, so that messages are not broken over lines before they are re-told
        with redirect_stderr(heard), environment("COLUMNS", "4000"):
            return _read(kind, argv, program)
    except SystemExit as stop:
        if not stop.code:
            raise
        raise UsageError(_retold(kind, heard.getvalue()), run=f"{program} --help") from None


def _read(kind: type[Arguments], argv: list[str], program: str) -> Any:
    """What the parser makes of the words.

    Of an option of several values that stands more than once it would keep the last alone: `--set a=1 --set b=2` has
    both here. Each further one is read in a turn of its own, beside the words that all turns share.
    """
    several = {
        kind.spelled(name): name for name, field in kind.model_fields.items()
        if get_origin(field.annotation) is tuple and Ellipsis in get_args(field.annotation)
    }  # fmt: skip
    turns: list[dict[str, list[str]]] = [{}]
    shared: list[str] = []
    words = shared
    for word in argv:
        flag = word.partition("=")[0]
        if flag not in several:
            words = shared if OPTION.match(word) else words
            words.append(word)
            continue
        turn = next((turn for turn in turns if flag not in turn), None)
        if turn is None:
            turns.append(turn := {})
        words = turn[flag] = [word]
    lines = [[*shared, *itertools.chain(*turn.values())] for turn in turns] if len(turns) > 1 else [argv]
    read = [tyro.cli(kind, args=line, prog=program, config=MARKERS, registry=REGISTRY) for line in lines]
    if len(read) == 1:
        return read[0]
    given: dict[str, tuple[Any, ...]] = {}
    for one, turn in zip(read, turns):
        for name in (several[flag] for flag in turn):
            given[name] = (*given.get(name, ()), *getattr(one, name))
    return kind(**{**dict(read[0]), **given})


def print_by_parser(kind: Any, argv: list[str], program: str, markers: tuple[Any, ...]) -> None:
    """Let the parser print what it prints before it exits: help, a completion script."""
    with answering(), environment("COLUMNS", str(width())), suppress(SystemExit):
        tyro.cli(kind, args=argv, prog=program, config=markers, registry=REGISTRY)


def _retold(kind: type[Arguments], boxed: str) -> str:
    """The sentences of tyro's framed message, without the frame, its colours and its pointer to --help."""
    plain = re.sub(r"\x1b\[[0-9;]*m", "", boxed)
    lines = [re.sub(r"^[│╭╰─|+\s]+|[│╮╯─|+\s]+$", "", line) for line in plain.splitlines()[1:]]
    kept = itertools.takewhile(lambda line: line != "Argument helptext:", filter(lambda line: line.strip("-"), lines))
    told = "\n  ".join(
        line for line in kept if not line.startswith("For full helptext") and not line.endswith(" --help")
    )
    if unread := re.match(r"Error parsing (\S+): .*?(?:\[('.*?')\]|('[^']*'))", told, re.DOTALL):
        flag, words = unread[1], unread[2] or unread[3]
        whole = {kind.spelled(name) for name, field in kind.model_fields.items() if "int" in str(field.annotation)}
        number = "whole number" if flag in whole else "number"
        return f"{flag} cannot be read: {words} " + (f"are not {number}s" if "," in words else f"is not a {number}")
    return told or "the arguments cannot be read"
