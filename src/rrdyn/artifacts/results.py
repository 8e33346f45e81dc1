"""results_<tag>.json: the 2x2 analysis of one file, as it is written and read back.

`SourceRecord` has the numbers of the source study, under its names; files of that study hold nothing else, and NaN
where ours hold null.
"""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, field_validator

from rrdyn.artifacts.interval import Interval
from rrdyn.artifacts.record import Count, Known, Meta, Number, Written

CELLS = ("A_conv_correct", "B_conv_wrong", "C_nonconv_correct", "D_nonconv_wrong")


class CellRecord(Written):
    """One cell of the 2x2; only its n where it is empty."""

    n: Count
    lam1_median: Number | None = None
    lam1_mean: Number | None = None
    lam1_iqr: list[Number] | None = None
    lam8_median: Number | None = None
    """Of the last exponent measured, whatever k is."""
    spectrum_median: list[Number] | None = None
    token_acc_median: Number | None = None
    halted_at_median: Number | None = None


class MixtureRecord(Written):
    """Shares of the wrong that settled and of the right that did not."""

    wrong_that_converged: Number
    correct_that_nonconverged: Number


class AuxRecord(Written):
    """What the source study reports on the side."""

    late_drift_zL_corr_with_zH_log: Known
    q_halt_final_median_by_cell: dict[str, Known]


class ThresholdRecord(Written):
    """What late drift was split at, and how clearly it splits."""

    asked: str = "otsu"
    method: str = "otsu"
    """The method that gave tau; another than `asked` where that one's split meant nothing."""
    tau_log10: Number | None = None
    eta: Number | None = None
    n_frozen: Count | None = None
    otsu_tau_log10: Number | None = None
    mixture_tau_log10: Number | None = None
    mixture_weight_slow: Number | None = None
    mixture_means: list[Number] | None = None
    mixture_deviations: list[Number] | None = None
    bic_gain_two_modes: Number | None = None
    ashman_d: Number | None = None
    two_modes: bool | None = None
    bimodality_coefficient: Number | None = None
    shared: bool = False
    of: str = "late drift"
    one_mode: bool = False
    """Whether settled and unsettled are not told apart."""
    warning: str | None = None


class SidesRecord(Written):
    """A number of the right and of the wrong puzzles."""

    correct: Known
    wrong: Known


class ClockRecord(Written):
    """How the exponents count time: lambda_1 in the other units it is asked for."""

    sub_updates_per_segment: Count | None = None
    module_evaluations_per_sub_update: Count | None = None
    lam1_median_per_module_evaluation: SidesRecord | None = None
    lam1_median_per_segment: SidesRecord | None = None


class BandRecord(Written):
    """How many wrong puzzles move as slowly as settled, right ones do."""

    tau_log10: Number
    settled: Interval
    wrong_that_settled: Interval
    n_wrong_that_settled: Count


class OverlapRecord(Written):
    """How far the late drifts of right and wrong puzzles overlap, without a threshold."""

    auc: Interval
    overlap: Interval | None
    correct_slower_than_slowest_wrong: Number | None
    intervals: dict[str, Interval] | None = None
    slowest_wrong_log10: Number | None = None


class TestRecord(Written):
    """One test of a family, its n of either group, and its p-value after Holm's correction over the family."""

    __test__ = False  # none of pytest's
    name: str
    method: str = ""
    statistic: Number | None = None
    p: Number | None = None
    p_holm: Number | None = None
    n: list[Count] = []


class BinRecord(Written):
    """One bin of a matched AUC."""

    start: Number = Field(alias="from")
    to: Number
    n: Count
    n_correct: Count
    auc: Number | None


class MatchedRecord(Written):
    """An AUC among pairs that share a bin."""

    auc: Number | None
    low: Number | None
    high: Number | None
    n: Count
    bins: list[BinRecord]
    bins_used: Count
    bins_with_one_class: Count
    pairs: Count
    unweighted_auc: Number | None
    method: str | None = None


class HorizonRow(Written):
    """The AUC of exponents over the first segments only."""

    segments: Count
    auc: Number | None
    low: Number | None
    high: Number | None
    n: Count
    method: str


