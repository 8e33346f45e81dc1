"""Training logs as arrays: tables read by the names in their header, and our own train.jsonl."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from functools import cache
from pathlib import Path

import numpy as np

from rrdyn.artifacts.errors import InputError
from rrdyn.artifacts.reading import parse_json, read_bytes
from rrdyn.plotting.log_schema import LogSchema

NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
WORDS = {"T": 1.0, "F": 0.0, "True": 1.0, "False": 0.0, "true": 1.0, "false": 0.0}

LAST_STEP = 10**15


class Skipped(Exception):
    """This file gives no run; the message says why."""


@dataclass(frozen=True)
class Run:
    """One run: its facts, and its columns over strictly increasing steps (NaN where nothing was logged)."""

    path: Path
    facts: dict[str, str]
    steps: np.ndarray
    columns: dict[str, np.ndarray]
    notes: list[str] = field(default_factory=list)

    @property
    def seed(self) -> str:
        return self.facts.get("seed", "?")

    @property
    def name(self) -> str:
        """A file by its name, a run folder's file by its folder's."""
        return self.path.parent.name if self.path.stem == "train" else self.path.stem


def read_log(path: Path, schema: LogSchema) -> Run:
    """Read one log file. Raises Skipped where it holds no run of this family."""
    text = read_loose(path)
    lines = text.splitlines()
    for needed in schema.requires:
        if needed not in text:
            raise Skipped(f"no line holds {needed!r}")
    notes = []
    if not text.endswith("\n") and _table_part(lines[-1], schema.after) is not None:
        lines.pop()
        notes.append("the last line is cut off and was left out")
    steps, cells = _rows(lines, schema)
    if not steps:
        raise Skipped("its table has no rows")
    columns = {name: as_numbers(values) for name, values in cells.items()}
    return settled(Run(path, find_facts(lines, schema), np.array(steps), columns, notes))


def read_jsonl(path: Path, schema: LogSchema, facts: dict[str, str]) -> Run:
    """Read rows such as our train.jsonl has, one JSON object a line; lines without the step are left out.

    What `facts` leaves open is taken from the first record that says it.
    """
    text = read_loose(path)
    rows, broken = _objects(text.split("\n"))
    rows = [row for row in rows if _is_step(row.get(schema.step))]
    if not rows:
        raise Skipped(f"no line has {schema.step}")
    for name in {"arm", "seed", *schema.facts}:
        said = next((str(row[name]) for row in rows if isinstance(row.get(name), str | int)), None)
        if said is not None and facts.get(name, "") in ("", "?") and name not in schema.columns:
            facts = facts | {name: said}
    columns = {name: np.array([_number(row.get(name)) for row in rows]) for name in schema.columns}
    notes = [f"{broken} broken line{'s were' if broken > 1 else ' was'} left out"] if broken else []
    return settled(Run(path, facts, np.array([row[schema.step] for row in rows]), columns, notes))


def _objects(lines: list[str]) -> tuple[list[dict[str, object]], int]:
    """The JSON objects among the lines, and how many lines are none."""
    lines = [line for line in lines if line.strip()]
    try:  # the whole file at once is several times faster than line by line
        found = parse_json(f"[{','.join(lines)}]", "the log")
        if len(found) == len(lines):
            return [row for row in found if isinstance(row, dict)], sum(not isinstance(row, dict) for row in found)
    except InputError:
        pass
    rows = [_object(line) for line in lines]
    return [row for row in rows if row is not None], sum(row is None for row in rows)


def _object(line: str) -> dict[str, object] | None:
    try:
        row = parse_json(line, "the line")
    except InputError:
        return None
    return row if isinstance(row, dict) else None


def _is_step(value: object) -> bool:
    return type(value) is int and 0 <= value < LAST_STEP


def _number(value: object) -> float:
    return float(value) if isinstance(value, int | float) else np.nan


def read_loose(path: Path) -> str:
    """The text of a log; other programs write bytes that are not UTF-8. Raises Skipped for an empty file."""
    text = read_bytes(path).decode("utf-8-sig", errors="replace")
    if not text.strip():
        raise Skipped("it is empty")
    return text


def header_names(line: str) -> list[str]:
    """Column names of a header line, stripped of arrows, question marks and the like; "" for a pure decoration."""
    return [found.group(0) if (found := NAME.search(token)) else "" for token in line.split()]


def as_numbers(values: list[str]) -> np.ndarray:
    """Table cells as floats: 7/28, +0.264, 1e-3, 12%, T and F (1 and 0); nan, - and anything else are NaN."""
    try:
        return np.array(values, dtype=float)
    except ValueError:
        return np.array([as_number(value) for value in values])


def as_number(token: str) -> float:
    """A cell of a log table as a number: 7/28, 12%, T or F; NaN where it is none."""
    try:
        if "/" in token:
            above, below = (float(part) for part in token.split("/"))
            return above / below if below else np.nan
        if token.endswith("%"):
            return float(token[:-1]) / 100
        return WORDS[token] if token in WORDS else float(token.replace("−", "-"))
    except ValueError:
        return np.nan


def _rows(lines: list[str], schema: LogSchema) -> tuple[list[int], dict[str, list[str]]]:
    """Steps and the wanted cells of every row, under whichever header stands last above it."""
    steps: list[int] = []
    cells: dict[str, list[str]] = {name: [] for name in schema.columns}
    places: list[tuple[list[str], int | None]] = []
    step_place, width = 0, 0
    for line in lines:
        part = _table_part(line, schema.after)
        if part is None:
            continue
        row = part.split()
        if width and len(row) >= width and row[step_place].isdecimal() and len(row[step_place]) < 16:
            steps.append(int(row[step_place]))
            for column, place in places:
                column.append("nan" if place is None else row[place])
        elif row and not row[0].isdecimal() and all(name in part for name in schema.header):
            names = header_names(part)
            if schema.step in names and set(schema.header) <= set(names):
                at = {name: place for place, name in enumerate(names)}
                places = [(cells[name], at.get(name)) for name in schema.columns]
                step_place, width = at[schema.step], len(names)
    if not width:
        raise Skipped(f"no header line with {', '.join(schema.header)}")
    return steps, cells


def _table_part(line: str, after: str) -> str | None:
    """What follows the family's prefix on a line of the table, None on other lines."""
    if not after:
        return line
    found = _prefix(after).search(line)
    return line[found.end() :] if found else None


