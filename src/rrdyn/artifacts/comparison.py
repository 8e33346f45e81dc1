"""comparison.json: two measurements of the same puzzles, as `rrdyn compare` writes it and pages and figures read."""

from __future__ import annotations

from pydantic import Field

from rrdyn.artifacts.interval import Interval
from rrdyn.artifacts.record import Count, Meta, Number, Written


class PairedRecord(Written):
    """One column compared: how many puzzles have it in both, one or neither, the two shares and their difference."""

    n: Count
    both: Count
    only_first: Count
    only_second: Count
    neither: Count
    first: Interval
    second: Interval
    difference: Interval
    """Second minus first."""
    mcnemar_p: Number


class ShiftRecord(Written):
    """A number compared: its medians, the mean and median of the paired differences (second minus first), a test."""

    n: Count
    first: Number | None
    """Median in the first."""
    second: Number | None
    mean: Interval
    median: Interval
    wilcoxon_p: Number | None
    """Signed-rank test that differences lean to neither side."""


class AreaShiftRecord(Written):
    """An AUC compared: either area, and their difference (second minus first)."""

    first: Number | None
    second: Number | None
    difference: Interval


class FateChange(Written):
    """Puzzles of one class (a fate, a cell) in the first and one in the second."""

    first: str
    second: str
    n: Count


class ComparisonRecord(Written):
    """comparison.json: two files beside each other. Differences are second minus first."""

    kind: str = Field("", alias="schema")
    schema_version: int | None = None
    of: str = ""
    """What was compared: diag, fate, rollout or perturb files."""
    names: tuple[str, str] = ("first", "second")
    n: Count
    left_out: Count = 0
    """Puzzles that only one of the files has, or that have no label in one."""
    columns: dict[str, PairedRecord]
    fates: list[FateChange]
    """Transitions between fates; of diag files between the cells A to D of the 2x2."""
    same_fate: Interval | None
    numbers: dict[str, ShiftRecord] = {}
    areas: dict[str, AreaShiftRecord] = {}
    notes: list[str] = []
    meta: Meta | None = None
