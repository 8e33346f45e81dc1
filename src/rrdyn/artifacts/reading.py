"""The reading doors of text formats: JSON, JSON lines, YAML, CSV, plain text.

Each turns whatever is wrong with a file into one `InputError` naming the file, the place, what was found and what was
expected. Text is UTF-8, a byte-order mark is dropped; sizes and nesting are bounded before anything is built of them.
"""

from __future__ import annotations

import codecs
import csv
import io
import json
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any, TypeVar, overload

import yaml
from pydantic import BaseModel, ValidationError

from rrdyn.artifacts.errors import InputError, RrdynError, UsageError, notice
from rrdyn.artifacts.places import opened, said, shown
from rrdyn.artifacts.record import Meta, Settings

T = TypeVar("T")
M = TypeVar("M", bound=BaseModel)

LARGEST_TEXT = 1 << 28
"""Bytes of a text file that is read whole."""
LARGEST_YAML = 1 << 20
"""Bytes of a YAML file: its reader takes a second for each megabyte."""
DEEPEST = 64
"""Lists and objects inside one another."""
MOST_VALUES = 1 << 24
"""Values of one file: YAML's aliases can announce more than any memory holds."""
LARGEST_INTEGER = 10**20
"""Every whole number that a computer counts with is smaller."""


def read_bytes(path: Path | str, *, most: int = LARGEST_TEXT, run: str | None = None) -> bytes:
    """The content of an ordinary file of at most `most` bytes."""
    content = bytearray()
    with opened(path, most=most, run=run) as stream:
        while chunk := stream.read(1 << 20):
            content += chunk
            if len(content) > most:  # a file that grows, or whose size the system does not know
                raise InputError(
                    f"{shown(path)} is too large", found=f"over {most} bytes", expected=f"at most {most} bytes"
                )
    return bytes(content)


def read_text(path: Path | str, *, most: int = LARGEST_TEXT, run: str | None = None) -> str:
    """The text of a UTF-8 file, without a byte-order mark, lines ending in "\\n"."""
    content = read_bytes(path, most=most, run=run)
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise _not_utf8(path, content, error) from None
    return text.replace("\r\n", "\n").replace("\r", "\n")


def _not_utf8(path: Path | str, content: bytes, error: UnicodeDecodeError) -> InputError:
    wide = content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))
    line = content.count(b"\n", 0, error.start) + 1
    found = "UTF-16 text" if wide else f"byte 0x{content[error.start]:02x} at byte {error.start}, line {line}"
    return InputError(f"{shown(path)} is not UTF-8 text", found=found, expected="text in UTF-8")


@contextmanager
def open_text(path: Path | str, *, most: int | None = None, run: str | None = None) -> Iterator[IO[str]]:
    """A UTF-8 file as a stream of lines with their ends kept, for the csv module and for files too large to hold.

    What goes wrong inside (bytes that are not UTF-8, a field too long for csv) is told as an InputError of the file.
    """
    with opened(path, most=most, run=run) as stream:
        text = io.TextIOWrapper(stream, encoding="utf-8-sig", newline="")
        try:
            yield text
        except UnicodeDecodeError as error:
            raise InputError(
                f"{shown(path)} is not UTF-8 text", found=f"byte 0x{error.object[error.start]:02x}: {error.reason}",
                expected="text in UTF-8",
            ) from None  # fmt: skip
        except csv.Error as error:
            raise InputError(f"{shown(path)} is not a readable table", found=said(error)) from None
        finally:
            text.detach()


def read_table(path: Path | str, *, delimiter: str = ",", run: str | None = None) -> list[list[str]]:
    """The rows of a CSV file as text, its head first; rows without a field are left out."""
    with open_text(path, most=LARGEST_TEXT, run=run) as stream:
        return [row for row in csv.reader(stream, delimiter=delimiter) if row]


# ---- JSON ------------------------------------------------------------------------------------------------------------


@overload
def read_json(path: Path | str, kind: None = None, *, most: int = ..., run: str | None = ...) -> Any: ...
@overload
def read_json(path: Path | str, kind: type[M], *, most: int = ..., run: str | None = ...) -> M: ...
def read_json(
    path: Path | str, kind: type[M] | None = None, *, most: int = LARGEST_TEXT, run: str | None = None
) -> Any:
    """The content of a JSON file, or the pydantic model `kind` that it describes.

    NaN and Infinity, which strict JSON has not, are read as such: other programs write them. `kind` decides whether
    it takes them.
    """
    text = read_text(path, most=most, run=run)
    content = parse_json(text, shown(path), run=run)
    return content if kind is None else _validated(lambda: kind.model_validate_json(text), shown(path), run)


def parse_json(text: str, where: str, *, run: str | None = None) -> Any:
    """The value of a JSON text; `where` names its place in the message of an InputError."""
    content = _guarded(lambda: json.loads(text), where, "JSON", run)
    _check_bounds(content, where)
    return content


