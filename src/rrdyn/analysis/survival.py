"""Escape from failure: who is wrong at the readout, and when the recurrence gets them right after all."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import polars as pl
from tabulate import tabulate

from rrdyn.analysis.clock import budget, sub_updates_per_segment
from rrdyn.analysis.escape import ENOUGH, Escapes, Law, fit_all, fit_exponential
from rrdyn.analysis.escape_comparison import Failures
from rrdyn.analysis.escape_comparison import compare as side_by_side
from rrdyn.analysis.intervals import rate
from rrdyn.analysis.kaplan_meier import SurvivalCurve, kaplan_meier
from rrdyn.analysis.labelled import labelled
from rrdyn.analysis.puzzles import DRIFT_FLOOR, late_window
from rrdyn.analysis.summary import bounded
from rrdyn.analysis.thresholds import Tau, Threshold, choose
from rrdyn.artifacts.errors import InputError, UsageError, notice
from rrdyn.artifacts.files import make_folder, write_json, write_text
from rrdyn.artifacts.frame import write_frame
from rrdyn.artifacts.interval import LEVEL
from rrdyn.artifacts.npz import read_npz
from rrdyn.artifacts.provenance import provenance
from rrdyn.artifacts.schemas import ROLLOUT
from rrdyn.artifacts.survival import (
    LawRecord,
    LogRankRecord,
    PairRecord,
    RateRecord,
    SettledRecord,
    SurvivalModelRecord,
    SurvivalRecord,
)

KIND, VERSION = "survival", 1
BUDGET = 16  # segments the published models are trained and read out at


@dataclass(frozen=True, kw_only=True)
class Rollout:
    """N puzzles over T segments; `readout` is the segment at which failure is judged."""

    path: Path
    exact: np.ndarray  # (N, T) bool
    drift: np.ndarray  # (N, T) L2 per segment
    path_valid: np.ndarray | None
    readout: int
    sub_updates: int | None
    stopped: bool = False
    """Whether puzzles that stayed right were followed no further (`--stop-after`)."""

    @property
    def failed(self) -> np.ndarray:
        return ~self.exact[:, self.readout - 1]

    @property
    def horizon(self) -> int:
        return int(self.exact.shape[1])

    def escapes(self) -> tuple[np.ndarray, np.ndarray]:
        """Of the failures: segments after the readout until first right (or the horizon), and whether that came."""
        after = self.exact[self.failed, self.readout :]
        came = after.any(axis=1)
        return np.where(came, after.argmax(axis=1) + 1, after.shape[1]), np.asarray(came)


def read_rollout(
    path: Path | str, readout: int | None = None, sub_updates: int | None = None, label: str = "exact"
) -> Rollout:
    """Read a rollout.npz. The readout is the file's own budget, 16 where it names none, unless given.

    `label` is "exact" or, on mazes, "path_valid": what counts as right. Under "exact" puzzles without a label are left
    out and told; a checker needs none.
    """
    artifact = read_npz(path, ROLLOUT)
    if label not in artifact:
        raise InputError(f"{path} holds no {label}", found=", ".join(artifact), expected="a rollout of a maze model")
    if label == "exact":
        artifact, _ = labelled(artifact)
    exact = artifact[label].astype(bool)
    if len(exact) == 0:
        raise InputError(f"{path} holds no puzzles", expected="at least one", run="rrdyn rollout CKPT")
    chosen = readout or budget(artifact.meta) or min(BUDGET, exact.shape[1])
    if chosen >= exact.shape[1]:
        raise UsageError(
            f"{path}: nothing was rolled out after segment {chosen}",
            found=f"{exact.shape[1]} segments",
            expected=f"more than {chosen} segments, or an earlier --readout",
            run=f"rrdyn rollout CKPT --segments {8 * chosen}",
        )
    drift = artifact["drift"].astype(float)
    valid = artifact["path_valid"].astype(bool) if "path_valid" in artifact else None
    return Rollout(
        path=artifact.path,
        exact=exact,
        drift=drift,
        path_valid=valid,
        readout=chosen,
        sub_updates=sub_updates or sub_updates_per_segment(artifact.meta),
        stopped=bool(artifact.meta.get("settings", {}).get("stop_after")),
    )


@dataclass(frozen=True, kw_only=True)
class Model:
    """The survival of one rollout's failures."""

    tag: str
    rollout: Rollout
    curve: SurvivalCurve
    laws: list[Law]
    wandering: Law | None = None
    threshold: Threshold | None = None
    settled_wrong: int | None = None
    """None, like the threshold, where puzzles were stopped: the drifts of those that settled right are not known."""

    @property
    def times(self) -> np.ndarray:
        """Segments after the readout, 0 first."""
        return np.arange(self.rollout.horizon - self.rollout.readout + 1)

    def record(self) -> SurvivalModelRecord:
        """As written."""
        r = self.rollout
        _, came = r.escapes()
        failures, escaped = len(came), int(came.sum())
        return SurvivalModelRecord(
            file=str(r.path),
            n=len(r.exact),
            readout=r.readout,
            horizon=r.horizon,
            failures=failures,
            escaped=rate(escaped, failures),
            never_correct=rate(failures - escaped, failures),
            settled_wrong=self._settled(failures),
            threshold=None if self.threshold is None else self.threshold.record(),
            lost=None if r.stopped else int((~r.failed & ~r.exact[:, -1]).sum()),
            median_escape=self.curve.median,
            sub_updates_per_segment=r.sub_updates,
            fits={law.name: law.record(self.times, r.sub_updates) for law in self.laws},
            best=min(self.laws, key=lambda law: law.aic).name if escaped >= ENOUGH else None,
            cure_fraction=next((law.parameters["cured"] for law in self.laws if law.name == "cure"), None),
            wandering_only=None if self.wandering is None else self.wandering.record(self.times, r.sub_updates),
        )

    def _settled(self, failures: int) -> SettledRecord | None:
        if self.threshold is None or self.settled_wrong is None:
            return None
        return SettledRecord(**dict(rate(self.settled_wrong, failures)), tau_log10=self.threshold.tau)


