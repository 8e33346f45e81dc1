"""Cells, exponents and accuracy over the checkpoints of one training run."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from tabulate import tabulate

from rrdyn.analysis.areas import auc_intervals
from rrdyn.analysis.cells import masks, rows_csv
from rrdyn.analysis.intervals import REPLICATES, median, rate
from rrdyn.analysis.puzzles import LATE_SEGMENTS, Puzzles, read_puzzles, same_estimator, tags
from rrdyn.analysis.ranks import auc
from rrdyn.analysis.settled import model_threshold, one_run, own_threshold
from rrdyn.analysis.thresholds import Tau, Threshold, otsu
from rrdyn.artifacts.errors import InputError, UsageError, notice
from rrdyn.artifacts.files import make_folder, write_json, write_text
from rrdyn.artifacts.interval import Interval
from rrdyn.artifacts.places import existing, exists, shown
from rrdyn.artifacts.provenance import provenance
from rrdyn.artifacts.record import Number, Row, Value, Written
from rrdyn.artifacts.results import CELLS
from rrdyn.runtime.streams import generator

SCHEMA = {"schema": "evolution", "schema_version": 1}
SMALLEST_CELL = 3  # a median of fewer rows is not shown


class EvolutionSettings(Written):
    """What a series was made with."""

    tau: str
    tau_value: Number | None = None
    per_checkpoint: bool = False
    seed: int = 0
    compat: bool = False


@dataclass(frozen=True, kw_only=True)
class Evolution:
    """Rows of evolution_<tag>.csv in the order of the steps, the source study's columns first; each with its
    threshold."""

    tag: str
    rows: list[Row]
    thresholds: list[Threshold]
    paths: list[Path]
    settings: EvolutionSettings


def read_series(paths: Sequence[Path | str], *, compat: bool = False, settled_by: str = "drift") -> list[Puzzles]:
    """The files that are there, missing ones passed over with a notice; InputError where none is there.

    `compat` reads them as the source study does: no row dropped, four late segments.
    """
    if len(paths) == 1:
        existing(paths[0], run="rrdyn diagnose CKPT")
    there = [Path(path) for path in paths if exists(path)]
    for path in paths:
        if not exists(path) and there:
            notice(f"{shown(path)} is missing: skipped")
    if not there:
        raise InputError(f"none of the {len(paths)} files exists", expected="diag.npz files", run="rrdyn diagnose CKPT")
    late = LATE_SEGMENTS if compat else None
    series = [read_puzzles(path, keep_all=compat, late=late, settled_by=settled_by) for path in there]
    same_estimator(series)
    return series


def checked_tag(tag: str) -> str:
    """A name that becomes part of file names. Raises UsageError where it would lead elsewhere."""
    if not tag or "/" in tag or tag in (".", "..") or not tag.isprintable() or len(tag.encode()) > 150:
        raise UsageError("--tag is part of file names", found=repr(tag)[:60], expected="a word without a slash")
    return tag


def labels(series: Sequence[Puzzles]) -> list[str]:
    """The steps of one run; else the files' tags."""
    return [str(p.step) for p in series] if one_run(series) else tags([puzzles.path for puzzles in series])


def in_order(series: Sequence[Puzzles]) -> list[Puzzles]:
    """The checkpoints of one run by step, else as given."""
    return sorted(series, key=lambda puzzles: puzzles.step or 0) if one_run(series) else list(series)


def evolve(
    series: Sequence[Puzzles],
    tag: str,
    *,
    tau: Tau | None = None,
    thresholds: Sequence[Threshold] | None = None,
    per_checkpoint: bool = False,
    seed: int = 0,
    replicates: int = REPLICATES,
) -> Evolution:
    """One row a checkpoint: the source study's columns first, then n, intervals and AUC.

    The steps of one run are judged by the threshold of the last one, as `analyze-2x2` judges that, other files each by
    its own; so are all with `per_checkpoint`. `thresholds`, in the order of `series`, replace them.
    """
    tau = tau or Tau()
    of_file = {} if thresholds is None else {id(p): threshold for p, threshold in zip(series, thresholds)}
    series = in_order(series)
    if of_file:
        used = [of_file[id(p)] for p in series]
    elif one_run(series) and not per_checkpoint:
        used = [model_threshold(series, tau)] * len(series)
    else:
        used = [own_threshold(p, tau) for p in series]
    rows = []
    for name, puzzles, threshold in zip(labels(series), series, used):
        settled = threshold.settled(puzzles.log_motion())
        row = _source_row(name, puzzles, settled, threshold.tau)
        rows.append(row | _beyond(puzzles, settled, threshold, generator(seed, "evolution", name), replicates))
    if len(series) > 1 and not one_run(series):
        notice("these are not the steps of one run: compared by name, in the order given")
    for warning in {t.warning for t in used if t.warning}:
        notice(warning)
    settings = EvolutionSettings(tau=tau.method, tau_value=tau.value, per_checkpoint=per_checkpoint, seed=seed)
    return Evolution(tag=tag, rows=rows, thresholds=used, paths=[p.path for p in series], settings=settings)


