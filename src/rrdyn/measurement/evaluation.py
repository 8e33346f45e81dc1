"""Accuracy of a checkpoint after each segment of the budget, and with real halting.

At the fixed budget every puzzle runs all segments. With halting a puzzle stops at the first segment whose readout
says so (q_halt > 0, or q_halt > q_continue for a model with a continue head), at the latest at the end of the budget,
and leaves the batch: what is computed is what is counted. Both give the same answers at the halting segment.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from itertools import pairwise
from operator import itemgetter
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated, Any

import numpy as np
from pydantic import Field
from tabulate import tabulate

from rrdyn.analysis.intervals import rate
from rrdyn.artifacts.errors import InputError, UsageError
from rrdyn.artifacts.evaluation import EvaluationRecord, HaltingScores, Scores, SegmentScores
from rrdyn.artifacts.interval import LEVEL, Interval
from rrdyn.artifacts.rates import Z95
from rrdyn.artifacts.schemas import EVALUATION
from rrdyn.dynamics.trajectory import follow
from rrdyn.measurement.answers import Answers
from rrdyn.measurement.campaign import Request, columns_of, opened, place, run
from rrdyn.measurement.measurement import Cost, Measurement, OperationsConfig, register
from rrdyn.measurement.parts import Arrays
from rrdyn.measurement.subject import Questions, Subject
from rrdyn.models.work import Work, segment_work
from rrdyn.runtime import launch


class EvaluationConfig(OperationsConfig):
    """What is evaluated, and how."""

    n: Annotated[int, Field(ge=0)] = 1024
    """Puzzles, drawn from the split without replacement; 0, or where it has fewer: all."""
    segments: Annotated[int, Field(ge=0, le=1 << 20)] = 0
    """The budget; 0: the model's own (halt_max_steps)."""
    halt: bool = False
    """Only run with halting: puzzles that halt are not computed further."""
    batch: Annotated[int, Field(ge=0)] = 0
    """Puzzles at a time in each thread of a CPU; 0: 16. Rounding can depend on it, and a state that wanders stretches
    that: 1 gives the digits of `rrdyn diagnose`."""


@register
class Evaluated(Measurement[EvaluationConfig]):
    """The columns of an evaluation: after its halting segment a puzzle that left has NaN, or -1 in preds."""

    name, config, schema = "evaluation", EvaluationConfig, EVALUATION

    @property
    def group(self) -> int:
        return self.settings.batch or 16

    def choose(self) -> np.ndarray:
        return self.subject.choose(self.settings.n or len(self.subject.split), self.settings.seed)

    def recorded(self) -> dict[str, object]:
        return self.settings.model_dump(exclude={"batch"})

    def resolved(self, config: EvaluationConfig) -> EvaluationConfig:
        segments = config.segments_of(self.subject.model, config.segments)
        return config.model_copy(update={"segments": segments, "operations_of": None})

    def told(self) -> str:
        return f"{self.settings.segments} segments"

    def cost(self) -> Cost:
        model, segments = self.subject.model, self.settings.segments
        return Cost(
            memory=model.activation_bytes(),
            work=model.state_elements * segments * model.sub_updates_per_segment,
        )

    def observe(self, questions: Questions) -> Arrays:
        model, segments = self.subject.model, self.settings.segments
        recurrence = model.recurrence(model.embed(questions.inputs, questions.identifiers))
        keep = ("exact", "token_acc", "q_halt", "preds")
        answers = Answers(model, questions.labels, keep=keep, host=True, leave=self.settings.halt)
        follow(recurrence, model.initial(len(questions)), segments, [answers])
        table = {key: column.numpy() for key, column in answers.table.columns(segments).items()}
        there = table["preds"][:, :, 0] >= 0
        valid = {key: flags & there for key, flags in self.subject.validity(questions.idx, table["preds"]).items()}
        halted_at = answers.halted_at(segments).cpu().numpy()
        return {**table, "q_halt": table["q_halt"].astype(np.float32), **valid, "halted_at": halted_at,
                "idx": questions.idx}  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class Evaluation:
    """What came of it. N puzzles that have an answer to compare with, S segments."""

    settings: EvaluationConfig
    arrays: Arrays
    """idx (N,), exact, token_acc, q_halt (N,S), preds (N,S,L), halted_at (N,), valid (N,S) where there is a checker."""
    validity: str | None
    """The name of that check."""
    unlabelled: int
    """Puzzles without an answer, left out."""
    work: Work

    @property
    def exact(self) -> np.ndarray:
        return self.arrays["exact"]

    @property
    def segments(self) -> int:
        return int(self.exact.shape[1])

    @property
    def halted_at(self) -> np.ndarray:
        """(N,) first segment that halts, from 1; S if none does."""
        return self.arrays["halted_at"]

    def at_halt(self, values: np.ndarray) -> np.ndarray:
        """Column halted_at - 1 of (N,S,...)."""
        return np.asarray(values[np.arange(len(values)), self.halted_at - 1])


