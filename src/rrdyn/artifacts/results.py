"""What later rooms read back of the analyses' files: results_<tag>.json, survival.json, select_<tag>.json.

Each record holds the keys that a page or a figure needs; what else is in the file is passed over. Files of the source
study hold NaN where ours hold null, and no intervals.
"""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import Field, field_validator

from rrdyn.artifacts.record import Record

Number = Annotated[float, Field(allow_inf_nan=True)]
Count = Annotated[int, Field(ge=0)]
CELLS = ("A_conv_correct", "B_conv_wrong", "C_nonconv_correct", "D_nonconv_wrong")


class IntervalRecord(Record):
    """A value with its bounds; all None where nothing was there to estimate it from."""

    value: Number | None
    low: Number | None = None
    high: Number | None = None
    n: Count | None = None
    method: str | None = None


class CellRecord(Record):
    """One cell of the 2x2; only its n where it is empty."""

    n: Count
    lam1_median: Number | None = None
    lam1_iqr: list[Number] | None = None
    spectrum_median: list[Number] | None = None
    token_acc_median: Number | None = None
    halted_at_median: Number | None = None


class ThresholdRecord(Record):
    """What late drift was split at."""

    tau_log10: Number | None = None
    method: str = "otsu"
    of: str = "late drift"
    one_mode: bool = False
    """Whether settled and unsettled are not told apart."""


class ClockRecord(Record):
    """How the exponents count time."""

    sub_updates_per_segment: Count | None = None


class IncrementRecord(Record):
    """What the exponent adds to drift and q_halt, in words."""

    says: str = ""


class TestRecord(Record):
    """One test of a family."""

    __test__ = False  # none of pytest's
    name: str
    method: str = ""
    statistic: Number | None = None
    p: Number | None = None
    p_holm: Number | None = None


class ResultsRecord(Record):
    """results_<tag>.json of `rrdyn analyze-2x2`, ours or the source study's."""

    n: Annotated[int, Field(ge=1)]
    exact_acc: Number
    otsu_tau_log10: Number
    cells: dict[str, CellRecord]
    """By the names of `CELLS`, all four."""
    npz: str = ""
    title: str = ""
    clock: ClockRecord | None = None
    intervals: dict[str, IntervalRecord | list[IntervalRecord]] | None = None
    """By the dotted name of the number they belong to; None in the source study's files."""
    threshold: ThresholdRecord | None = None
    increment: IncrementRecord | None = None
    warnings: list[str] = []
    tests: list[TestRecord] = []
    step: int | None = None
    """Training step of the checkpoint, where known."""
    meta: dict[str, Any] | None = None

    @field_validator("cells")
    @classmethod
    def _all_four(cls, cells: dict[str, CellRecord]) -> dict[str, CellRecord]:
        if missing := [name for name in CELLS if name not in cells]:
            raise ValueError(f"the cells {', '.join(missing)} too")
        return {name: cells[name] for name in CELLS}

    @property
    def tau(self) -> float:
        """log10 of the late drift that settled and unsettled were told apart by."""
        tau = self.threshold.tau_log10 if self.threshold else None
        return self.otsu_tau_log10 if tau is None else tau

    def interval(self, name: str) -> IntervalRecord | None:
        """The interval of a number by its dotted name, None where the file has none."""
        found = (self.intervals or {}).get(name)
        return found[0] if isinstance(found, list) and found else found if not isinstance(found, list) else None


class EscapeRateRecord(Record):
    """A law's escape rate in both units."""

    per_segment: IntervalRecord | None = None
    per_module_evaluation: IntervalRecord | None = None


class LawRecord(Record):
    """One fitted law of escape."""

    aic: Number | None = None
    escape_rate: EscapeRateRecord | None = None
    curve: list[Number | None] | None = None
    """Share still wrong by this law after 0, 1, 2, … segments."""


class SurvivalModelRecord(Record):
    """The failures of one rollout and what became of them."""

    n: Count
    failures: Count
    readout: Count
    horizon: Count
    escaped: IntervalRecord | None = None
    never_correct: IntervalRecord | None = None
    settled_wrong: IntervalRecord | None = None
    best: str | None = None
    fits: dict[str, LawRecord | None] = {}


class SurvivalRecord(Record):
    """survival.json of `rrdyn survival`: models by tag."""

    models: dict[str, SurvivalModelRecord]
    meta: dict[str, Any] | None = None


class SelectionRow(Record):
    """One selector at one noise scale."""

    sigma: Number
    selector: str
    n: Count | None = None
    right: Number | None = None
    right_low: Number | None = None
    right_high: Number | None = None
    gain: Number | None = None
    gain_low: Number | None = None
    gain_high: Number | None = None


class SelectionRecord(Record):
    """select_<tag>.json of `rrdyn select`."""

    rows: list[SelectionRow]
    K: Count | None = None
    meta: dict[str, Any] | None = None
