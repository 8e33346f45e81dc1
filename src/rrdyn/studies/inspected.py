"""What `inspect` says of each kind of file and folder that needs no torch to be known."""

from __future__ import annotations

from typing import Literal

from pydantic import ConfigDict

from rrdyn.artifacts.record import Count, Meta, Written


class Seen(Written):
    """Base of what was seen: it holds these keys and no others."""

    model_config = ConfigDict(extra="forbid")


class Study(Seen):
    """A folder of `rrdyn demo`."""

    kind: Literal["study"] = "study"
    runs: list[str]
    results: list[str]
    done: dict[str, float]
    """Command lines that succeeded, with their seconds."""


class Steps(Seen):
    """What a study remembers: its `study.json`."""

    kind: Literal["steps"] = "steps"
    done: dict[str, float]


class ArrayRecord(Written):
    """One array of a file: the share that is true of flags, statistics of what is finite of numbers.

    A large one is told by its header alone, and has none of these.
    """

    name: str
    shape: list[int]
    dtype: str
    true: float | None = None
    not_finite: Count | None = None
    min: float | None = None
    median: float | None = None
    max: float | None = None
    meaning: str | None


class Arrays(Seen):
    """An npz file; `kind` is its schema, or npz."""

    kind: str
    arrays: list[ArrayRecord]
    meta: Meta


class Object(Seen):
    """A JSON object; `kind` is its schema, or json."""

    kind: str
    keys: list[str]
    meta: Meta | None


class Other(Seen):
    """Any other JSON value."""

    kind: Literal["json"] = "json"
    type: str


class Table(Seen):
    """A table; a log where it has a column of steps."""

    kind: Literal["table", "log"]
    columns: list[str]
    rows: Count


class Log(Seen):
    """A training log."""

    kind: Literal["log"] = "log"
    runs: list[dict[str, str]]
    """Arm, seed and the like of each."""


class Puzzles(Seen):
    """A table or list of puzzles."""

    kind: Literal["puzzles"] = "puzzles"
    puzzle: str
    answers: bool


class Lists(Seen):
    """A folder of such."""

    kind: Literal["lists"] = "lists"
    puzzle: str
    answers: bool
    train: str
    """The file that would be trained on."""
    files: list[str]


class Architecture(Seen):
    """The config of a model without its weights."""

    kind: Literal["config"] = "config"
    fields: list[str]
    model: Meta | None
    """In our names, without what its puzzles give it; None where no family has it."""


class Preset(Seen):
    """Settings of a training run."""

    kind: Literal["recipe"] = "recipe"
    fields: list[str]