def survive(rollout: Rollout, tag: str, tau: Tau | None = None) -> Model | None:
    """Kaplan-Meier and the laws of escape of one rollout; None where nothing failed at the readout."""
    if not rollout.failed.any():
        notice(f"{rollout.path}: every puzzle is right at segment {rollout.readout}, nothing to escape from")
        return None
    time, came = rollout.escapes()
    curve, laws = kaplan_meier(time, came), fit_all(Escapes.of(time, came))
    model = Model(tag=tag, rollout=rollout, curve=curve, laws=laws)
    if rollout.stopped:
        notice(f"{tag}: made with --stop-after: who is lost and who settled on a wrong answer is not known")
        return model
    late, threshold = _late_drift(rollout, tau or Tau())
    if threshold.warning:
        notice(f"{tag}: {threshold.warning}")
    stuck = threshold.settled(late)[rollout.failed] & ~came
    moving = ~stuck
    return replace(
        model,
        wandering=fit_exponential(Escapes.of(time[moving], came[moving])) if moving.any() else None,
        threshold=threshold,
        settled_wrong=int(stuck.sum()),
    )


def _late_drift(rollout: Rollout, tau: Tau) -> tuple[np.ndarray, Threshold]:
    """(N,) log10 late drift at the horizon, and the threshold from the drifts at the readout and at the horizon.

    Both together show the two modes even where every trajectory has settled by the horizon.
    """
    at = [rollout.readout, rollout.horizon]
    seen = [rollout.drift[:, end - late_window(end) : end].mean(axis=1) for end in at]
    right = np.concatenate([rollout.exact[:, end - 1] for end in at])
    logs = np.log10(np.clip(np.concatenate(seen), DRIFT_FLOOR, None))
    known = np.isfinite(logs)
    if not known.any():
        raise InputError(f"{rollout.path}: no drift is finite", run="rrdyn rollout CKPT --dtype float32")
    if not known.all():
        notice(f"{rollout.path}: {int((~known).sum())} late drifts are not finite, taken as unsettled")
    threshold = choose(logs[known], right[known], tau)
    return np.where(known, logs, np.inf)[len(rollout.exact) :], threshold


def compare(models: Sequence[Model]) -> LogRankRecord | None:
    """The models side by side on one clock: `escape_comparison.compare`; None of one."""
    failures = [
        Failures(tag=m.tag, time=time, came=came, followed=m.rollout.horizon - m.rollout.readout,
                 sub_updates=m.rollout.sub_updates)
        for m, (time, came) in ((m, m.rollout.escapes()) for m in models)
    ]  # fmt: skip
    return side_by_side(failures)


def survival_table(model: Model) -> pl.DataFrame:
    """survival_<tag>.csv"""
    curve, times = model.curve, model.times
    rows = curve.at(times)
    changed = np.isin(times, curve.times)
    gone = np.cumsum(curve.events + curve.censored)
    return pl.DataFrame(
        {
            "segment": times + model.rollout.readout,
            "after": times,
            "at_risk": np.where(changed, curve.at_risk[rows], curve.at_risk[0] - gone[rows]),
            "events": np.where(changed, curve.events[rows], 0),
            "censored": np.where(changed, curve.censored[rows], 0),
            "survival": curve.survival[rows],
            "low": curve.low[rows],
            "high": curve.high[rows],
        }
    ).fill_nan(None)


def accuracy_table(rollout: Rollout) -> pl.DataFrame:
    """accuracy_<tag>.csv"""
    columns = {"accuracy": rollout.exact, "ever": np.maximum.accumulate(rollout.exact, axis=1)}
    if rollout.path_valid is not None:
        columns["path_valid"] = rollout.path_valid
    table: dict[str, np.ndarray | list[float | None]] = {"segment": np.arange(1, rollout.horizon + 1)}
    for name, flags in columns.items():
        found = [rate(int(count), len(flags)) for count in flags.sum(axis=0)]
        table |= {name: [f.value for f in found], f"{name}_low": [f.low for f in found],
                  f"{name}_high": [f.high for f in found]}  # fmt: skip
    return pl.DataFrame(table)


