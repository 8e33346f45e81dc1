"""results.md: the 2x2 analysis in words and small tables."""

from __future__ import annotations

import datetime
import math
from collections.abc import Mapping
from typing import Any

from tabulate import tabulate

from rrdyn.analysis.predictors import OVER, TOLD
from rrdyn.artifacts.interval import Interval
from rrdyn.artifacts.results import BandRecord, GainRecord, ResultsRecord

CELL_NAMES = {
    "A_conv_correct": "A settled, right",
    "B_conv_wrong": "B settled, wrong",
    "C_nonconv_correct": "C unsettled, right",
    "D_nonconv_wrong": "D unsettled, wrong",
}
AUC_NAMES = {
    "neg_lam1_predicts_correct_overall": "-lambda_1 -> right",
    "neg_spectral_mean_predicts_correct": "-spectral mean -> right",
    "neg_logdrift_predicts_correct": "-log late drift -> right",
    "q_halt_predicts_correct": "last q_halt -> right",
    "neg_lam1_predicts_correct_within_conv": "-lambda_1 -> right, among settled",
    "neg_lam1_predicts_correct_within_nonconv": "-lambda_1 -> right, among unsettled",
    "neg_lam1_predicts_converged": "-lambda_1 -> settled",
}
CONTRAST_NAMES = {
    "dlam1_correct_minus_wrong_overall": "right minus wrong",
    "dlam1_within_converged": "right minus wrong, among settled",
    "dlam1_within_nonconverged": "right minus wrong, among unsettled",
    "dlam1_wrong_conv_minus_wrong_nonconv": "wrong: settled minus unsettled",
}


DEFINED = {
    "late drift": "mean of drift_zH over the last {} segments",
    "late return distance": "smallest mean distance to the state 1, 2, ... segments before, over the last {}",
}


def bounded(interval: Interval | None, digits: int = 3, sign: bool = False) -> str:
    """A value with its interval and n, such as 0.905 [0.871, 0.937] (n=300)."""
    if interval is None or interval.value is None:
        return "-"
    return f"{interval.told(digits, sign=sign)} (n={interval.n})"


def headline(tag: str, record: ResultsRecord) -> str:
    """The 2x2 table and the main AUCs of one file for the terminal; the increment where it was measured.

    Where settled and unsettled are not told apart, what needs no threshold takes the place of the table.
    """
    a, b, c, d = (cell.n for cell in record.cells.values())
    table = tabulate([["settled", a, b], ["unsettled", c, d]], ["", "right", "wrong"], tablefmt="simple")
    head = f"{tag}  n={record.n}  accuracy {record.exact_acc:.3f}"
    tau, free = record.threshold, record.threshold_free
    if record.intervals is None or record.increment is None or tau is None or free is None:
        area = f"AUC(-lambda_1 -> right) {record.auc['neg_lam1_predicts_correct_overall']:.3f}"
        return "\n".join([head, table, area])
    names = ("neg_lam1_predicts_correct_overall", "neg_logdrift_predicts_correct", "q_halt_predicts_correct")
    areas = [f"AUC({AUC_NAMES[name]}) {bounded(record.interval(f'auc.{name}'))}" for name in names]
    increment = f"increment: {record.increment.says}"
    if not tau.one_mode:
        return "\n".join([head, table, *areas, increment])
    overlap = f"overlap of the late drifts of right and wrong {bounded(free.overlap)}"
    eta = "-" if tau.eta is None else f"{tau.eta:.2f}"
    aside = (
        f"no 2x2: {tau.of} has one mode (eta {eta}), settled and unsettled are not told apart; the cells stand in "
        "results.md"
    )
    return "\n".join([head, *areas, overlap, increment, aside])


