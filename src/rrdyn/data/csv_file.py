"""Reading puzzles from tables: the published CSV, those of well-known sets, lists of questions without answers."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Iterator
from itertools import chain, islice
from pathlib import Path

import numpy as np

from rrdyn.artifacts.arrays import memory_left
from rrdyn.artifacts.errors import InputError, notice
from rrdyn.artifacts.places import shown
from rrdyn.artifacts.reading import open_text
from rrdyn.data.collection import Collection, joined
from rrdyn.data.csv_layout import DELIMITERS, Layout, first_line, is_comment, layout_of
from rrdyn.data.puzzle import Puzzle
from rrdyn.runtime.progress import each

ROWS = 100_000
"""Rows read at a time."""
Row = tuple[int, str, str, str]
LISTED = 5
UNFIT = {0: "have no answer", 2: "have more than one answer", -1: "could not be decided"}
"""What is said of questions by the number of their answers."""


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

    Questions that come without answers are answered by the kind's own solver; those without exactly one answer, and
    those that stood before, are left out and told.
    Raises InputError naming the line: a wrong length, an unknown character, an answer that contradicts its question
    and, with `check`, what the kind's `first_fault` finds: more than one solution (Sudoku), no shortest path (maze).
    """
    puzzle, parts, left_out = like, [], LeftOut()
    for rows, answered in each(_chunks(path, kind), "reading rows", total=0, size=lambda chunk: len(chunk[0])):
        puzzle = puzzle or _kind_of_size(kind, rows[0], path)
        part = _encode(path, puzzle, rows, answered=answered)
        if answered:
            _require_consistent(path, puzzle, rows, part)
            if check:
                _require_sound(path, puzzle, rows, part, workers)
        else:
            part = left_out.completed(path, puzzle, rows, part, workers)
        if min_rating:
            if part.difficulty is None:
                raise InputError(f"{shown(path)} has no rating", expected="a rating column, for --min-rating")
            part = part.take(np.flatnonzero(part.difficulty >= min_rating))
        parts.append(part)
    left_out.tell(path)
    if puzzle is None or not sum(len(part) for part in parts):
        raise InputError(
            f"{shown(path)} holds no puzzles", expected=f"rows rated {min_rating} or more" if parts else "rows"
        )
    return puzzle, joined(parts)


class LeftOut:
    """Questions without answers: what became of those that are no puzzles."""

    def __init__(self) -> None:
        self.lines: dict[str, list[int]] = {}
        self._met: set[bytes] = set()

    def completed(
        self, path: Path, puzzle: Puzzle, rows: list[Row], part: Collection, workers: int | None
    ) -> Collection:
        """The new puzzles among the questions of `part`, with their answers."""
        fresh = np.array([self._is_new(question) for question in part.inputs], dtype=bool)
        self._note("stand there before", rows, ~fresh)
        kept = np.flatnonzero(fresh)
        found = puzzle.complete(part.inputs[kept], workers)
        if found is None:
            raise InputError(
                f"{shown(path)} has no answers", expected=f"a column answer: {puzzle.name} puzzles are not solved here"
            )
        rows = [rows[at] for at in kept]
        for count, words in UNFIT.items():
            self._note(words, rows, found.counts == count)
        part = Collection(part.inputs[kept], found.labels, None if part.difficulty is None else part.difficulty[kept])
        return part.take(np.flatnonzero(found.counts == 1))

    def _is_new(self, question: np.ndarray) -> bool:
        known = len(self._met)
        self._met.add(question.tobytes())
        return len(self._met) > known

    def _note(self, words: str, rows: list[Row], which: np.ndarray) -> None:
        self.lines.setdefault(words, []).extend(rows[at][0] for at in np.flatnonzero(which))

    def tell(self, path: Path) -> None:
        """One notice of each sort."""
        for words, lines in self.lines.items():
            if lines:
                listed = ", ".join(map(str, lines[:LISTED])) + (" ..." if len(lines) > LISTED else "")
                notice(f"{shown(path)}: {len(lines)} questions {words} and are left out (lines {listed})")


def _chunks(path: Path, kind: type[Puzzle]) -> Iterator[tuple[list[Row], bool]]:
    """Rows as (line number, question, answer, rating), and whether they have answers; memory as long as the file."""
    with open_text(path, most=memory_left()) as stream:
        first = first_line(stream, kind)
        layout = layout_of(first, path, kind)
        lines = stream if layout.headed else chain([first], stream)
        rows = _rows(path, lines, layout, kind)
        while chunk := list(islice(rows, ROWS)):
            yield chunk, layout.answer is not None


def _rows(path: Path, lines: Iterable[str], layout: Layout, kind: type[Puzzle]) -> Iterator[Row]:
    def field(fields: list[str], place: int | None) -> str:
        return "" if place is None else fields[place]

    reader = csv.reader(lines, delimiter=layout.delimiter)
    for fields in reader:
        line = reader.line_num + layout.headed
        if not fields or (not layout.headed and is_comment(layout.delimiter.join(fields), kind)):
            continue
        if len(fields) != layout.columns:
            raise InputError(
                f"{shown(path)}, line {line} has the wrong number of columns", found=len(fields),
                expected=f"{layout.columns}, separated by {DELIMITERS[layout.delimiter]}",
            )  # fmt: skip
        yield line, fields[layout.question], field(fields, layout.answer), field(fields, layout.rating)


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


def _encode(path: Path, puzzle: Puzzle, rows: list[Row], *, answered: bool) -> Collection:
    """Tokens of the rows; of questions without answers the labels are their own."""
    lines = [row[0] for row in rows]
    inputs = _tokens(path, puzzle, [row[1] for row in rows], lines, answer=False)
    labels = _tokens(path, puzzle, [row[2] for row in rows], lines, answer=True) if answered else inputs
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