def write(
    models: Sequence[Model], others: Sequence[tuple[str, Rollout]], out: Path, tau: Tau | None = None
) -> list[Path]:
    """All files; `others` are rollouts without a failure, of which only the accuracy is written.

    `tau` is what `survive` was given.
    """
    out, tau = make_folder(out), tau or Tau()
    wrote = []
    for model in models:
        wrote.append(write_frame(out / f"survival_{model.tag}.csv", survival_table(model)))
    for tag, rollout in [*((m.tag, m.rollout) for m in models), *others]:
        wrote.append(write_frame(out / f"accuracy_{tag}.csv", accuracy_table(rollout)))
    record = told(models).model_copy(update={
        "without_failures": [tag for tag, _ in others],
        "settings": {"tau": tau.method, "tau_value": tau.value, "level": LEVEL},
        "meta": provenance(inputs=[m.rollout.path for m in models] + [r.path for _, r in others]),
    })  # fmt: skip
    return [*wrote, write_json(out / "survival.json", record), write_text(out / "survival.md", summary(record))]


def told(models: Sequence[Model]) -> SurvivalRecord:
    """All models' records and the tests between them."""
    return SurvivalRecord(
        kind=KIND,
        schema_version=VERSION,
        models={model.tag: model.record() for model in models},
        log_rank=compare(models),
    )


def summary(record: SurvivalRecord) -> str:
    """survival.md"""
    lines = ["# Escape from failure", ""]
    for tag, model in record.models.items():
        stuck = model.settled_wrong
        lines += [
            f"## {tag}",
            f"- file `{model.file}`, n={model.n}, {model.failures} wrong at segment {model.readout}",
            f"- right at some later segment up to {model.horizon}: {bounded(model.escaped)};"
            f" never: {bounded(model.never_correct)}",
            f"- of the failures, settled on a wrong answer: {bounded(stuck)}"
            + (f" (late drift below 10^{stuck.tau_log10:.2f})" if stuck else ""),
            f"- right at segment {model.readout}, wrong at {model.horizon}: "
            f"{'-' if model.lost is None else model.lost}",
            f"- share that would never escape (cure fraction of a mixture with one rate): "
            f"{bounded(model.cure_fraction)}",
            *_few(model),
            "",
        ]
        rows = [[name, *_fitted(fit, model.best is not None)] for name, fit in model.fits.items() if fit is not None]
        headers = ["law", "AIC", "parameters", "escapes per segment", "per module evaluation"]
        lines += [tabulate(rows, headers, tablefmt="pipe", disable_numparse=True), ""]
    found = record.log_rank
    if found:
        over = ", ".join(f"{tag} {segments}" for tag, segments in found.segments.items())
        lines += [f"Compared over {found.horizon} {found.clock} after the readout (segments: {over}).", ""]
    for pair in found.pairs if found else []:
        lines.append(f"- {pair.first} against {pair.second}: {_pair(pair)}")
    return "\n".join(lines) + "\n"


def _few(model: SurvivalModelRecord) -> list[str]:
    if model.best is not None or not model.escaped or not model.escaped.value:
        return []
    return [f"- fewer than {ENOUGH} escapes: AIC is not used to choose between laws"]


def _fitted(fit: LawRecord, chosen: bool) -> list[str]:
    rates = fit.escape_rate or RateRecord()
    return [
        f"{fit.aic:.1f}" if chosen else "-",
        _parameters(fit),
        bounded(rates.per_segment, 5),
        bounded(rates.per_module_evaluation, 6),
    ]


def _pair(pair: PairRecord) -> str:
    text = "no log-rank test (no escapes)"
    if pair.p is not None:
        text = f"log-rank chi^2 {pair.statistic:.2f}, p {pair.p:.2g} (after Holm {pair.p_holm:.2g})"
    ratio = pair.rate_ratio
    if ratio is not None:
        text += f"; escape rates per segment {bounded(ratio.per_segment, 2)} to 1"
        if ratio.per_module_evaluation is not None:
            text += f", per module evaluation {bounded(ratio.per_module_evaluation, 2)} to 1"
    return text


def _parameters(fit: LawRecord) -> str:
    """Each with its interval. A law that hardly bends has a scale far past the horizon, whose digits mean nothing."""
    words = []
    for name, interval in fit.parameters.items():
        if interval.value is not None and interval.value >= 1e6:
            low = "?" if interval.low is None else f"{interval.low:.2g}"
            words.append(f"{name} {interval.value:.2g} (at least {low})")
        else:
            words.append(f"{name} {bounded(interval, 4).rsplit(' (', 1)[0]}")
    return ", ".join(words)