def evaluate(subject: Subject, config: EvaluationConfig, *, label: str | None = None) -> Evaluation:
    """Evaluate a checkpoint on puzzles of its dataset, in memory."""
    measurement = Evaluated(subject, config)
    return _judgeable(measurement, columns_of(measurement, measurement.choose(), label=label))


def evaluate_request(request: Request) -> tuple[Subject, Evaluation]:
    """The subject of a request and its evaluation, by several processes where it asks for them.

    Several processes share their parts through files in a temporary folder. Raises UsageError in a group that was
    started from outside, which has none.
    """
    group = launch.given_group()
    if group is not None and group.world > 1:
        raise UsageError("an evaluation is started once", found=f"{group.world} processes from outside",
                         run="rrdyn evaluate --devices N, without torchrun or srun")  # fmt: skip
    subject = opened(request, request.checkpoints[0], place(request)[1])
    assert isinstance(request.config, EvaluationConfig)
    if request.devices == 1:
        return subject, evaluate(subject, request.config, label="evaluate")
    with TemporaryDirectory() as folder:
        (done,) = run(replace(request, out=Path(folder)))
    return subject, _judgeable(Evaluated(subject, request.config), done.arrays)


def _judgeable(measurement: Evaluated, arrays: Arrays) -> Evaluation:
    """The columns of puzzles that can be right or wrong. Raises InputError where there are none."""
    subject = measurement.subject
    asked = subject.asked(arrays["idx"]) > 0
    if not asked.any():
        raise InputError(f"{subject.split.path}: no puzzle has an answer to compare with",
                         found=f"{len(asked)} puzzles without one", run="rrdyn diagnose, which needs none")  # fmt: skip
    kept = {key: column[asked] for key, column in arrays.items()}
    return Evaluation(settings=measurement.settings, arrays=kept, validity=subject.split.puzzle.validity,
                      unlabelled=int((~asked).sum()), work=segment_work(subject.model))  # fmt: skip


def share(flags: np.ndarray) -> Interval:
    """A fraction of puzzles with its interval."""
    return rate(int(np.sum(flags)), len(flags))


def mean(values: np.ndarray) -> Interval:
    """A mean over puzzles with its normal interval."""
    n, m = len(values), float(np.mean(values))
    if n < 2:
        return Interval(value=m, n=n, method="n below 2")
    half = Z95 * float(np.std(values, ddof=1)) / math.sqrt(n)
    return Interval(value=m, low=m - half, high=m + half, n=n, method="normal", level=LEVEL)


def summary(result: Evaluation) -> EvaluationRecord:
    """A row a segment (at the fixed budget), and what halting gives and costs."""
    scored = {"exact": share, "token_acc": mean}
    columns = {"exact": result.exact, "token_acc": result.arrays["token_acc"]}
    if "valid" in result.arrays:
        scored[str(result.validity)], columns[str(result.validity)] = share, result.arrays["valid"]

    def scores(pick: Callable[[np.ndarray], np.ndarray]) -> dict[str, Interval]:
        return {name: scored[name](pick(column)) for name, column in columns.items()}

    last, at_halt = result.exact[:, -1], result.at_halt(result.exact)
    halting: dict[str, Any] = {
        **scores(result.at_halt),
        "steps": mean(result.halted_at.astype(np.float64)),
        "steps_used": {str(step): int(count) for step, count in enumerate(np.bincount(result.halted_at)) if count},
    }
    if result.settings.halt:
        return EvaluationRecord(
            n=len(result.exact), budget=result.segments, work=result.work.record(), halting=HaltingScores(**halting)
        )
    rows = [
        SegmentScores(segment=segment + 1, **scores(itemgetter((slice(None), segment))))
        for segment in range(result.segments)
    ]
    halting |= {"lost": int((last & ~at_halt).sum()), "gained": int((at_halt & ~last).sum())}
    return EvaluationRecord(
        n=len(result.exact),
        budget=result.segments,
        work=result.work.record(),
        halting=HaltingScores(**halting),
        segments=rows,
    )


def table(record: EvaluationRecord) -> str:
    """The record as text: one row a segment, rows that change nothing left out, then halting."""
    halting, rows = record.halting, record.segments
    kept = {1, len(rows)} | {b.segment for a, b in pairwise(rows) if len(rows) <= 32 or a.exact != b.exact}

    def cells(scores: Scores) -> list[str]:
        return [score.told(4) for score in scores.named.values()]

    shown = [[str(row.segment), *cells(row)] for row in rows if row.segment in kept] + [["halted", *cells(halting)]]
    lines = [f"{record.n} puzzles, budget {record.budget} segments, 95% intervals"]
    if record.work is not None:
        lines.append(f"a segment: {record.work.told}")
    lines.append("")
    lines.append(tabulate(shown, ["segment", *halting.named], disable_numparse=True))
    used = halting.steps.value or 0.0
    lines += ["", f"halting uses {used:.2f} of {record.budget} segments ({used / record.budget:.0%})"]
    if halting.lost is not None:
        lines[-1] += f"; against the full budget {halting.lost} answers lost, {halting.gained} gained"
    return "\n".join(lines)