def text(results: Mapping[str, ResultsRecord]) -> str:
    """The page for one or several analysed files, tag -> results."""
    lines = ["# 2x2 analysis: settled x right", ""]
    for tag, record in results.items():
        lines += [f"## {tag}", *_one(record)]
        if record.path_valid is not None:
            lines += [f"## {tag}, judged by path validity instead of exact match", *_one(record.path_valid)]
            lines += _labels(record, record.path_valid)
    return "\n".join(lines) + "\n"


def _one(record: ResultsRecord) -> list[str]:
    cells, free = _cells(record), [*_areas(record), *_increment(record), *_controls(record), *_tests(record)]
    if record.threshold is None or not record.threshold.one_mode:
        return [*_head(record), *cells, *free]
    aside = "**The cells**, which this file does not tell apart: what stands above needs no threshold."
    return [*_head(record), *free, aside, "", *cells]


def _head(record: ResultsRecord) -> list[str]:
    tau, estimator = record.threshold, record.estimator
    assert tau is not None
    eta = "-" if tau.eta is None else f"{tau.eta:.2f}"
    lines = [
        f"- file `{record.npz}`, n={record.n}, right {bounded(record.interval('exact_acc'))}",
        f"- settled: {tau.of} ({DEFINED[tau.of].format(record.late_segments)}) below 10^{record.tau:.3f}"
        f" ({tau.method}{', one for several files' if tau.shared else ''}; separability eta {eta}): "
        f"{bounded(record.interval('frac_converged'))}",
        f"- wrong that settled: {bounded(record.interval('mixture.wrong_that_converged'))};"
        f" right that did not: {bounded(record.interval('mixture.correct_that_nonconverged'))}",
        *_band(record.strict_band),
        "- exponents: nats per sub-update, "
        + ("estimator not recorded in the file" if estimator is None else _short(estimator)),
    ]
    return [*lines, *(f"- **note**: {warning}" for warning in record.warnings), ""]


def _band(band: BandRecord | None) -> list[str]:
    if band is None:
        return []
    return [
        f"- strict band (as slow as settled, right puzzles: below 10^{band.tau_log10:.3f}): "
        f"{band.n_wrong_that_settled} wrong puzzles settled, {bounded(band.wrong_that_settled, 4)}"
    ]


def _short(estimator: Mapping[str, Any]) -> str:
    return ", ".join(f"{key} {value}" for key, value in estimator.items() if not isinstance(value, dict | list))


def _cells(record: ResultsRecord) -> list[str]:
    rows = []
    for name, cell in record.cells.items():
        share = record.interval(f"cells.{name}.share")
        assert share is not None
        if cell.n == 0:
            rows.append([CELL_NAMES[name], 0, f"0 (at most {share.high:.4f})", "-", "-", "-", "-"])
            continue
        low, high = cell.lam1_iqr or (math.nan, math.nan)
        rows.append(
            [
                CELL_NAMES[name],
                cell.n,
                f"{share.value:.3f} [{share.low:.3f}, {share.high:.3f}]",
                _median(record.interval(f"cells.{name}.lam1_median")),
                f"[{low:+.4f}, {high:+.4f}]",
                f"{cell.token_acc_median:.3f}",
                f"{cell.halted_at_median:.1f}",
            ]
        )
    headers = ["cell", "n", "share", "lambda_1 median", "lambda_1 quartiles", "token acc", "halted at"]
    return [tabulate(rows, headers, tablefmt="pipe", disable_numparse=True), "", *_units(record)]


def _units(record: ResultsRecord) -> list[str]:
    clock = record.clock
    if clock is None or clock.lam1_median_per_segment is None or clock.lam1_median_per_module_evaluation is None:
        return []
    unit, segment = clock.lam1_median_per_module_evaluation, clock.lam1_median_per_segment
    shown = [
        f"{side} {per_unit:+.4f} per sub-update (one module evaluation), {per_segment:+.3f} per segment"
        for side, per_unit, per_segment in (
            ("right", unit.correct, segment.correct),
            ("wrong", unit.wrong, segment.wrong),
        )
        if math.isfinite(per_segment)
    ]
    return [f"- median lambda_1, nats: {'; '.join(shown)} ({clock.sub_updates_per_segment} sub-updates)", ""]


