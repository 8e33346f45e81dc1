"""Reading puzzles from CSV in the published format: source, question, answer, rating."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from itertools import islice
from math import isqrt
from pathlib import Path

import numpy as np

from rrdyn.artifacts.errors import InputError
from rrdyn.artifacts.files import existing
from rrdyn.data.maze import Maze
from rrdyn.data.puzzle import Puzzle
from rrdyn.data.puzzles import Puzzles
from rrdyn.data.sudoku import BLANK, Sudoku

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
) -> tuple[Puzzle, Puzzles]:
    """Read one file. The size of the puzzles is that of `like`, or of the first row.

    Raises InputError naming the line: a wrong length, an unknown character, an answer that contradicts its question
    and, with `check`, a question without a solution or with more than one (Sudoku), or no shortest path (maze).
    """
    puzzle, parts = like, []
    for rows in _chunks(existing(path)):
        puzzle = puzzle or _kind_of_size(kind, rows[0], path)
        part = _encode(path, puzzle, rows)
        _require_consistent(path, puzzle, rows, part)
        if check:
            _require_solution(path, puzzle, rows, part, workers)
        if min_rating:
            if part.difficulty is None:
                raise InputError(f"{path} has no rating", expected="a rating column, for --min-rating")
            part = part.take(np.flatnonzero(part.difficulty >= min_rating))
        parts.append(part)
    if puzzle is None or not sum(len(part) for part in parts):
        raise InputError(f"{path} holds no puzzles", expected=f"rows rated {min_rating} or more" if parts else "rows")
    rated = [part.difficulty for part in parts if part.difficulty is not None]
    return puzzle, Puzzles(
        np.concatenate([part.inputs for part in parts]),
        np.concatenate([part.labels for part in parts]),
        np.concatenate(rated) if len(rated) == len(parts) else None,
    )


def _chunks(path: Path) -> Iterator[list[Row]]:
    """Rows as (line number, question, answer, rating)."""
    try:
        with open(path, newline="", encoding="utf-8") as stream:
            reader = csv.reader(stream)
            header = [name.strip().lower() for name in next(reader, [])]
            missing = {"question", "answer"} - set(header)
            if missing:
                raise InputError(
                    f"{path} has no column {' and no column '.join(sorted(missing))}",
                    found=", ".join(header) or "an empty file",
                    expected="a first line with the names source,question,answer,rating",
                )
            rows = _rows(path, reader, header)
            while chunk := list(islice(rows, ROWS)):
                yield chunk
    except (UnicodeDecodeError, csv.Error, OSError) as error:
        raise InputError(f"{path} is not readable CSV", found=error) from None


def _rows(path: Path, reader: Iterator[list[str]], header: list[str]) -> Iterator[Row]:
    question, answer = header.index("question"), header.index("answer")
    rating = header.index("rating") if "rating" in header else None
    for fields in reader:
        line = reader.line_num  # type: ignore[attr-defined]
        if not fields:
            continue
        if len(fields) != len(header):
            raise InputError(
                f"{path}, line {line} has the wrong number of columns", found=len(fields), expected=len(header)
            )
        yield line, fields[question], fields[answer], "" if rating is None else fields[rating]


def _kind_of_size(kind: type[Puzzle], row: Row, path: Path) -> Puzzle:
    line, question, *_ = row
    side = isqrt(len(question))
    sides = (4, 6, 9) if kind is Sudoku else range(2, 256)
    if side * side != len(question) or side not in sides:
        expected = "16, 36 or 81 (4x4, 6x6, 9x9)" if kind is Sudoku else "a square number of cells"
        raise InputError(
            f"{path}, line {line}: the question has the wrong length",
            found=f"{len(question)} characters",
            expected=expected,
        )
    return Sudoku(side) if kind is Sudoku else Maze(side)


def _encode(path: Path, puzzle: Puzzle, rows: list[Row]) -> Puzzles:
    inputs = _tokens(path, puzzle, [row[1] for row in rows], [row[0] for row in rows], answer=False)
    labels = _tokens(path, puzzle, [row[2] for row in rows], [row[0] for row in rows], answer=True)
    if not any(row[3] for row in rows):
        return Puzzles(inputs, labels)
    difficulty = np.empty(len(rows))
    for at, (line, _, _, rating) in enumerate(rows):
        try:
            difficulty[at] = float(rating)
        except ValueError:
            raise InputError(f"{path}, line {line}: the rating is no number", found=repr(rating)) from None
    return Puzzles(inputs, labels, difficulty)


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
    puzzle.require(texts[at], f"{path}, line {lines[at]}: the {part}", answer=answer)
    raise InputError(f"{path}, line {lines[at]}: the {part} cannot be read", found=repr(texts[at]))


def _require_consistent(path: Path, puzzle: Puzzle, rows: list[Row], part: Puzzles) -> None:
    wrong = np.flatnonzero(puzzle.contradicts(part.inputs, part.labels))
    if not len(wrong):
        return
    at = int(wrong[0])
    question, answer = rows[at][1], rows[at][2]
    changed = [cell for cell, (q, a) in enumerate(zip(question, answer)) if q != a and q not in ".0 "]
    if changed:
        cell = changed[0]
        place = f"row {cell // puzzle.width + 1}, column {cell % puzzle.width + 1}"
        raise InputError(
            f"{path}, line {rows[at][0]}: the answer contradicts the question",
            found=f"{answer[cell]!r} in {place}",
            expected=f"{question[cell]!r}, as the question has it",
        )
    incomplete = isinstance(puzzle, Sudoku) and bool((part.labels[at] == BLANK).any())
    raise InputError(
        f"{path}, line {rows[at][0]}: the answer is no answer",
        found="an empty cell" if incomplete else "a broken rule",
        expected="each digit once in every row, column and box"
        if isinstance(puzzle, Sudoku)
        else "free cells marked o that join S to G",
    )


def _require_solution(path: Path, puzzle: Puzzle, rows: list[Row], part: Puzzles, workers: int | None) -> None:
    if isinstance(puzzle, Sudoku):
        from rrdyn.data.solver import solve

        solutions = solve(puzzle, part.inputs, workers)[1]
        wrong = np.flatnonzero(solutions != 1)
        if len(wrong):
            found = "no solution" if solutions[wrong[0]] == 0 else "more than one solution"
            raise InputError(
                f"{path}, line {rows[wrong[0]][0]}: the question has {found}", expected="exactly one solution"
            )
        return
    wrong = np.flatnonzero(~puzzle.check(part.inputs, part.labels)["shortest"])
    if len(wrong):
        raise InputError(f"{path}, line {rows[wrong[0]][0]}: the answer is no shortest path from S to G")
