"""A Sudoku as people write it: one line or a grid, with rules between boxes, as JSON, as a spreadsheet's cells."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

from rrdyn.artifacts.errors import InputError
from rrdyn.artifacts.reading import parse_json

DIGITS = "123456789ABCDEFGHIJKLMNOP"
"""How digits 1 to 25 are written."""
BLANK, BLANKS = ".", "0_*-"
"""How an empty cell is written, and what is read as one besides."""
RULE = re.compile(r"[-+|=\s]+")
"""A line between boxes."""
COMMENT = ("#", "//")


def cells(text: str, count: int) -> str:
    """The characters of a question of `count` cells, whatever form it has. Raises InputError for JSON that is none.

    A line of a grid without any digit, "------", is a rule where the grid is whole without it, else a line of blanks.
    """
    text = text.strip("\ufeff\n\r ")
    if text.startswith(("[", "{")):
        return written(_flat(parse_json(text, "the puzzle")))
    lines = [line.strip(" ") for line in text.splitlines() if line.strip() and not line.strip().startswith(COMMENT)]
    table = next((mark for mark in (",", ";", "\t") if any(mark in line for line in lines)), None)
    if table:
        return written(field.strip() for line in lines for field in line.split(table))
    grid = [line for line in lines if not ((RULE.fullmatch(line) and "-" in line) or set(line) <= {"+", "=", "|"})]
    found = _plain(grid, count)
    return found if len(found) == count else _plain(lines, count)


def _plain(lines: list[str], count: int) -> str:
    words = " ".join(lines).replace("|", " ").split()
    if len(words) == count:  # cell by cell: numbers above 9 take two figures
        return written(words)
    return "".join(words).replace("+", "")


def written(values: Iterable[Any]) -> str:
    """Cells by value, in one character each: numbers, characters, None or nothing for an empty cell."""
    return "".join(map(_character, values))


def _character(value: Any) -> str:
    text = "" if value is None else str(value).strip()
    if re.fullmatch(r"\d+", text):
        number = int(text[:4])
        return BLANK if number == 0 else DIGITS[number - 1] if number <= len(DIGITS) else "?"
    return text or BLANK


def _flat(value: Any) -> list[Any]:
    """The cells of nested lists; rows may be written as texts."""
    if isinstance(value, dict):
        value = next((value[key] for key in ("puzzle", "question", "quiz", "grid", "board") if key in value), None)
        if value is None:
            raise InputError(
                "the puzzle is a JSON object without a puzzle", expected="a list of rows, or {puzzle: ...}"
            )
    if isinstance(value, str):
        return list(value)
    if not isinstance(value, list):
        return [value]
    return [cell for item in value for cell in (_flat(item) if isinstance(item, list | str) and item != "" else [item])]