def _median(interval: Interval | None) -> str:
    if interval is None or interval.value is None:
        return "-"
    if interval.low is None:
        return f"{interval.value:+.4f}"
    return f"{interval.value:+.4f} [{interval.low:+.4f}, {interval.high:+.4f}]"


def _areas(record: ResultsRecord) -> list[str]:
    areas = [[name, bounded(record.interval(f"auc.{key}"), 4)] for key, name in AUC_NAMES.items()]
    gaps = [[name, bounded(record.interval(f"contrasts.{key}"), 4, sign=True)] for key, name in CONTRAST_NAMES.items()]
    lines = [tabulate(areas, ["AUC", "value"], tablefmt="pipe", disable_numparse=True), ""]
    lines += [tabulate(gaps, ["median lambda_1", "difference"], tablefmt="pipe", disable_numparse=True), ""]
    free = record.threshold_free
    if free is not None and free.overlap is not None:
        ahead = bounded((free.intervals or {}).get("correct_slower_than_slowest_wrong"))
        lines += [
            f"- without any threshold: the late drifts of right and wrong puzzles overlap by "
            f"{bounded(free.overlap)}; the slowest wrong puzzle moves faster than {ahead} of the right ones",
            "",
        ]
    return lines


def _increment(record: ResultsRecord) -> list[str]:
    found = record.increment
    if found is None:
        return []
    lines = [f"**Does the exponent add to {OVER}?** " + found.says + ".", ""]
    alone = [[TOLD.get(name, name), bounded(area, 4)] for name, area in found.alone.items()]
    lines += [tabulate(alone, ["alone (high -> right)", "AUC"], tablefmt="pipe", disable_numparse=True), ""]
    if not found.added:
        return lines
    rows = [
        [TOLD.get(name, name), _gain(entry.smooth), _gain(entry.flexible), f"{entry.independence.p:.2g}",
         f"{entry.detectable:.3f}", "yes" if entry.adds else "no"]
        for name, entry in found.added.items()
    ]  # fmt: skip
    headers = ["added", "smooth base", "flexible base", "independence p", "gain found in 80%", "adds"]
    told = f"Base: {', '.join(TOLD[name] for name in found.over)}. Mean over {found.splits} divisions into "
    lines += [told + f"{found.folds} folds, n={found.n}; intervals hold the division and the rows fitted on.", ""]
    return [*lines, tabulate(rows, headers, tablefmt="pipe", disable_numparse=True), ""]


def _gain(entry: GainRecord) -> str:
    return f"{entry.auc_base:.4f} -> {entry.auc_full:.4f}: {entry.delta_auc:+.4f} [{entry.low:+.4f}, {entry.high:+.4f}]"


def _controls(record: ResultsRecord) -> list[str]:
    found = record.controls
    if found is None:
        return []
    lines = []
    for control, words in (
        (found.drift_matched, "late-drift deciles"),
        (found.difficulty_binned, "difficulty bins"),
    ):
        if control is None:
            lines.append("- difficulty-binned AUC: the file carries no difficulty")
        elif control.auc is None:
            lines.append(f"- AUC of -lambda_1 within {words}: no bin holds both right and wrong puzzles")
        else:
            lines.append(
                f"- AUC of -lambda_1 within {words}: {control.auc:.3f} [{control.low:.3f}, {control.high:.3f}]"
                f" ({control.bins_used} bins, {control.bins_with_one_class} more hold one class only, "
                f"n={control.n})"
            )
    if found.horizon is None:
        lines.append("- horizon sweep: the file carries no log_r")
    else:
        early = found.horizon.early
        shown = "-" if early.auc is None else f"{early.auc:.3f}"
        if early.low is not None:
            shown += f" [{early.low:.3f}, {early.high:.3f}]"
        lines.append(
            f"- from the first {early.segments} segments only: AUC {shown}, against .5: {early.verdict or '-'}"
        )
    return [*lines, ""]