class EarlyRecord(HorizonRow):
    """The AUC of an early window against a half."""

    null: Number
    verdict: str | None


class HorizonRecord(Written):
    """AUCs from the first h segments, h = 1 … S."""

    rows: list[HorizonRow]
    early: EarlyRecord


class ControlsRecord(Written):
    """The AUC of -lambda_1 with something else held fixed."""

    drift_matched: MatchedRecord
    difficulty_binned: MatchedRecord | None
    horizon: HorizonRecord | None


class GainRecord(Written):
    """Mean AUCs of two nested models over held-out folds, their difference, and the gain found in 80%."""

    auc_base: Number
    auc_full: Number
    delta_auc: Number
    low: Number
    high: Number
    level: Number
    p: Number
    detectable: Number
    between_splits: Number
    deviance_gain_out_of_fold: Number


class IndependenceRecord(Written):
    """A test of conditional independence."""

    method: str
    statistic: Number
    degrees: Count
    p: Number
    correlation: Number


class AddedRecord(Written):
    """What one number adds over both bases, and whether a gain is claimed."""

    added: str
    n: Count
    adds: bool
    smooth: GainRecord
    flexible: GainRecord
    independence: IndependenceRecord
    detectable: Number
    says: str


class IncrementRecord(Written):
    """What numbers add to a base, each number alone, and in one sentence."""

    over: list[str] = []
    placebo: str = ""
    folds: Count | None = None
    splits: Count | None = None
    n: Count | None = None
    alone: dict[str, Interval] = {}
    added: dict[str, AddedRecord] = {}
    warnings: list[str] = []
    says: str = ""


class IntervalSettings(Written):
    """What the intervals were made with."""

    level: Number
    replicates: Count
    seed: int


class SourceRecord(Written):
    """The numbers of the source study's file."""

    npz: str = ""
    n: Annotated[int, Field(ge=1)]
    exact_acc: Number
    late_drift_def: str = ""
    otsu_tau_log10: Number
    frac_converged: Number | None = None
    cells: dict[str, CellRecord]
    """By the names of `CELLS`, all four."""
    mixture: MixtureRecord | None = None
    contrasts: dict[str, Known] = {}
    auc: dict[str, Known] = {}
    aux: AuxRecord | None = None

    @field_validator("cells")
    @classmethod
    def _all_four(cls, cells: dict[str, CellRecord]) -> dict[str, CellRecord]:
        if missing := [name for name in CELLS if name not in cells]:
            raise ValueError(f"the cells {', '.join(missing)} too")
        return {name: cells[name] for name in CELLS}


class ResultsRecord(SourceRecord):
    """results_<tag>.json of `rrdyn analyze-2x2`, ours or the source study's."""

    kind: str = Field("", alias="schema")
    schema_version: int | None = None
    tag: str = ""
    title: str = ""
    label: str = "exact_correct"
    labels: list[str] = []
    late_segments: Count | None = None
    settled_by: str = "drift"
    n_dropped: Count = 0
    n_unlabelled: Count = 0
    estimator: Meta | None = None
    clock: ClockRecord | None = None
    step: int | None = None
    """Training step of the checkpoint, where known."""
    threshold: ThresholdRecord | None = None
    strict_band: BandRecord | None = None
    intervals: dict[str, Interval | list[Interval]] | None = None
    """By the dotted name of the number they belong to; None in the source study's files."""
    interval_settings: IntervalSettings | None = None
    threshold_free: OverlapRecord | None = None
    tests: list[TestRecord] = []
    controls: ControlsRecord | None = None
    increment: IncrementRecord | None = None
    warnings: list[str] = []
    path_valid: ResultsRecord | None = None
    """The same under another label, where the puzzles have one."""
    meta: Meta | None = None

    @property
    def tau(self) -> float:
        """log10 of the late drift that settled and unsettled were told apart by."""
        tau = self.threshold.tau_log10 if self.threshold else None
        return self.otsu_tau_log10 if tau is None else tau

    def interval(self, name: str) -> Interval | None:
        """The interval of a number by its dotted name, None where the file has none."""
        found = (self.intervals or {}).get(name)
        return found[0] if isinstance(found, list) and found else found if not isinstance(found, list) else None
