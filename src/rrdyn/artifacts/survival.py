"""survival.json: the escapes of each model's failures, as `rrdyn survival` writes them and pages and figures read."""

from __future__ import annotations

from pydantic import Field

from rrdyn.artifacts.interval import Interval
from rrdyn.artifacts.record import Count, Meta, Number, Written
from rrdyn.artifacts.results import ThresholdRecord


class RateRecord(Written):
    """An escape rate, or a ratio of two, in both units; None where the clock is not known."""

    per_segment: Interval | None = None
    per_module_evaluation: Interval | None = None


class LawRecord(Written):
    """One fitted law of escape."""

    aic: Number | None = None
    log_likelihood: Number | None = None
    parameters: dict[str, Interval] = {}
    escape_rate: RateRecord | None = None
    curve: list[Number | None] | None = None
    """Share still wrong by this law after 0, 1, 2, … segments."""


class SettledRecord(Interval):
    """The share of failures that settled on a wrong answer, by which threshold."""

    tau_log10: Number | None = None


class SurvivalModelRecord(Written):
    """The failures of one rollout and what became of them."""

    file: str = ""
    n: Count
    readout: Count
    horizon: Count
    failures: Count
    escaped: Interval | None = None
    never_correct: Interval | None = None
    settled_wrong: SettledRecord | None = None
    threshold: ThresholdRecord | None = None
    lost: Count | None = 0
    """Right at the readout, wrong at the horizon. None, as `settled_wrong` is, where what stayed right was stopped."""
    median_escape: Number | None = None
    sub_updates_per_segment: Count | None = None
    fits: dict[str, LawRecord | None] = {}
    best: str | None = None
    """By AIC; None below the escapes that it takes."""
    cure_fraction: Interval | None = None
    """Share that never escapes, by the law of one rate and a cured part."""
    wandering_only: LawRecord | None = None


class PairRecord(Written):
    """Two models held against each other; p after Holm's correction over all pairs."""

    first: str
    second: str
    statistic: Number | None
    p: Number | None
    rate_ratio: RateRecord | None
    p_holm: Number | None


class LogRankRecord(Written):
    """The log-rank test over all models, and over each pair, on one clock and over one horizon."""

    clock: str = "segments"
    horizon: Count | None = None
    """After the readout, on that clock."""
    segments: dict[str, Count] = {}
    """The same in segments of each model."""
    statistic: Number | None
    degrees: Count
    p: Number | None
    pairs: list[PairRecord]


class SurvivalRecord(Written):
    """survival.json of `rrdyn survival`: models by tag."""

    kind: str = Field("", alias="schema")
    schema_version: int | None = None
    models: dict[str, SurvivalModelRecord]
    log_rank: LogRankRecord | None = None
    without_failures: list[str] = []
    settings: dict[str, str | float | None] = {}
    meta: Meta | None = None