def _tests(record: ResultsRecord) -> list[str]:
    rows = [[t.name, _number(t.statistic, ".4f"), _number(t.p, ".2g"), _number(t.p_holm, ".2g"),
             f"{t.n[0]} / {t.n[1]}"] for t in record.tests]  # fmt: skip
    headers = ["test", "statistic", "p", "p after Holm", "n"]
    return [tabulate(rows, headers, tablefmt="pipe", disable_numparse=True), ""]


def _labels(exact: ResultsRecord, valid: ResultsRecord) -> list[str]:
    rows = [
        [
            label,
            bounded(side.interval("exact_acc")),
            bounded(side.interval("auc.neg_lam1_predicts_correct_overall")),
            bounded(side.interval("contrasts.dlam1_correct_minus_wrong_overall"), 4, sign=True),
            side.increment.says if side.increment else "-",
        ]
        for label, side in (("exact match", exact), ("path validity", valid))
    ]
    headers = ["label", "right", "AUC of -lambda_1", "lambda_1 right minus wrong", "increment"]
    return ["Both labels side by side", "", tabulate(rows, headers, tablefmt="pipe", disable_numparse=True), ""]


def _number(value: float | None, form: str) -> str:
    return "-" if value is None else format(value, form)


def source_text(results: Mapping[str, ResultsRecord]) -> str:
    """The source study's page, line by line in its layout (--compat)."""
    today = datetime.date.today().isoformat()
    lines = [f"# 2x2 analysis (convergence x correctness) — generated {today}", ""]
    for tag, r in results.items():
        lines += [
            f"## {tag}",
            f"- npz: `{r.npz}`, n={r.n}, exact_acc={r.exact_acc:.3f}",
            f"- late-drift def: {r.late_drift_def}, Otsu tau(log10)={r.otsu_tau_log10:.3f},"
            f" frac_converged={r.frac_converged:.3f}",
            "",
            "| cell | n | lam1 median | lam1 IQR | token_acc med |",
            "|---|---|---|---|---|",
        ]
        for name, cell in r.cells.items():
            if cell.n == 0:
                lines.append(f"| {name} | 0 | - | - | - |")
                continue
            low, high = cell.lam1_iqr or (math.nan, math.nan)
            lines.append(
                f"| {name} | {cell.n} | {cell.lam1_median:+.4f} | [{low:+.4f}, {high:+.4f}] |"
                f" {cell.token_acc_median:.3f} |"
            )
        lines += ["", *_source_bullets(r), ""]
    return "\n".join(lines)


def _source_bullets(r: ResultsRecord) -> list[str]:
    mixture, auc = r.mixture, r.auc
    assert mixture is not None
    overall, settled, unsettled, wrong = r.contrasts.values()
    return [
        f"- mixture: wrong-that-converged = {mixture.wrong_that_converged:.3f};"
        f" correct-that-nonconverged = {mixture.correct_that_nonconverged:.3f}",
        f"- dlam1(correct-wrong): overall {overall:+.4f}; within-conv {settled:+.4f}; within-nonconv {unsettled:+.4f}",
        f"- dlam1(wrong: conv - nonconv) = {wrong:+.4f}",
        f"- AUC(-lam1 -> correct): overall {auc['neg_lam1_predicts_correct_overall']:.3f};"
        f" within-conv {auc['neg_lam1_predicts_correct_within_conv']:.3f};"
        f" within-nonconv {auc['neg_lam1_predicts_correct_within_nonconv']:.3f}",
        f"- AUC(-log d_late -> correct) = {auc['neg_logdrift_predicts_correct']:.3f};"
        f" AUC(-lam1 -> converged) = {auc['neg_lam1_predicts_converged']:.3f}",
    ]
