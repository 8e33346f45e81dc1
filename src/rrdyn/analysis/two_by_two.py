"""The 2x2 analysis of one diagnostic file: settled x right, with intervals, tests, controls and the increment.

The source study's numbers keep its names and places; what it does not have stands in blocks of its own.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import polars as pl

from rrdyn.analysis import cells as tables
from rrdyn.analysis import controls, summary
from rrdyn.analysis.areas import AREA_ENOUGH, CLASS_ENOUGH, ROUGH, auc_intervals
from rrdyn.analysis.intervals import REPLICATES, median, median_difference, rate
from rrdyn.analysis.predictors import increments
from rrdyn.analysis.puzzles import DRIFT_FLOOR, LATE_SEGMENTS, Puzzles
from rrdyn.analysis.settled import own_threshold
from rrdyn.analysis.significance import auc_difference, family, kolmogorov_smirnov, mann_whitney
from rrdyn.analysis.thresholds import Tau, Threshold, band_edge, otsu
from rrdyn.artifacts.files import make_folder, replacing, write_json, write_text
from rrdyn.artifacts.interval import LEVEL, Interval
from rrdyn.artifacts.provenance import provenance
from rrdyn.artifacts.results import (
    BandRecord,
    CellRecord,
    ClockRecord,
    IntervalSettings,
    ResultsRecord,
    SidesRecord,
    TestRecord,
)
from rrdyn.runtime.streams import generator

KIND, VERSION = "two_by_two", 1


@dataclass(frozen=True, kw_only=True)
class TwoByTwo:
    """One analysed file: `results` is the content of results_<tag>.json."""

    tag: str
    puzzles: Puzzles
    settled: np.ndarray  # (N,) bool
    results: ResultsRecord
    sweep: list[tables.SweepRow]
    compat: bool = False
    other: dict[str, TwoByTwo] = field(default_factory=dict)  # the same under another label

    @property
    def warnings(self) -> list[str]:
        return self.results.warnings


def analyze(
    puzzles: Puzzles,
    tag: str,
    *,
    tau: Tau | None = None,
    threshold: Threshold | None = None,
    fate: Path | None = None,
    compat: bool = False,
    seed: int = 0,
    replicates: int = REPLICATES,
) -> TwoByTwo:
    """All of it. `threshold` replaces the choice by `tau`, so that several files can share one; `fate` is a fate.npz of
    the same puzzles, whose fates and multipliers are asked what they add.

    With `compat` only the source study's numbers, by its own rules: Otsu on drifts clipped at 1e-12, no intervals.
    """
    if compat:
        log_drift = puzzles.log_late_drift()
        value = otsu(log_drift)
        settled = log_drift < value
        results = ResultsRecord(**dict(tables.source_numbers(puzzles, settled, value)))
        return TwoByTwo(
            tag=tag, puzzles=puzzles, settled=settled, results=results, sweep=tables.sweep(puzzles), compat=True
        )
    threshold = threshold or own_threshold(puzzles, tau or Tau())
    found = _judge(puzzles, tag, threshold, seed, replicates, fate, label="exact_correct")
    if puzzles.path_valid is None:
        return found
    valid = _judge(puzzles.under("path_valid"), tag, threshold, seed, replicates, fate, label="path_valid")
    both = {"path_valid": valid.results, "labels": ["exact_correct", "path_valid"]}
    return replace(found, results=found.results.model_copy(update=both), other={"path_valid": valid})


def _judge(
    puzzles: Puzzles, tag: str, threshold: Threshold, seed: int, replicates: int, fate: Path | None, label: str
) -> TwoByTwo:
    settled = threshold.settled(puzzles.log_motion())
    rng = generator(seed, "two_by_two", label)
    numbers = tables.source_numbers(puzzles, settled, threshold.otsu)
    scores = {
        "neg_spectral_mean_predicts_correct": -puzzles.spectral_mean,
        "q_halt_predicts_correct": puzzles.q_last,
    }
    bounds, areas = _intervals(puzzles, settled, scores, rng, replicates)
    added = increments(puzzles, fate=fate, seed=seed)
    extra = {name: math.nan if area.value is None else area.value for name, area in areas.items()}
    results = ResultsRecord(
        **dict(numbers) | {"auc": numbers.auc | extra},
        kind=KIND,
        schema_version=VERSION,
        tag=tag,
        label=label,
        labels=[label],
        late_segments=puzzles.late,
        settled_by=puzzles.settled_by,
        n_dropped=puzzles.dropped,
        n_unlabelled=puzzles.unlabelled,
        estimator=puzzles.estimator,
        clock=_clock(puzzles),
        step=puzzles.step,
        threshold=threshold.record(),
        strict_band=_strict_band(puzzles, settled),
        intervals=bounds,
        interval_settings=IntervalSettings(level=LEVEL, replicates=replicates, seed=seed),
        threshold_free=controls.overlap(puzzles, rng, replicates),
        tests=_tests(puzzles, settled),
        controls=controls.run(puzzles),
        increment=added,
        warnings=[*_warnings(puzzles, threshold, numbers.cells), *added.warnings, *_rough(bounds)],
    )
    return TwoByTwo(tag=tag, puzzles=puzzles, settled=settled, results=results, sweep=tables.sweep(puzzles))


def _intervals(
    puzzles: Puzzles, settled: np.ndarray, scores: dict[str, np.ndarray], rng: np.random.Generator, replicates: int
) -> tuple[dict[str, Interval | list[Interval]], dict[str, Interval]]:
    """Intervals under the dotted name of the number they belong to, and the AUCs that the source study lacks."""
    correct, n = puzzles.correct, puzzles.n
    cells = tables.masks(settled, correct)
    found: dict[str, Interval | list[Interval]] = {
        "exact_acc": rate(int(correct.sum()), n),
        "frac_converged": rate(int(settled.sum()), n),
        "mixture.wrong_that_converged": rate(int(cells["B_conv_wrong"].sum()), int((~correct).sum())),
        "mixture.correct_that_nonconverged": rate(int(cells["C_nonconv_correct"].sum()), int(correct.sum())),
    }
    for name, rows in cells.items():
        found[f"cells.{name}.share"] = rate(int(rows.sum()), n)
        spectrum = [median(column, rng, replicates) for column in puzzles.exponents[rows].T]
        found[f"cells.{name}.lam1_median"] = spectrum[0]
        found[f"cells.{name}.spectrum_median"] = spectrum
        found[f"cells.{name}.token_acc_median"] = median(puzzles.token_acc[rows], rng, replicates)
        found[f"cells.{name}.halted_at_median"] = median(puzzles.halted_at[rows], rng, replicates)
        found[f"aux.q_halt_final_median_by_cell.{name}"] = median(puzzles.q_last[rows], rng, replicates)
    for side, rows in (("correct", correct), ("wrong", ~correct)):
        found[f"spectrum_median.{side}"] = [median(column, rng, replicates) for column in puzzles.exponents[rows].T]
    for name, (first, second) in tables.contrasts(puzzles, cells).items():
        found[f"contrasts.{name}"] = median_difference(first, second, rng, replicates)
    areas = tables.aucs(puzzles, settled)
    together = {name: score for name, (score, label) in areas.items() if label is correct} | scores
    bounds = dict(zip(together, auc_intervals(list(together.values()), correct, rng, replicates)))
    found |= {f"auc.{name}": bound for name, bound in bounds.items()}
    for name, (score, label) in areas.items():
        if label is not correct:
            found[f"auc.{name}"] = auc_intervals([score], label, rng, replicates)[0]
    return found, {name: bounds[name] for name in scores}


def _tests(puzzles: Puzzles, settled: np.ndarray) -> list[TestRecord]:
    """One family, corrected together."""
    first, drift, correct = puzzles.lambda_1, puzzles.log_late_drift(), puzzles.correct
    a, b, c, d = (first[rows] for rows in tables.masks(settled, correct).values())
    return family(
        [
            kolmogorov_smirnov("lambda_1, correct against wrong", first[correct], first[~correct]),
            kolmogorov_smirnov("late drift, correct against wrong", drift[correct], drift[~correct]),
            mann_whitney("lambda_1 within settled, wrong above correct", b, a),
            mann_whitney("lambda_1 within unsettled, wrong above correct", d, c),
            mann_whitney("lambda_1 among wrong, settled above unsettled", b, d),
            auc_difference("AUC of -lambda_1 minus AUC of -late drift", -first, -drift, correct),
            auc_difference("AUC of -lambda_1 minus AUC of q_halt", -first, puzzles.q_last, correct),
            auc_difference("AUC of -lambda_1 minus AUC of -spectral mean", -first, -puzzles.spectral_mean, correct),
        ]
    )


def _clock(puzzles: Puzzles) -> ClockRecord | None:
    """lambda_1 in the other units it is asked for; None where the file does not tell its sub-updates.

    One sub-update of HRM or TRM is one module evaluation, so the two units are equal.
    """
    steps = puzzles.sub_updates
    if steps is None:
        return None
    first, correct = puzzles.lambda_1, puzzles.correct
    right, wrong = tables.median(first[correct]), tables.median(first[~correct])
    return ClockRecord(
        sub_updates_per_segment=steps,
        module_evaluations_per_sub_update=1,
        lam1_median_per_module_evaluation=SidesRecord(correct=right, wrong=wrong),
        lam1_median_per_segment=SidesRecord(correct=steps * right, wrong=steps * wrong),
    )


def _strict_band(puzzles: Puzzles, settled: np.ndarray) -> BandRecord | None:
    """How many wrong puzzles move as slowly as settled, right ones do; None where too few of those are there."""
    drift, wrong = puzzles.log_motion(), ~puzzles.correct
    edge = band_edge(drift, settled & puzzles.correct)
    if edge is None:
        return None
    inside = drift < edge
    stuck, total = int((inside & wrong).sum()), int(wrong.sum())
    return BandRecord(
        tau_log10=edge,
        settled=rate(int(inside.sum()), puzzles.n),
        wrong_that_settled=rate(stuck, total),
        n_wrong_that_settled=stuck,
    )


def _warnings(puzzles: Puzzles, threshold: Threshold, cells: dict[str, CellRecord]) -> list[str]:
    correct = puzzles.correct
    told = [threshold.warning] if threshold.warning else []
    if threshold.method != threshold.asked and threshold.warning is None:
        told.append(
            f"--tau {threshold.asked} gave no split worth using here; the threshold comes from --tau {threshold.method}"
        )
    if threshold.frozen:
        told.append(
            f"{threshold.frozen} puzzles do not move at all late: counted as settled, kept out of the threshold"
        )
    if correct.all() or not correct.any():
        told.append(f"all {puzzles.n} puzzles are {'right' if correct.all() else 'wrong'}: no AUC, no contrast")
    if puzzles.late < LATE_SEGMENTS:
        told.append(
            f"late is the last quarter of {puzzles.segments} segments, {puzzles.late} of them; the source study has 4"
        )
    if puzzles.dropped:
        told.append(f"{puzzles.dropped} puzzles with NaN or infinity are left out")
    if puzzles.unlabelled:
        told.append(f"{puzzles.unlabelled} puzzles without a label are left out")
    told += [f"cell {name} holds {cell.n} puzzles" for name, cell in cells.items() if 0 < cell.n < 3]
    if puzzles.clipped:
        told.append(
            f"{puzzles.clipped} puzzles have a log that was clipped at 1e-30 (-69.08): a zero on the diagonal, as of a "
            "Jacobian that loses a direction; the exponent it enters is no number of the dynamics"
        )
    return told


def _rough(bounds: dict[str, Interval | list[Interval]]) -> list[str]:
    """One warning for all AUCs whose interval comes from the method for few puzzles or areas near 1."""
    names = [
        summary.AUC_NAMES.get(key := name.removeprefix("auc."), key) for name, bound in bounds.items()
        if name.startswith("auc.") and isinstance(bound, Interval) and bound.method in ROUGH
    ]  # fmt: skip
    if not names:
        return []
    return [
        f"fewer than {CLASS_ENOUGH} puzzles in a class, or an AUC above {AREA_ENOUGH} or below {1 - AREA_ENOUGH:.2f}: "
        f"intervals of the AUCs {'; '.join(names)} are score intervals, wide but rough (measured coverage in "
        "docs/statistics)"
    ]


def points(found: TwoByTwo) -> pl.DataFrame:
    """points_<tag>.csv: one row a puzzle."""
    p = found.puzzles
    columns: dict[str, np.ndarray] = {
        "idx": p.idx,
        "log10_late_drift": p.log_late_drift(),
        "log10_late_drift_zL": p.log_late_drift("zL"),
        **({"log10_late_return": p.log_motion()} if p.settled_by == "return" else {}),
        "log10_last_drift": np.log10(np.clip(p.drift_zH[:, -1], DRIFT_FLOOR, None)),
        **{f"lambda_{i + 1}": p.exponents[:, i] for i in range(p.k)},
        "settled": found.settled,
        "correct": p.correct,
        "cell": tables.letters(found.settled, p.correct),
        "token_acc": p.token_acc,
        "halted_at": p.halted_at.astype(np.int64),
        "q_halt": p.q_last,
        "q_halt_max": p.q_halt.astype(float).max(axis=1),
    }
    if p.residual is not None:
        columns["log10_residual"] = np.log10(np.clip(p.residual[:, -1], DRIFT_FLOOR, None))
    if p.path_valid is not None:
        columns["path_valid"] = p.path_valid
    if p.difficulty is not None:
        columns["difficulty"] = p.difficulty
    return pl.DataFrame(columns)


def write(found: TwoByTwo, out: Path) -> list[Path]:
    """results_<tag>.json, cells_<tag>.csv, sweep_<tag>.csv, points_<tag>.csv; the tables again for a further label."""
    out, tag = make_folder(out), found.tag
    record = found.results
    if record.interval_settings is not None:
        meta = provenance(seed=record.interval_settings.seed, inputs=[found.puzzles.path])
        record = record.model_copy(update={"meta": meta})
    wrote = [write_json(out / f"results_{tag}.json", record), *_write_tables(found, out, tag)]
    for label, other in found.other.items():
        wrote += _write_tables(other, out, f"{tag}_{label}")
    wrote.append(out / f"points_{tag}.csv")
    with replacing(wrote[-1]) as partial, open(partial, "wb") as stream:  # polars opens names of UTF-8 only
        points(found).write_csv(stream)
    return wrote


def _write_tables(found: TwoByTwo, out: Path, tag: str) -> list[Path]:
    return [
        write_text(out / f"cells_{tag}.csv", tables.cells_csv(found.results.cells)),
        write_text(out / f"sweep_{tag}.csv", tables.rows_csv([row.model_dump() for row in found.sweep])),
    ]


def write_summary(found: Sequence[TwoByTwo], out: Path, *, before: str = "") -> Path:
    """results.md over all files of one call, after what stands `before` them."""
    compat = all(item.compat for item in found)
    text = summary.source_text if compat else summary.text
    body = text({item.tag: item.results for item in found})
    return write_text(out / "results.md", f"{before}\n{body}" if before else body)
