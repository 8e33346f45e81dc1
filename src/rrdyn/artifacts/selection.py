"""select_<tag>.json: which restart to trust, as `rrdyn select` writes it and pages read."""

from __future__ import annotations

from pydantic import Field

from rrdyn.artifacts.interval import Interval
from rrdyn.artifacts.record import Count, Meta, Number, Written


class SelectionRow(Written):
    """One selector at one noise scale."""

    sigma: Number
    selector: str
    n: Count = 0
    right: Number | None = None
    right_low: Number | None = None
    right_high: Number | None = None
    gain: Number | None = None
    """Over a restart taken at random."""
    gain_low: Number | None = None
    gain_high: Number | None = None
    segments: Number | None = None
    """Segments run for one answer."""
    aurc: Number | None = None
    """Area under risk against coverage."""
    aurc_low: Number | None = None
    aurc_high: Number | None = None
    aurc_perfect: Number | None = None


class RiskRow(Written):
    """One point of a selector's risk against coverage."""

    sigma: Number
    selector: str
    coverage: Number
    risk: Number


class CalibrationBin(Written):
    """Rows of one tenth of confidence, and how often they were right."""

    bin: Count
    confidence: Number
    accuracy: Number
    low: Number
    high: Number
    n: Count


class CalibrationCurve(Written):
    """How far a probability is the chance of being right; slope 1 and intercept 0 are perfect."""

    n: Count
    puzzles: Count
    ece: Number
    brier: Number | None
    intercept: Number | None
    slope: Number | None
    bins: list[CalibrationBin]


class SelectSettings(Written):
    """What a selection was made with; `left_out` are the selectors whose arrays the file lacks."""

    seed: int
    replicates: Count
    left_out: list[str]


class SelectionRecord(Written):
    """select_<tag>.json of `rrdyn select`."""

    kind: str = Field("", alias="schema")
    schema_version: int | None = None
    tag: str = ""
    file: str = ""
    readout: Count | None = None
    K: Count | None = None
    rows: list[SelectionRow]
    calibration: dict[str, CalibrationCurve] = {}
    """By sigma."""
    basin: list[dict[str, int | Number | None]] = []
    settings: SelectSettings | None = None
    meta: Meta | None = None


class SelectedFile(Written):
    """What is said of one file first."""

    rows: list[SelectionRow]
    basin: list[dict[str, int | Number | None]]
    readout: Count | None


class SelectedFiles(Written):
    """The files of `rrdyn select`, by tag."""

    results: dict[str, SelectedFile]


def bounds(name: str, interval: Interval | None) -> dict[str, float | None]:
    """The three columns of an interval in a table: NAME, NAME_low, NAME_high."""
    if interval is None:
        return {name: None, f"{name}_low": None, f"{name}_high": None}
    return {name: interval.value, f"{name}_low": interval.low, f"{name}_high": interval.high}