@cache
def _prefix(after: str) -> re.Pattern[str]:
    """The text with any number of blanks between its words: loggers pad their level to a width."""
    return re.compile(r"\s+".join(re.escape(word) for word in after.split()))


def find_facts(lines: Iterable[str], schema: LogSchema) -> dict[str, str]:
    """Facts from the first line that holds the text of each, as its last match there."""
    lines = list(lines)
    facts = {}
    for name, fact in schema.facts.items():
        line = next((line for line in lines if all(text in line for text in fact.line)), "")
        facts[name] = (re.findall(fact.pattern, line) or [fact.default])[-1]
    return facts


def settled(run: Run) -> Run:
    """Each step once: where a resumed run logged steps again, the later rows stand and the earlier ones go."""
    later = np.minimum.accumulate(run.steps[::-1])[::-1]
    keep = np.append(run.steps[:-1] < later[1:], True)
    if keep.all():
        return run
    again = run.steps[~keep]
    span = f"steps {again.min():,} to {again.max():,}"
    told = f"{again.size} rows ({span}) were logged again after a resume; the later ones are drawn"
    columns = {name: values[keep] for name, values in run.columns.items()}
    return replace(run, steps=run.steps[keep], columns=columns, notes=[*run.notes, told])


def joined(first: Run, second: Run) -> Run:
    """A run and its continuation in another file, as one."""
    columns = {name: np.concatenate([values, second.columns[name]]) for name, values in first.columns.items()}
    notes = [*first.notes, *second.notes, f"continued in {second.path.name}"]
    return settled(Run(first.path, first.facts, np.concatenate([first.steps, second.steps]), columns, notes))
