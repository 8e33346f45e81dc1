"""One page per command, from its own arguments, and from pages.yaml: what it reads and writes, and lines that run.

python docs/commands/make.py        # writes NAME.md for every command, and README.md
"""

from __future__ import annotations

import inspect
import re
import sys
import types
from pathlib import Path
from typing import Annotated, Any, Literal, Union, get_args, get_origin

import yaml
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

from rrdyn.cli.app import COMMANDS, GROUPS, load
from rrdyn.cli.command import POSITIONAL, Arguments

HERE = Path(__file__).resolve().parent
WRITTEN_BY_HAND = HERE / "pages.yaml"
PLAIN = {int: "whole number", float: "number", str: "text", Path: "path"}
BOUNDS = {"ge": "at least {:,}", "gt": "more than {:,}", "le": "at most {:,}", "lt": "less than {:,}"}
COMMON = tuple(Arguments.model_fields)


def file_name(command: str) -> str:
    """The page of a command, such as data-sudoku.md."""
    return command.replace(" ", "-") + ".md"


def written_by_hand() -> dict[str, dict[str, Any]]:
    """Per command: `reads`, `writes`, `run` (lines), and where needed `files`, `exits`, `note`, `see`."""
    return yaml.safe_load(WRITTEN_BY_HAND.read_text())


def runnable(text: str) -> list[str]:
    """The command lines of a `run` block, those that go on after a backslash joined."""
    return [line.strip() for line in text.replace("\\\n", " ").splitlines() if line.strip()]


def arguments(command: str) -> type[Arguments]:
    return load(command).Args


def page(command: str, hand: dict[str, Any]) -> str:
    """The page of one command."""
    kind = arguments(command)
    said, examples = told(kind)
    fields = {name: field for name, field in kind.model_fields.items() if name not in (*COMMON, *kind.untaken())}
    first = {name: field for name, field in fields.items() if POSITIONAL in field.metadata}
    rest = {name: field for name, field in fields.items() if name not in first}
    parts = [f"# rrdyn {command}", said, f"    rrdyn {command}{usage(kind, first)}{' [options]' if rest else ''}"]
    parts.append(f"**Reads** {hand['reads']}\n\n**Writes** {hand['writes']}")
    if "note" in hand:
        parts.append(hand["note"].strip())
    parts += ["## Try it", "In the folder in which you typed `rrdyn demo --tiny --out runs/tiny` (seconds):"]
    for name, text in hand.get("files", {}).items():
        parts.append(f"`{name}`:\n\n```yaml\n{text.strip()}\n```")
    parts.append(f"```sh\n{hand['run'].strip()}\n```")
    parts += ["## Further examples", "```sh\n" + "\n".join(examples) + "\n```"]
    for title, shown in (("Arguments", first), ("Options", rest)):
        if shown:
            parts += [f"## {title}", table(kind, shown)]
    parts.append(COMMON_OPTIONS)
    exits = hand.get("exits", {})
    own = "".join(f" {code}: {why}." for code, why in exits.items())
    parts.append(f"Exit codes: those of [every command](README.md#exit-codes).{own}")
    if "see" in hand:
        parts.append(f"See {hand['see']}.")
    return "\n\n".join(parts) + "\n"


def told(kind: type[Arguments]) -> tuple[str, list[str]]:
    """What the docstring says before its numbered examples, and those."""
    text = inspect.cleandoc(kind.__doc__ or "")
    examples = re.findall(r"^\d+\. (.+)$", text, flags=re.MULTILINE)
    return re.split(r"^1\. ", text, maxsplit=1, flags=re.MULTILINE)[0].strip(), examples


def usage(kind: type[Arguments], first: dict[str, FieldInfo]) -> str:
    words = ""
    for name, field in first.items():
        word = kind.spelled(name) + (" ..." if get_origin(bare(field.annotation)[0]) is tuple else "")
        words += f" {word}" if field.is_required() else f" [{word}]"
    return words


def table(kind: type[Arguments], fields: dict[str, FieldInfo]) -> str:
    rows = ["| name | value | default | |", "|---|---|---|---|"]
    for name, field in fields.items():
        text = " ".join((field.description or "").split())
        spelled = kind.spelled(name)
        if field.default is True:
            spelled = spelled.replace("--", "--no-", 1)
        cells = (f"`{spelled}`", value(field), default(field), text)
        rows.append("| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |")
    return "\n".join(rows)


