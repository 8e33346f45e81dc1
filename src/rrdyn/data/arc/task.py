"""An ARC task: pairs of grids that show a transformation, and questions to apply it to; and its JSON as published.

The format is that of fchollet/ARC-AGI: `{"train": [{"input": GRID, "output": GRID}, ...], "test": [...]}`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from rrdyn.artifacts.errors import InputError
from rrdyn.artifacts.reading import parse_json

COLOURS = 10
LARGEST = 30
"""Side of a grid."""
PARTS = ("train", "test")
EMPTY = np.zeros((0, 0), dtype=np.uint8)


@dataclass(frozen=True, eq=False)
class Pair:
    """A question (h, w) uint8 and its answer, colours 0 to 9; the answer is of 0 x 0 where nobody tells it."""

    question: np.ndarray
    answer: np.ndarray

    @property
    def answered(self) -> bool:
        return self.answer.size > 0

    def record(self) -> dict[str, object]:
        """As the JSON has it."""
        asked = {"input": self.question.tolist()}
        return {**asked, "output": self.answer.tolist()} if self.answered else dict(asked)


@dataclass(frozen=True, eq=False)
class Task:
    """A task under its name. `test_first`: its file has the questions before the demonstrations."""

    name: str
    train: tuple[Pair, ...]
    test: tuple[Pair, ...]
    test_first: bool = False

    @property
    def pairs(self) -> tuple[Pair, ...]:
        """All pairs in the order of the file."""
        return self.test + self.train if self.test_first else self.train + self.test

    def record(self) -> dict[str, list[dict[str, object]]]:
        """As the JSON has it."""
        parts = {"train": self.train, "test": self.test}
        return {part: [pair.record() for pair in parts[part]] for part in (PARTS[::-1] if self.test_first else PARTS)}

    def answered(self, answers: Sequence[Any], where: str) -> Task:
        """The task with the answers (grids as lists) of another file, where its own file leaves them out."""
        if not isinstance(answers, list) or len(answers) != len(self.test):
            raise InputError(f"{where}: the answers do not fit the questions", found=_counted(answers),
                             expected=f"{len(self.test)} grids")  # fmt: skip
        grids = [grid_of(answer, f"{where}, answer {number + 1}") for number, answer in enumerate(answers)]
        return replace(self, test=tuple(Pair(pair.question, grid) for pair, grid in zip(self.test, grids)))


def task_of(name: str, content: object, where: str) -> Task:
    """The task of a parsed JSON, answers to its questions or none. Raises InputError naming the pair that is wrong."""
    if not isinstance(content, Mapping) or not all(isinstance(content.get(part), list) for part in PARTS):
        raise InputError(f"{where} is no ARC task", found=_counted(content), expected='{"train": [...], "test": [...]}')
    pairs = {part: [_pair(one, f"{where}, {part} pair {number + 1}", part) for number, one in enumerate(content[part])]
             for part in PARTS}  # fmt: skip
    for part in PARTS:
        if not pairs[part]:
            raise InputError(f"{where} has no {part} pair", expected="at least one")
    order = [key for key in content if key in PARTS]
    return Task(name, tuple(pairs["train"]), tuple(pairs["test"]), test_first=order[0] == "test")


def parse_task(text: str, where: str = "the task") -> Task:
    """The task of a JSON text."""
    return task_of("", parse_json(text, where), where)


def _pair(content: object, where: str, part: str) -> Pair:
    if not isinstance(content, Mapping) or "input" not in content:
        raise InputError(f"{where} has no input", found=_counted(content), expected='{"input": GRID, "output": GRID}')
    question = grid_of(content["input"], f"{where}, input")
    if content.get("output") is None:
        if part == "train":
            raise InputError(f"{where} has no output", expected='{"input": GRID, "output": GRID}')
        return Pair(question, EMPTY)
    return Pair(question, grid_of(content["output"], f"{where}, output"))


def grid_of(content: object, where: str) -> np.ndarray:
    """A grid (h, w) uint8 from lists of colours. Raises InputError where it is none."""
    if not isinstance(content, list) or not content or not all(isinstance(row, list) for row in content):
        raise InputError(f"{where} is no grid", found=_counted(content), expected="rows of colours 0 to 9")
    widths = sorted({len(row) for row in content})
    if len(widths) > 1:
        raise InputError(f"{where} is ragged", found=f"rows of {widths[0]} and of {widths[-1]} cells",
                         expected="rows of one length")  # fmt: skip
    if not 1 <= widths[0] <= LARGEST or len(content) > LARGEST:
        raise InputError(f"{where} has a size that no grid has", found=f"{len(content)} x {widths[0]} cells",
                         expected=f"1 x 1 to {LARGEST} x {LARGEST}")  # fmt: skip
    for number, row in enumerate(content):
        for column, colour in enumerate(row):
            if type(colour) is not int or not 0 <= colour < COLOURS:
                place = f"row {number + 1}, column {column + 1}"
                raise InputError(f"{where} has a cell that is no colour", found=f"{str(colour)[:40]} in {place}",
                                 expected="a whole number from 0 to 9")  # fmt: skip
    return np.array(content, dtype=np.uint8)


def _counted(content: object) -> str:
    """What stands where something else should, in a few words."""
    if isinstance(content, Mapping):
        return "an object with " + (", ".join(sorted(map(str, content))[:4])[:80] or "nothing in it")
    if isinstance(content, list):
        return f"a list of {len(content)}"
    return "nothing" if content is None else f"{str(content)[:40]!r}"