def read_jsonl(path: Path | str, *, most: int = LARGEST_TEXT, run: str | None = None) -> list[Meta]:
    """The records of a file with one JSON object a line, such as train.jsonl.

    Lines that are none are left out with a notice; of a last line without its end, which a process may still be
    writing, nothing is said.
    """
    text = read_text(path, most=most, run=run)
    lines = [line for line in text.split("\n") if line.strip()]
    cut = bool(lines) and not text.endswith("\n")
    try:  # all at once is several times faster, and nearly always right
        rows: list[Meta] = parse_json(f"[{','.join(lines)}]", shown(path))
        if len(rows) == len(lines) and all(isinstance(row, dict) for row in rows):
            return rows
    except InputError:
        pass
    read = [_record(line, shown(path)) for line in lines]
    lost = sum(row is None for row in read[: len(read) - cut])
    if lost:
        notice(f"{shown(path)}: {lost} of {len(lines)} lines are no JSON objects: left out")
    return [row for row in read if row is not None]


def _record(line: str, where: str) -> Meta | None:
    try:
        value = parse_json(line, where)
    except InputError:
        return None
    return value if isinstance(value, dict) else None


# ---- YAML ------------------------------------------------------------------------------------------------------------


TRUTH = re.compile(r"^(?:true|True|TRUE|false|False|FALSE)$")


class _Loader(yaml.SafeLoader):
    """Safe, and merged mappings (`<<: [*a, *b]`) cannot multiply without end.

    Only true and false are truth values, as in YAML 1.2: `compile: off` is a word.
    """

    yaml_implicit_resolvers = {
        first: [(tag, TRUTH if tag.endswith(":bool") else pattern) for tag, pattern in resolvers]
        for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
    }

    def flatten_mapping(self, node: Any) -> None:
        super().flatten_mapping(node)
        if len(node.value) > 10_000:
            raise yaml.YAMLError("a mapping of more than 10000 keys")


@overload
def read_yaml(path: Path | str, kind: None = None, *, run: str | None = ...) -> Settings: ...
@overload
def read_yaml(path: Path | str, kind: type[M], *, run: str | None = ...) -> M: ...
def read_yaml(path: Path | str, kind: type[M] | None = None, *, run: str | None = None) -> Any:
    """The settings of a YAML file, {} for an empty one, or the pydantic model `kind` that they describe."""
    text = read_text(path, most=LARGEST_YAML, run=run)
    content = parse_yaml(text, shown(path), run=run)
    content = {} if content is None else content
    if not isinstance(content, dict):
        raise InputError(f"{shown(path)} holds no settings", found=type(content).__name__, expected="key: value lines")
    return content if kind is None else _validated(lambda: kind.model_validate(content), shown(path), run)


def parse_yaml(text: str, where: str, *, run: str | None = None) -> Any:
    """The value of a YAML text; `where` names its place in the message of an InputError."""
    content = _guarded(lambda: yaml.load(text, _Loader), where, "YAML", run)
    _check_bounds(content, where)
    return content


# ---- what both have in common ----------------------------------------------------------------------------------------


def _guarded(read: Callable[[], T], where: str, what: str, run: str | None) -> T:
    try:
        return read()
    except RecursionError:
        raise InputError(f"{where} is nested too deeply", expected=f"at most {DEEPEST} levels", run=run) from None
    except MemoryError:
        raise InputError(f"{where} does not fit into memory", run=run) from None
    except Exception as error:  # parsers have kinds of their own, and their constructors others
        raise InputError(f"{where} is not readable {what}", found=said(error), run=run) from None


def _check_bounds(content: Any, where: str) -> None:
    """Refuse what is nested too deeply, holds too much, or has keys or numbers that nothing of ours can have."""
    level, depth, count = [content], 0, 0
    while level:
        depth, count = depth + 1, count + len(level)
        if depth > DEEPEST + 1:
            raise InputError(f"{where} is nested too deeply", expected=f"at most {DEEPEST} levels")
        below: list[Any] = []
        for value in level:
            if isinstance(value, dict):
                for key in value:
                    if not isinstance(key, str):
                        raise InputError(f"{where} has a key that is no text", found=repr(key)[:80], expected="a word")
                below.extend(value.values())
            elif isinstance(value, list):
                below.extend(value)
            elif isinstance(value, int) and abs(value) >= LARGEST_INTEGER:
                raise InputError(f"{where} holds a whole number beyond all use", expected="at most 20 digits")
            if count + len(below) > MOST_VALUES:
                raise InputError(f"{where} holds too much", expected=f"at most {MOST_VALUES} values")
        level = below


def _validated(make: Callable[[], M], where: str, run: str | None) -> M:
    try:
        return make()
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(map(str, first["loc"]))
        missing = first["type"] == "missing"
        raise InputError(
            f"{where}: {place or 'the content'} is {'missing' if missing else 'not as it should be'}",
            found=None if missing else " ".join(repr(first["input"]).split())[:120],
            expected=first["msg"].removeprefix("Input should be ").removeprefix("Value error, "),
            run=run,
        ) from None
    except UsageError as error:  # of a Config, whose words are meant for a command line
        raise InputError(f"{where}: {error.problem}", found=error.found, expected=error.expected, run=run) from None
    except RrdynError:
        raise
    except Exception as error:  # a validator that did not expect this
        raise InputError(f"{where} is not as it should be", found=said(error), run=run) from None
