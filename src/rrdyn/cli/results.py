"""What commands answer under `--json`: the record of each that no other room has, and the one of all errors.

`cli/schema.py: RESULTS` says which record is whose.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal

from pydantic import ConfigDict, Field, JsonValue

from rrdyn.artifacts.errors import RrdynError
from rrdyn.artifacts.record import Count, Meta, Number, Written

Line = Mapping[str, str | bool | int | Number | None]
"""One line of a table, by column."""


# ---- errors ----------------------------------------------------------------------------------------------------------


class Trouble(Written):
    """What went wrong, in the words of the message on stderr."""

    kind: Literal["runtime", "usage", "input", "numerical", "interrupted"]
    """What the exit codes 1, 2, 3, 4 and 130 stand for."""
    message: str
    found: str | None
    expected: str | None
    run: str | None
    """A command line, or an instruction, that would mend it."""
    exit_code: Count


class Failure(Written):
    """The answer of any command that failed; no result has an `error`."""

    command: str | None
    """None where no command of that name is there."""
    error: Trouble


def failure(command: str | None, error: RrdynError) -> Failure:
    """An error as the answer of a command."""
    trouble = Trouble(kind=error.kind, message=error.problem, found=error.found, expected=error.expected,
                      run=error.run, exit_code=error.exit_code)  # fmt: skip
    return Failure(command=command, error=trouble)


# ---- results ---------------------------------------------------------------------------------------------------------


class Unfinished(Written):
    """A share of the work that was done before others' (`--shard`), or work that jobs will do (`--submit`)."""

    complete: Literal[False]
    jobs: list[str] = []
    """Their identifiers."""


UNFINISHED = Unfinished(complete=False)


class CheckRow(Written):
    """One system whose exponents, fate or eigenvalues are known."""

    name: str
    tier: str
    found: str
    known: str
    error: Number
    tolerance: Number
    float32: Number | None
    note: str
    passed: bool


class SelfcheckResult(Written):
    checks: list[CheckRow]
    failed: list[str]
    """By name."""


class CiteResult(Written):
    citations: dict[str, dict[str, str]]
    """The fields of a BibTeX entry, by its key."""


class PlanRow(Written):
    """What a run will take (`--dry-run`)."""

    parameters: Count
    steps: Count
    processes: Count
    trajectories: Count
    micro_batch: Count
    segments_per_step: Count
    memory_gb: Number
    step_seconds: Number | None
    device: str
    seconds: Number | None


class Plans(Written):
    plan: PlanRow


class TrainResult(Written):
    run: str
    """The run folder."""
    step: Count
    best: Line | None
    """The evaluation of the best checkpoint, and of the last."""
    last: Line | None
    stopped_early: bool


class SolveResult(Written):
    kind: str
    question: str
    solutions: str
    """none, one, several or unknown."""
    halts_at: Count | None
    right: bool | None
    """At the last segment; None where the answer is not known."""
    verdict: str
    segments: Sequence[Line]


class AttemptsRow(Written):
    """One question of a task."""

    attempts: list[Any]
    """At most two answers, the winner first, as the task's JSON has grids."""
    votes: list[Count]
    confidence: list[Number]
    """Mean of sigmoid(q_halt) over those who gave each answer."""
    right: list[bool] | None
    """None where the answer is not known."""
    copies: Count


class SolvedTask(Written):
    """What copies of a task voted for."""

    kind: str
    task: str
    known: bool
    """Whether the model was trained on a task of this name."""
    questions: list[AttemptsRow]


class ExportResult(Written):
    layout: str


class PullResult(Written):
    place: str
    path: str
    files: list[str]


class PushResult(Written):
    place: str
    commit: str
    """Its address."""


class SweepResult(Written):
    """`lines` with --list, the number of `runs` with --slurm and --submit, else their folders."""

    lines: list[str] = []
    runs: list[str] | Count = []
    jobs: list[str] = []
    """Identifiers of the jobs that train them, with --submit."""


class MeasuredRow(Written):
    """One file of a measurement."""

    path: str
    n: Count
    methods: list[str] = []


class MeasureResult(Written):
    results: list[MeasuredRow]


class MergeResult(Written):
    kind: str
    n: Count
    files: Count


class EvolutionResult(Written):
    tag: str
    rows: Sequence[Line]
    """Those of evolution_<tag>.csv."""


class AggregateResult(Written):
    """The tables that are written, by name; a line is a dict by column."""

    rows: Sequence[Line]
    runs: Sequence[Line]
    contrasts: Sequence[Line]
    cells: Sequence[Line]


class TableRows(Written):
    caption: str
    heads: list[str]
    rows: list[list[str]]


class ExportTableResult(Written):
    tables: list[TableRows]


class FigureResult(Written):
    """Of most figures there is nothing to tell beside their files."""

    model_config = ConfigDict(extra="forbid")


class TaggedFigures(FigureResult):
    tags: list[str]
    """What each of the pictures is of."""


class CurvesFigure(FigureResult):
    log_schema: str = Field(alias="schema")
    """The family of logs that was read."""
    runs: Count
    notes: list[str]
    """What was left out, and why."""


class CellsFigure(FigureResult):
    table: Sequence[Line]
    """One line a cell."""


class PlotResult(Written):
    """What the figure of a plug-in tells beside its files."""

    model_config = ConfigDict(extra="allow")
    __pydantic_extra__: dict[str, JsonValue]


class ReportResult(Written):
    figures: list[str]
    models: list[str]
    bytes: Count


class SchemaResult(Written):
    names: list[str] = []
    """What there are schemas of, where none was asked for."""
    json_schema: Meta = {}
