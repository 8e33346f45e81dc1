"""How a table of puzzles is laid out: by what its fields are separated, and which column is which."""

from __future__ import annotations

import csv
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from rrdyn.artifacts.errors import InputError
from rrdyn.artifacts.places import shown
from rrdyn.artifacts.reading import open_text
from rrdyn.data.puzzle import Puzzle

DELIMITERS = {",": "commas", "\t": "tabs", ";": "semicolons"}
QUESTION = ("question", "questions", "puzzle", "puzzles", "quiz", "quizzes")
ANSWER = ("answer", "answers", "solution", "solutions")
RATING = ("rating", "difficulty")
"""What columns are called, by us and in well-known sets."""


@dataclass(frozen=True, kw_only=True)
class Layout:
    """Where in a row things stand; None where the table lacks them."""

    delimiter: str
    columns: int
    question: int
    answer: int | None
    rating: int | None
    headed: bool
    """Whether the first line names the columns; without that the table is a list of questions, maybe with answers."""


def first_line(stream: Iterable[str], kind: type[Puzzle]) -> str:
    """The first line that is neither empty nor a comment."""
    return next((line for line in stream if line.strip() and not is_comment(line, kind)), "")


def is_comment(line: str, kind: type[Puzzle]) -> bool:
    """A line that begins with "#" and is no maze."""
    return line.startswith("#") and not is_puzzle(line.rstrip("\r\n"), kind)


def head_of(path: Path, kind: type[Puzzle]) -> tuple[Layout, str]:
    """The layout of a table and its first question; "" where it has none. Raises InputError as `layout_of`."""
    with open_text(path) as stream:
        line = first_line(stream, kind)
        layout = layout_of(line, path, kind)
        row = next(csv.reader([first_line(stream, kind) if layout.headed else line], delimiter=layout.delimiter), [])
    return layout, row[layout.question] if len(row) > layout.question else ""


def layout_of(first: str, path: Path, kind: type[Puzzle]) -> Layout:
    """The layout of the table that begins with the line `first`. Raises InputError where no column holds questions."""
    line = first.rstrip("\r\n")
    for delimiter in DELIMITERS:
        names = [name.strip().strip('"').lower() for name in line.split(delimiter)]
        if (question := _place(names, QUESTION)) is not None:
            return Layout(
                delimiter=delimiter, columns=len(names), question=question, answer=_place(names, ANSWER),
                rating=_place(names, RATING), headed=True,
            )  # fmt: skip
    delimiter = max(DELIMITERS, key=line.count)
    fields = [field.strip('"') for field in line.split(delimiter)]
    if len(fields) <= 2 and all(is_puzzle(field, kind) for field in fields):
        answer = 1 if len(fields) == 2 else None
        return Layout(delimiter=delimiter, columns=len(fields), question=0, answer=answer, rating=None, headed=False)
    raise InputError(
        f"{shown(path)} has no column of questions",
        found=f"{line[:120]!r}, read as separated by {DELIMITERS[delimiter]}" if line else "an empty file",
        expected="a first line with the names question,answer,rating (or puzzle,solution,difficulty; "
        "quizzes,solutions), or a question a line",
    )


def _place(names: list[str], known: tuple[str, ...]) -> int | None:
    return next((names.index(name) for name in known if name in names), None)


def is_puzzle(text: str, kind: type[Puzzle]) -> bool:
    """Whether a text has the length and the characters of a question, or an answer, of the kind."""
    puzzle = kind.fitting(len(text))
    return puzzle is not None and set(text) <= set(puzzle.characters())