def bare(annotation: Any, metadata: tuple[Any, ...] = ()) -> tuple[Any, list[Any]]:
    """A type without its optional None and its annotations, and what those annotations say."""
    found: list[Any] = list(metadata)
    while True:
        if get_origin(annotation) is Annotated:
            annotation, *more = get_args(annotation)
            found += [part for item in more for part in (item.metadata if isinstance(item, FieldInfo) else [item])]
        elif get_origin(annotation) in (Union, types.UnionType):
            kinds = [kind for kind in get_args(annotation) if kind is not type(None)]
            if len(kinds) != 1:
                return annotation, found
            annotation = kinds[0]
        else:
            return annotation, found


def value(field: FieldInfo) -> str:
    """What can be given, such as "whole number, at least 1"."""
    kind, metadata = bare(field.annotation, tuple(field.metadata))
    several = get_origin(kind) is tuple
    if several:
        kind, inner = bare(get_args(kind)[0])
        metadata += inner
    bounds = [words.format(getattr(item, key)) for item in metadata for key, words in BOUNDS.items()
              if hasattr(item, key)]  # fmt: skip
    if get_origin(kind) is Literal:
        shown = ", ".join(f"`{choice}`" for choice in get_args(kind))
    else:
        shown = "" if kind is bool else ", ".join([PLAIN[kind], *bounds])
    return f"{shown}; one or more" if several and field.is_required() else f"{shown}; any number" if several else shown


def default(field: FieldInfo) -> str:
    """What holds where nothing is given; empty where the text says it, and for a switch, which is off."""
    if field.default is PydanticUndefined or field.default is None or isinstance(field.default, bool):
        return ""
    shown = " ".join(map(str, field.default)) if isinstance(field.default, tuple) else str(field.default)
    return f"`{shown}`" if shown else ""


def contents() -> str:
    """README.md: all commands by stage, and what they share."""
    parts = ["# Commands", ABOUT]
    for group, commands in GROUPS.items():
        rows = [f"| [`rrdyn {name}`]({file_name(name)}) | {summary} |" for name, summary in commands.items()]
        parts.append("\n".join([f"## {group.capitalize()}", "", "| command | |", "|---|---|", *rows]))
    parts.append(SHARED.strip())
    return "\n\n".join(parts) + "\n"


COMMON_OPTIONS = (
    "`--json` prints one JSON object on stdout instead of text; `--quiet` leaves errors only on stderr, `-v` "
    "(`--verbose`) adds details; `--log-file FILE` keeps all messages: "
    "[what all commands share](README.md#what-all-commands-share)."
)

ABOUT = (
    "A page each, made by `make.py` from the command's own arguments. `rrdyn COMMAND --help` says "
    'the same in a terminal. The lines under "Try it" are run by the tests.'
)

SHARED = """
## What all commands share

Data goes to stdout, messages and progress to stderr. `--json` makes the data one JSON object with the keys `command`,
what the command has to tell, `wrote` (the files written) and `kept` (those that were there). A command that fails
answers `--json` too, beside its message on stderr: `command`, and under `error` the keys `kind`, `message`, `found`,
`expected`, `run` and `exit_code`. `rrdyn schema NAME` is the JSON Schema of both. `--quiet` leaves errors only on
stderr; `-v` adds what was found and how long things took, with the time. `--log-file FILE` adds all messages to a file,
those details and errors included, with the traceback of an error that nobody foresaw; several commands may share one.
`NO_COLOR` is respected. Each command ends by naming the files it wrote and what can be run next.

A file under its final name is whole: it is written to a temporary name beside it and renamed. What a process that was
killed left unfinished is removed by the next one that writes there. `--out` replaces an ordinary file of the same kind,
and nothing else: no folder, no device, no file that begins otherwise.

Ctrl-C and SIGTERM are the same request. A stdout that is closed or full ends a command with exit code 1, after its
files are written; a reader that goes away (`rrdyn cite | head`) is no error. Messages that stderr does not take are
lost, and the work goes on. An error that nobody foresaw is one line too; `RRDYN_DEBUG=1` shows where it came from.

## Exit codes

| code | meaning |
|---|---|
| 0 | done |
| 1 | failed at run time |
| 2 | usage: an unknown command or option, a value out of range |
| 3 | an input file is missing or bad |
| 4 | numbers that are not finite, or a failed self-check |
| 130 | interrupted; what was done is saved, and the same line goes on where it can |
"""


def pages() -> dict[str, str]:
    """File name -> content, of all pages."""
    hand = written_by_hand()
    if missing := set(COMMANDS) ^ set(hand):
        sys.exit(f"pages.yaml and the table of commands differ in: {', '.join(sorted(missing))}")
    return {"README.md": contents(), **{file_name(name): page(name, hand[name]) for name in COMMANDS}}


if __name__ == "__main__":
    for name, content in pages().items():
        (HERE / name).write_text(content)
