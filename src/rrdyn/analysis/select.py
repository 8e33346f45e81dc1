"""`rrdyn select`: perturbed restarts judged by every selector at equal compute, and what a restart frees at all."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import polars as pl
from tabulate import tabulate

from rrdyn.analysis.clock import budget
from rrdyn.analysis.intervals import REPLICATES, mean, mean_difference
from rrdyn.analysis.labelled import labelled
from rrdyn.analysis.risk import aurc_interval, calibration, perfect_aurc, risk_coverage
from rrdyn.analysis.selectors import Restarts, picks
from rrdyn.analysis.survival import BUDGET
from rrdyn.artifacts.errors import InputError, UsageError, notice
from rrdyn.artifacts.files import make_folder, write_json, write_text
from rrdyn.artifacts.frame import write_frame
from rrdyn.artifacts.interval import Interval
from rrdyn.artifacts.npz import Artifact, read_npz
from rrdyn.artifacts.provenance import provenance
from rrdyn.artifacts.record import Value
from rrdyn.artifacts.schemas import PERTURB
from rrdyn.artifacts.selection import CalibrationCurve, RiskRow, SelectionRecord, SelectionRow, SelectSettings, bounds
from rrdyn.runtime.streams import generator

KIND, VERSION = "select", 1
CURVE_POINTS = 200
NEEDED = {
    "q_halt": "q_halt",
    "halt_first": "q_halt",
    "residual": "residual",
    "lambda_1": "lambda_1",
    "majority": "preds",
}


@dataclass(frozen=True, kw_only=True)
class Selection:
    """All tables of one perturb.npz."""

    tag: str
    path: Path
    rows: list[SelectionRow]
    curves: list[RiskRow]
    calibrations: dict[str, CalibrationCurve]
    basin: list[dict[str, int | float | None]]
    readout: int | None
    restarts: int
    left_out: list[str]
    settings: SelectSettings


def study(
    path: Path | str, tag: str, *, readout: int | None = None, seed: int = 0, replicates: int = REPLICATES
) -> Selection:
    """Read a perturb.npz and judge it. `readout` (default: the file's own, else 16) is where every selector looks.

    Puzzles without a label are left out and told.
    """
    artifact, _ = labelled(read_npz(path, PERTURB))
    n, _, k = artifact["solve"].shape
    if n == 0 or k == 0:
        raise InputError(f"{path} holds no restarts", found=artifact["solve"].shape, run="rrdyn perturb CKPT")
    segment = _readout(artifact, readout)
    rows: list[SelectionRow] = []
    curves: list[RiskRow] = []
    calibrations: dict[str, CalibrationCurve] = {}
    left_out = [name for name, key in NEEDED.items() if key not in artifact]
    if segment is None:
        notice(f"{path} holds no `correct`: no selector can be judged, only what restarts free")
        left_out = list(NEEDED)
    else:
        for place, sigma in enumerate(artifact["sigmas"]):
            restarts = _restarts(artifact, place, segment)
            rng = generator(seed, "select", tag, place)
            rows += _judge(restarts, float(sigma), rng, replicates)
            curves += _curves(restarts, float(sigma))
            if restarts.q_halt is not None:
                which = np.repeat(np.arange(n), k)
                found = calibration(restarts.q_halt[:, :, -1].ravel(), restarts.right.ravel(), which)
                calibrations[f"{float(sigma):g}"] = found
    return Selection(
        tag=tag,
        path=artifact.path,
        rows=rows,
        curves=curves,
        calibrations=calibrations,
        basin=_basin(artifact, segment, generator(seed, "basin", tag), replicates),
        readout=segment,
        restarts=k,
        left_out=left_out,
        settings=SelectSettings(seed=seed, replicates=replicates, left_out=left_out),
    )


def _readout(artifact: Artifact, asked: int | None) -> int | None:
    if "correct" not in artifact:
        return None
    there = artifact["correct"].shape[3]
    named = budget(artifact.meta)
    chosen = asked or min(named or BUDGET, there)
    if chosen > there:
        raise UsageError(
            f"{artifact.path}: --readout lies beyond the rollout", found=chosen, expected=f"at most {there} segments"
        )
    if asked and "preds" in artifact and asked != (named or asked):
        notice(f"answers are kept at segment {named} only: the majority vote is taken there, the others at {asked}")
    return chosen


def _restarts(artifact: Artifact, place: int, segment: int) -> Restarts:
    def upto(key: str) -> np.ndarray | None:
        return artifact[key][:, place, :, :segment] if key in artifact else None

    def at(key: str) -> np.ndarray | None:
        return artifact[key][:, place, :, segment - 1].astype(float) if key in artifact else None

    everything = artifact["correct"]
    # what the compute of K restarts buys when it goes into one
    longer = min(everything.shape[3], segment * everything.shape[2])
    return Restarts(
        longer=everything[:, place, 0, longer - 1].astype(bool) if longer > segment else None,
        longer_segments=longer,
        correct=artifact["correct"][:, place, :, :segment].astype(bool),
        q_halt=upto("q_halt"),
        preds=artifact["preds"][:, place] if "preds" in artifact else None,
        residual=at("residual"),
        drift=at("drift"),
        lambda_1=artifact["lambda_1"][:, place].astype(float) if "lambda_1" in artifact else None,
    )


def _judge(restarts: Restarts, sigma: float, rng: np.random.Generator, replicates: int) -> list[SelectionRow]:
    found = picks(restarts)
    chance = found["random"].right
    rows = []
    for name, pick in found.items():
        gain = None if name == "random" else mean_difference(pick.right, chance, rng, replicates)
        area = None
        if pick.confidence is not None:
            area = aurc_interval(pick.confidence, pick.right, rng, replicates)
        columns = bounds("right", mean(pick.right, rng, replicates)) | bounds("gain", gain) | bounds("aurc", area)
        perfect = None if area is None else perfect_aurc(pick.right)
        rows.append(
            SelectionRow(
                sigma=sigma, selector=name, n=len(pick.right), segments=pick.segments, aurc_perfect=perfect, **columns
            )
        )
    return rows


def _curves(restarts: Restarts, sigma: float) -> list[RiskRow]:
    rows = []
    for name, pick in picks(restarts).items():
        if pick.confidence is None:
            continue
        coverage, risk = risk_coverage(pick.confidence, pick.right)
        kept = np.unique(np.linspace(0, len(risk) - 1, min(CURVE_POINTS, len(risk))).round().astype(int))
        rows += [RiskRow(sigma=sigma, selector=name, coverage=float(coverage[i]), risk=float(risk[i])) for i in kept]
    return rows


def _basin(
    artifact: Artifact, segment: int | None, rng: np.random.Generator, replicates: int
) -> list[dict[str, int | float | None]]:
    """Failures of the clean run: how often one restart, or the best of K, is right; and beyond what sigma 0 gives.

    Restarts run longer than the clean run's readout. What the longer run alone frees shows at sigma 0 and is
    subtracted; the columns at the readout give the same budget to both.
    """
    failed = ~artifact["base"].astype(bool)
    sigmas = artifact["sigmas"].astype(float)
    ever = artifact["solve"].astype(bool)[failed]
    measures = {"single_ever": ever.mean(axis=2), "best_ever": ever.any(axis=2).astype(float)}
    if segment is not None:
        then = artifact["correct"][failed][:, :, :, segment - 1].astype(bool)
        measures |= {"single_readout": then.mean(axis=2), "best_readout": then.any(axis=2).astype(float)}
    clean = np.flatnonzero(sigmas == 0)
    rows = []
    for place, sigma in enumerate(sigmas):
        row: dict[str, int | float | None] = {"sigma": float(sigma), "n": int(failed.sum())}
        for name in ("single_ever", "best_ever", "single_readout", "best_readout"):
            values = measures.get(name)
            row |= bounds(name, None if values is None else mean(values[:, place], rng, replicates))
        for name in ("single_ever", "best_ever", "single_readout", "best_readout"):
            values = measures.get(name)
            gain = None
            if values is not None and len(clean) and failed.any():
                gain = mean_difference(values[:, place], values[:, clean[0]], rng, replicates)
            row |= bounds(f"{name}_gain", gain)
        rows.append(row)
    return rows


def write(found: Selection, out: Path) -> list[Path]:
    """select_<tag>.{csv,json,md}, risk_coverage_<tag>.csv, calibration_<tag>.csv, basin_<tag>.csv"""
    out, tag = make_folder(out), found.tag
    bins = [
        {"sigma": float(sigma), **row.model_dump()} for sigma, curve in found.calibrations.items() for row in curve.bins
    ]
    tables: dict[str, Sequence[Mapping[str, Value]]] = {
        "select": [row.model_dump() for row in found.rows],
        "risk_coverage": [row.model_dump() for row in found.curves],
        "calibration": bins,
        "basin": found.basin,
    }
    wrote = []
    for name, rows in tables.items():
        if rows:
            wrote.append(write_frame(out / f"{name}_{tag}.csv", pl.DataFrame(rows, infer_schema_length=None)))
    record = SelectionRecord(
        kind=KIND,
        schema_version=VERSION,
        tag=tag,
        file=str(found.path),
        readout=found.readout,
        K=found.restarts,
        rows=found.rows,
        calibration=found.calibrations,
        basin=found.basin,
        settings=found.settings,
        meta=provenance(seed=found.settings.seed, inputs=[found.path]),
    )
    return [
        *wrote,
        write_json(out / f"select_{tag}.json", record),
        write_text(out / f"select_{tag}.md", summary(found)),
    ]


def summary(found: Selection) -> str:
    """select_<tag>.md"""
    lines = [f"# Which restart to trust: {found.tag}", ""]
    if found.rows:
        lines += [f"{found.restarts} restarts a puzzle, each run to segment {found.readout}.", ""]
        headers = ["sigma", "selector", "right", "over a random restart", "segments", "AURC (perfect)"]
        lines += [tabulate([_line(row) for row in found.rows], headers, tablefmt="pipe", disable_numparse=True), ""]
        lines += [
            "Best of K is an oracle: it needs the answer to choose. Halt-first stops early and so runs fewer segments.",
            "",
        ]
    if found.calibrations:
        rows = [
            [sigma, f"{c.ece:.3f}", _shown(c.brier, ".3f"), _shown(c.intercept), _shown(c.slope), c.n]
            for sigma, c in found.calibrations.items()
        ]
        headers = ["sigma", "ECE of q_halt", "Brier", "intercept", "slope", "n"]
        lines += [tabulate(rows, headers, tablefmt="pipe", disable_numparse=True), ""]
    measures = ["one restart, ever", "best of K, ever", "one restart, readout", "best of K, readout"]
    headers = ["sigma", "failures", *measures, "best of K, ever, over sigma 0"]
    names = ("single_ever", "best_ever", "single_readout", "best_readout", "best_ever_gain")
    rows = [[f"{r['sigma']:g}", r["n"], *(_bounded(r, name) for name in names)] for r in found.basin]
    lines += [tabulate(rows, headers, tablefmt="pipe", disable_numparse=True), ""]
    if found.left_out:
        lines.append(f"Not judged, for want of their arrays: {', '.join(found.left_out)}.")
    return "\n".join(lines) + "\n"


def _line(row: SelectionRow) -> list[str]:
    columns = row.model_dump()
    area = "-" if row.aurc is None else f"{_bounded(columns, 'aurc')} ({row.aurc_perfect:.3f})"
    return [f"{row.sigma:g}", row.selector, _bounded(columns, "right"), _bounded(columns, "gain"),
            f"{row.segments:.1f}", area]  # fmt: skip


def _bounded(row: Mapping[str, float | None], name: str) -> str:
    interval = Interval(value=row[name], low=row[f"{name}_low"], high=row[f"{name}_high"])
    return interval.told(sign=name.endswith("gain"))


def _shown(value: float | None, form: str = "+.3f") -> str:
    return "-" if value is None else format(value, form)