def evolve_as_source(series: Sequence[Puzzles], tag: str) -> Evolution:
    """The source study's series: files in the order given, Otsu for each, drift in the dtype of the file."""
    rows = []
    for name, puzzles in zip(labels(series), series):
        drift = puzzles.native_log_drift
        tau = otsu(drift)
        rows.append(_source_row(name, puzzles, drift < tau, tau))
    settings = EvolutionSettings(tau="otsu", compat=True)
    return Evolution(tag=tag, rows=rows, thresholds=[], paths=[p.path for p in series], settings=settings)


def _source_row(name: str, puzzles: Puzzles, settled: np.ndarray, tau: float) -> Row:
    cells = masks(settled, puzzles.correct)
    row: Row = {"step": name, "acc": float(puzzles.correct.astype(int).mean()), "tau": tau}
    row |= {f"f{cell[0]}": float(rows.mean()) for cell, rows in cells.items()}
    first = puzzles.lambda_1
    for cell, rows in cells.items():
        row[f"l1{cell[0]}"] = float(np.median(first[rows])) if rows.sum() >= SMALLEST_CELL else float("nan")
    return row


def _beyond(
    puzzles: Puzzles, settled: np.ndarray, threshold: Threshold, rng: np.random.Generator, replicates: int
) -> Row:
    correct, n, first = puzzles.correct, puzzles.n, puzzles.lambda_1
    row: Row = {"n": n, **_bounds("acc", rate(int(correct.sum()), n))}
    row |= {"settled": float(settled.mean()), **_bounds("settled", rate(int(settled.sum()), n))}
    cells = masks(settled, correct)
    for cell, rows in cells.items():
        row |= _bounds(f"f{cell[0]}", rate(int(rows.sum()), n))
    for cell, rows in cells.items():
        few = int(rows.sum()) < SMALLEST_CELL
        row |= _bounds(f"l1{cell[0]}", None if few else median(first[rows], rng, replicates))
    for side, rows in (("correct", correct), ("wrong", ~correct)):
        found = median(first[rows], rng, replicates)
        row |= {f"l1_{side}": _number(found.value), **_bounds(f"l1_{side}", found)}
    area = auc_intervals([-first], correct, rng, replicates)[0]
    row |= {"auc": auc(-first, correct), **_bounds("auc", area)}
    row |= {"eta": _number(threshold.eta), "tau_method": threshold.method}
    if puzzles.path_valid is not None:
        valid = puzzles.under("path_valid").correct
        area = auc_intervals([-first], valid, rng, replicates)[0]
        row |= {"acc_path_valid": float(valid.mean()), **_bounds("acc_path_valid", rate(int(valid.sum()), n))}
        row |= {"auc_path_valid": auc(-first, valid), **_bounds("auc_path_valid", area)}
    return row


def _bounds(name: str, interval: Interval | None) -> dict[str, float]:
    low, high = (None, None) if interval is None else (interval.low, interval.high)
    return {f"{name}_low": _number(low), f"{name}_high": _number(high)}


def _number(value: float | None) -> float:
    return float("nan") if value is None else value


def table(found: Evolution) -> str:
    """evolution.md, and what the terminal shows."""
    headers = ["step", "n", "right", "settled", "A", "B", "C", "D", "lambda_1 right", "lambda_1 wrong", "AUC"]
    return tabulate([_line(row) for row in found.rows], headers, tablefmt="pipe", disable_numparse=True)


def _line(row: Row) -> list[Value]:
    numbers = {key: value for key, value in row.items() if isinstance(value, int | float)}
    return [
        row["step"],
        row.get("n", "-"),
        f"{numbers['acc']:.3f}",
        f"{numbers['fA'] + numbers['fB']:.3f}",
        *(f"{numbers[f'f{cell[0]}']:.3f}" for cell in CELLS),
        *(_shown(numbers.get(key), "+.4f") for key in ("l1_correct", "l1_wrong")),
        _shown(numbers.get("auc"), ".3f"),
    ]


def _shown(value: float | None, form: str) -> str:
    return "-" if value is None or not np.isfinite(value) else format(value, form)


def _alike(thresholds: Sequence[Threshold]) -> bool:
    return all(threshold is thresholds[0] for threshold in thresholds)


def write(found: Evolution, out: Path) -> list[Path]:
    """evolution_<tag>.csv and, unless it is the source study's, evolution_<tag>.json with thresholds and provenance."""
    out = make_folder(out)
    columns = list({key: None for row in found.rows for key in row})
    rows = [{key: row.get(key, float("nan")) for key in columns} for row in found.rows]
    wrote = [write_text(out / f"evolution_{found.tag}.csv", rows_csv(rows))]
    if found.settings.compat:
        return wrote
    record = {
        **SCHEMA,
        "tag": found.tag,
        "rows": rows,
        "cells": list(CELLS),
        "thresholds": [t.record() for t in found.thresholds[: 1 if _alike(found.thresholds) else None]],
        "files": [str(path) for path in found.paths],
        "settings": found.settings,
        "meta": provenance(seed=found.settings.seed, inputs=found.paths),
    }
    wrote.append(write_text(out / f"evolution_{found.tag}.md", f"# {found.tag}: over checkpoints\n\n{table(found)}\n"))
    return [*wrote, write_json(out / f"evolution_{found.tag}.json", record)]
