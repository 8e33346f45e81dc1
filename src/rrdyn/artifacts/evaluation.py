"""evaluation.json: accuracy after each segment and at the halting segment, as `rrdyn evaluate` writes it."""

from __future__ import annotations

from pydantic import ConfigDict, Field

from rrdyn.artifacts.interval import Interval
from rrdyn.artifacts.record import Count, Written


class WorkRecord(Written):
    """What a segment of one puzzle takes."""

    operations: Count
    """Floating point operations of matrix products and attentions."""
    sub_updates: Count
    layers: Count | None = None
    """Layers applied; None where the family does not say."""

    @property
    def told(self) -> str:
        """In words."""
        layers = "" if self.layers is None else f", {self.layers} layers"
        return f"{self.sub_updates} sub-updates{layers}, {self.operations / 1e6:,.1f} million operations a puzzle"


class Scores(Written):
    """How often answers are right, by which rule; a kind's own checker adds one under its name."""

    model_config = ConfigDict(extra="allow")
    __pydantic_extra__: dict[str, Interval] = Field(init=False)
    exact: Interval
    token_acc: Interval

    @property
    def named(self) -> dict[str, Interval]:
        """By the name of the rule."""
        return {"exact": self.exact, "token_acc": self.token_acc, **(self.__pydantic_extra__ or {})}


class SegmentScores(Scores):
    """After one segment of the budget."""

    segment: Count


class HaltingScores(Scores):
    """At the halting segment, and what halting costs."""

    steps: Interval
    """Segments run."""
    steps_used: dict[str, int]
    """Puzzles by the segment at which they halt."""
    lost: Count | None = None
    """Right after the whole budget, and not at the halting segment."""
    gained: Count | None = None


class EvaluationRecord(Written):
    """An evaluation; without `segments` where only halting was run."""

    n: Count
    budget: Count
    work: WorkRecord | None = None
    """Of a segment of one puzzle; older files have none."""
    halting: HaltingScores
    segments: list[SegmentScores] = []
