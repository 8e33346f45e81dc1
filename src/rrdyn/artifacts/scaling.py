"""scaling_<tag>.json and the tables beside it: inference compute, as `rrdyn analyze-scale` writes it and pages read."""

from __future__ import annotations

from pydantic import Field

from rrdyn.artifacts.interval import Interval
from rrdyn.artifacts.record import Count, Meta, Number, Written


class ScalingRow(Written):
    """One point of one method by one reader."""

    method: str
    reader: str
    primary: bool
    """The reader of the method's own source, by which it is compared."""
    on_curve: bool
    """On the axis of compute: wider for several particles, deeper for one."""
    breadth: Count
    depth: Count
    budget: Count
    """Compute in units of the model's own."""
    evaluations: Count
    """Sub-updates a puzzle, those thrown away too."""
    flops: Number
    n: Count
    right: Number | None
    right_low: Number | None
    right_high: Number | None
    gain: Number | None
    """Over the plain rollout at the model's own budget, on the same puzzles."""
    gain_low: Number | None
    gain_high: Number | None
    p: Number | None
    """Sign-flip test of the puzzles that differ; of two rates McNemar's exact test."""
    p_holm: Number | None
    """After Holm, over all primary points on the axis of compute; no other has one."""
    over_longer: Number | None
    """Over the plain rollout that goes on for the same compute."""
    over_longer_low: Number | None
    over_longer_high: Number | None
    over_longer_p: Number | None
    over_longer_p_holm: Number | None


class AreaRow(Written):
    """A method's accuracy averaged over the logarithm of compute."""

    method: str
    reader: str
    budget: Count
    """The largest, up to which it is averaged."""
    area: Interval
    over_longer: Interval
    break_even: Count | None
    """Smallest compute at which the interval of its gain over the longer rollout lies above 0; None: at none."""


class FreedRow(Written):
    """Of the puzzles of one fate, those that a method at its largest budget has right."""

    method: str
    reader: str
    fate: str
    budget: Count
    freed: Interval


class ReaderRiskRow(Written):
    """How well a reader knows when it is right, at a method's largest budget."""

    method: str
    reader: str
    budget: Count
    aurc: Interval
    perfect: Number


class RiskPoint(Written):
    """One point of risk against coverage."""

    method: str
    reader: str
    coverage: Number
    risk: Number


class TargetRow(Written):
    """The least compute by which an accuracy is reached, and by which method; none where none reaches it."""

    target: Number
    method: str | None = None
    budget: Count | None = None
    right: Interval | None = None


class EscapeRow(Written):
    """How escape depends on a method's noise."""

    method: str
    sigmas: list[Number]
    escaped: list[Number]
    """Share of the noisy particles of puzzles that the plain rollout has wrong, right at the model's own budget."""
    slope: Interval
    """Of log escaped against 1 / sigma^2: minus a barrier, in units of sigma^2."""


class ScaledFile(Written):
    """What is said of one file first."""

    n: Count
    areas: list[AreaRow]
    targets: list[TargetRow]


class ScaledFiles(Written):
    """The files of `rrdyn analyze-scale`, by tag."""

    results: dict[str, ScaledFile]


class ScalingRecord(Written):
    """scaling_<tag>.json."""

    kind: str = Field("", alias="schema")
    schema_version: int | None = None
    tag: str = ""
    n: Count
    segments: Count
    evaluations: Count
    """Of the model's own budget."""
    plain: Interval
    rows: list[ScalingRow]
    areas: list[AreaRow]
    targets: list[TargetRow]
    risks: list[ReaderRiskRow]
    freed: list[FreedRow]
    escapes: list[EscapeRow] = []
    meta: Meta | None = None
