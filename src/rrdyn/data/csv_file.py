"""Reading puzzles from CSV in the published format: source, question, answer, rating."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

import numpy as np

from rrdyn.artifacts.arrays import memory_left
from rrdyn.artifacts.errors import InputError
from rrdyn.artifacts.places import shown
from rrdyn.artifacts.reading import open_text
from rrdyn.data.collection import Collection, joined
from rrdyn.data.puzzle import Puzzle

ROWS = 100_000
"""Rows read at a time."""
Row = tuple[int, str, str, str]


def read_csv(
    path: Path,
    kind: type[Puzzle],
    *,
    like: Puzzle | None = None,
    min_rating: int = 0,
    check: bool = False,
    workers: int | None = None,
) -> tuple[Puzzle, Collection]:
    """Read one file. The size of the puzzles is that of `like`, or of the first row.

    Raises InputError naming the line: a wrong length, an unknown character, an answer that contradicts its question
    and, with `check`, what the kind's `first_fault` finds: more than one solution (Sudoku), no shortest path (maze).
    """
    puzzle, parts = like, []
    for rows in _chunks(path):
        puzzle = puzzle or _kind_of_size(kind, rows[0], path)
        part = _encode(path, puzzle, rows)
        _require_consistent(path, puzzle, rows, part)
        if check:
            _require_sound(path, puzzle, rows, part, workers)
        if min_rating:
            if part.difficulty is None:
                raise InputError(f"{shown(path)} has no rating", expected="a rating column, for --min-rating")
            part = part.take(np.flatnonzero(part.difficulty >= min_rating))
        parts.append(part)
    if puzzle is None or not sum(len(part) for part in parts):
        raise InputError(
            f"{shown(path)} holds no puzzles", expected=f"rows rated {min_rating} or more" if parts else "rows"
        )
    return puzzle, joined(parts)


def _chunks(path: Path) -> Iterator[list[Row]]:
    """Rows as (line number, question, answer, rating); the file takes as much memory as it is long."""
    with open_text(path, most=memory_left()) as stream:
        reader = csv.reader(stream)
        header = [name.strip().lower() for name in next(reader, [])]
        missing = {"question", "answer"} - set(header)
        if missing:
            raise InputError(
                f"{shown(path)} has no column {' and no column '.join(sorted(missing))}",
                found=", ".join(header)[:120] or "an empty file",
                expected="a first line with the names source,question,answer,rating",
            )
        rows = _rows(path, reader, header)
        while chunk := list(islice(rows, ROWS)):
            yield chunk


def _rows(path: Path, reader: Iterator[list[str]], header: list[str]) -> Iterator[Row]:
    question, answer = header.index("question"), header.index("answer")
    rating = header.index("rating") if "rating" in header else None
    for fields in reader:
        line = reader.line_num  # type: ignore[attr-defined]
        if not fields:
            continue
        if len(fields) != len(header):
            raise InputError(
                f"{shown(path)}, line {line} has the wrong number of columns", found=len(fields), expected=len(header)
            )
        yield line, fields[question], fields[answer], "" if rating is None else fields[rating]


def _kind_of_size(kind: type[Puzzle], row: Row, path: Path) -> Puzzle:
    line, question, *_ = row
    puzzle = kind.fitting(len(question))
    if puzzle is None:
        raise InputError(
            f"{shown(path)}, line {line}: the question has the wrong length",
            found=f"{len(question)} characters",
            expected=kind.sizes,
        )
    return puzzle


def _encode(path: Path, puzzle: Puzzle, rows: list[Row]) -> Collection:
    inputs = _tokens(path, puzzle, [row[1] for row in rows], [row[0] for row in rows], answer=False)
    labels = _tokens(path, puzzle, [row[2] for row in rows], [row[0] for row in rows], answer=True)
    if not any(row[3] for row in rows):
        return Collection(inputs, labels)
    difficulty = np.empty(len(rows))
    for at, (line, _, _, rating) in enumerate(rows):
        try:
            difficulty[at] = float(rating)
        except ValueError:
            raise InputError(f"{shown(path)}, line {line}: the rating is no number", found=repr(rating)) from None
    return Collection(inputs, labels, difficulty)


def _tokens(path: Path, puzzle: Puzzle, texts: list[str], lines: list[int], *, answer: bool) -> np.ndarray:
    part = "answer" if answer else "question"
    codes = puzzle.codes()
    if not answer:
        for character in puzzle.answer_only:
            codes[ord(character)] = 255
    lengths = np.fromiter(map(len, texts), dtype=np.int64, count=len(texts))
    wrong = np.flatnonzero(lengths != puzzle.seq_len)
    if not len(wrong):
        # a character outside Latin-1 becomes "?", which no kind uses
        tokens = codes[np.frombuffer("".join(texts).encode("latin-1", "replace"), dtype=np.uint8)]
        tokens = tokens.reshape(len(texts), puzzle.seq_len)
        wrong = np.flatnonzero((tokens == 255).any(axis=1))
        if not len(wrong):
            return tokens
    at = int(wrong[0])
    puzzle.require(texts[at], f"{shown(path)}, line {lines[at]}: the {part}", answer=answer)
    raise InputError(f"{shown(path)}, line {lines[at]}: the {part} cannot be read", found=repr(texts[at]))


def _require_consistent(path: Path, puzzle: Puzzle, rows: list[Row], part: Collection) -> None:
    wrong = np.flatnonzero(puzzle.contradicts(part.inputs, part.labels))
    if not len(wrong):
        return
    at = int(wrong[0])
    question, answer = part.inputs[at], part.labels[at]
    changed = np.flatnonzero(puzzle.given(question) & (answer != question))
    if len(changed):
        cell = int(changed[0])
        raise InputError(
            f"{shown(path)}, line {rows[at][0]}: the answer contradicts the question",
            found=f"{rows[at][2][cell]!r} in row {cell // puzzle.width + 1}, column {cell % puzzle.width + 1}",
            expected=f"{rows[at][1][cell]!r}, as the question has it",
        )
    raise InputError(
        f"{shown(path)}, line {rows[at][0]}: the answer is no answer",
        found=puzzle.why_wrong(question, answer, puzzle.wrong_cells(question, answer)),
        expected=puzzle.rule,
    )


def _require_sound(path: Path, puzzle: Puzzle, rows: list[Row], part: Collection, workers: int | None) -> None:
    fault = puzzle.first_fault(part.inputs, part.labels, workers)
    if fault is not None:
        raise InputError(f"{shown(path)}, line {rows[fault.row][0]}: {fault.problem}", expected=fault.expected)
