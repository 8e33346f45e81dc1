"""`rrdyn aggregate`: runs over seeds, one row a task, model, arm and setting; each arm beside its baseline on the same
seeds; the table of calibrated cells."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl
from tabulate import tabulate

from rrdyn.analysis.intervals import mean_over_seeds
from rrdyn.analysis.runs import LABELS, METRICS, SHARES, read_runs
from rrdyn.analysis.summary import bounded
from rrdyn.artifacts.cells import FILES, CalibrationRecord, read_calibration
from rrdyn.artifacts.errors import InputError
from rrdyn.artifacts.files import make_folder, write_json, write_text
from rrdyn.artifacts.frame import write_frame
from rrdyn.artifacts.interval import Interval
from rrdyn.artifacts.places import existing, is_file
from rrdyn.artifacts.provenance import provenance
from rrdyn.artifacts.record import Row

SCHEMA = {"schema": "aggregate", "schema_version": 1}
BASELINE = "none-fixed"
"""The arm that every arm of whole rollouts is held against: as long, unperturbed."""


@dataclass(frozen=True, kw_only=True)
class Aggregate:
    """`runs`: one row a run folder; `table`: one row a group; `contrasts`: one row an arm and metric, against the
    baseline; `cells`: the table of three-file cells. All but `runs` and `table` may be empty."""

    root: Path
    runs: pl.DataFrame
    table: pl.DataFrame
    contrasts: pl.DataFrame
    cells: pl.DataFrame


def aggregate(root: Path | str) -> Aggregate:
    """Read all runs and cells under a folder; InputError where there are none."""
    root = Path(root)
    runs, cells = read_runs(root), calibrations(root)
    if not runs and not cells:
        raise InputError(
            f"{root} holds no runs and no calibrated cells",
            expected=f"run folders with config.yaml and train.jsonl, or folders with {', '.join(FILES)}",
            run="rrdyn train sudoku",
        )
    kinds: dict[str, Any] = {"run": pl.String, **dict.fromkeys((*LABELS, "preset"), pl.String), "seed": pl.Int64}
    frame = pl.DataFrame(runs, schema=kinds | dict.fromkeys(METRICS, pl.Float64))
    seeds = by_seed(frame)
    return Aggregate(
        root=root, runs=frame, table=over_seeds(seeds), contrasts=contrasts(seeds), cells=cell_table(cells)
    )


def by_seed(runs: pl.DataFrame) -> pl.DataFrame:
    """One row a task, model, preset, arm, setting and seed: a seed run twice is no second draw. NaN is unknown."""
    known = runs.with_columns(pl.col(METRICS).fill_nan(None), pl.col("seed").fill_null(-1 - pl.int_range(pl.len())))
    keys = [*LABELS, "preset", "seed"]
    return known.group_by(keys, maintain_order=True).agg(pl.col(METRICS).mean()).sort(keys)  # sums in one order


def over_seeds(seeds: pl.DataFrame) -> pl.DataFrame:
    """Mean with its 95% interval, sample deviation, coefficient of variation and n of each metric, a row a group.

    `seeds` as `by_seed` gives them. Groups are equal task, model, aug and setting. The interval is Student's t over
    seeds, on the logit scale for shares and AUCs, null below two.
    """
    rows = []
    for labels, group in seeds.group_by(LABELS, maintain_order=True):
        row: dict[str, Any] = {**dict(zip(LABELS, labels)), "n_seeds": group["seed"].n_unique()}
        for metric in METRICS:
            values = group[metric].drop_nulls()
            over = mean_over_seeds(values.to_numpy(), share=metric in SHARES)
            spread = values.std()
            row |= {
                f"{metric}_mean": over.value,
                f"{metric}_low": over.low,
                f"{metric}_high": over.high,
                f"{metric}_std": spread,
                f"{metric}_cv": spread / abs(over.value) if isinstance(spread, float) and over.value else None,
                f"{metric}_n": over.n,
            }
        rows.append(row)
    parts = {"mean": pl.Float64, "low": pl.Float64, "high": pl.Float64, "std": pl.Float64, "cv": pl.Float64}
    measured = {f"{metric}_{part}": kind for metric in METRICS for part, kind in {**parts, "n": pl.UInt32}.items()}
    kinds = {**dict.fromkeys(LABELS, pl.String), "n_seeds": pl.UInt32, **measured}
    return pl.DataFrame(rows, schema=kinds).sort(LABELS, nulls_last=True)


def contrasts(seeds: pl.DataFrame) -> pl.DataFrame:
    """Each arm minus the baseline (`none-fixed`) on the same seeds: mean difference, its 95% t interval, n of seeds.

    `seeds` as `by_seed` gives them. Within one task, model and preset every setting of an arm is held against every
    setting of the baseline, a row each; a seed that one of the two lacks is left out, and so are pairs without a
    common seed.
    """
    shared = ["task", "model", "preset", "seed"]
    base = seeds.filter(pl.col("aug") == BASELINE).drop("aug")
    paired = seeds.filter(pl.col("aug") != BASELINE).join(base, on=shared, suffix="_base", nulls_equal=True)
    names = ["task", "model", "aug", "setting", "setting_base"]
    rows = []
    for labels, group in paired.sort("seed").group_by(names, maintain_order=True):
        for metric in METRICS:
            found = mean_over_seeds((group[metric] - group[f"{metric}_base"]).drop_nulls().to_numpy())
            if found.n:
                interval = {"difference": found.value, "low": found.low, "high": found.high, "n": found.n}
                rows.append({**dict(zip(names, labels)), "baseline": BASELINE, "metric": metric, **interval})
    kinds: dict[str, Any] = dict.fromkeys(("task", "model", "aug", "setting", "baseline", "setting_base"), pl.String)
    kinds |= {"metric": pl.String, "difference": pl.Float64, "low": pl.Float64, "high": pl.Float64, "n": pl.UInt32}
    order = pl.col("metric").replace_strict({metric: place for place, metric in enumerate(METRICS)})
    return pl.DataFrame(rows, schema=kinds).sort(*names, order, nulls_last=True)


def calibrations(root: Path | str) -> list[CalibrationRecord]:
    """The calib.json of every cell under a folder; folders that begin with "_" are passed over."""
    root = existing(root)
    paths = [path for path in sorted(root.rglob(FILES[0])) if is_file(path)]
    inside = [path.relative_to(root).parts[:-1] for path in paths]
    return [
        read_calibration(path) for path, parts in zip(paths, inside) if not any(part.startswith("_") for part in parts)
    ]


def cell_table(cells: list[CalibrationRecord]) -> pl.DataFrame:
    """c_star over seeds by model, method and window, as the steering study's table has it."""
    columns: dict[str, Any] = {"model": pl.String, "method": pl.String, "window": pl.Int64, "c_star": pl.Float64}
    rows = [{"model": c.model, "method": c.method, "window": c.window, "c_star": c.scale} for c in cells]
    frame = pl.DataFrame(rows, schema=columns)
    keys = ["model_short", "method", "window"]
    return (
        frame.with_columns(pl.col("model").str.split("/").list.last().alias("model_short"))
        .group_by(keys)
        .agg(
            pl.col("c_star").mean().alias("c_mean"),
            pl.col("c_star").std().alias("c_std"),
            pl.len().alias("n_seeds"),
        )
        .sort(keys)
        .with_columns((pl.col("c_std") / pl.col("c_mean").abs()).alias("c_cv"))
    )


def markdown(found: Aggregate) -> str:
    """aggregate.md: means with their intervals of what was measured anywhere, and the arms against the baseline."""
    shown = [metric for metric in METRICS if found.table[f"{metric}_n"].sum() > 0]
    rows = []
    for row in found.table.iter_rows(named=True):
        labels = ["-" if row[label] is None else row[label] for label in LABELS]
        cells = [_bounded(*(row[f"{metric}_{part}"] for part in ("mean", "low", "high", "n"))) for metric in shown]
        rows.append([*labels, row["n_seeds"], *cells])
    text = tabulate(rows, [*LABELS, "seeds", *shown], tablefmt="pipe", disable_numparse=True)
    if len(found.contrasts):
        lines = [
            [row["task"], row["model"], f"{row['aug']} - {row['baseline']}", row["setting"], row["setting_base"],
             row["metric"], _bounded(row["difference"], row["low"], row["high"], row["n"])]
            for row in found.contrasts.iter_rows(named=True)
        ]  # fmt: skip
        headers = ["task", "model", "arms", "setting", "of the baseline", "metric", "difference over seeds"]
        text += "\n\n" + tabulate(lines, headers, tablefmt="pipe", disable_numparse=True)
    return (
        text + "\n\n95% intervals of Student's t over seeds (shares and AUCs on the logit scale); a seed is one value, "
        "however many puzzles it answered."
    )


def _bounded(value: float | None, low: float | None, high: float | None, n: int) -> str:
    why = "all equal" if n > 1 else ""
    return bounded(Interval(value=value, low=low, high=high, n=n, method=why), 4)


def cells_markdown(cells: pl.DataFrame) -> str:
    """table.md"""
    return tabulate(cells.rows(), headers=cells.columns, tablefmt="pipe", floatfmt=".3f")


def write(found: Aggregate, out: Path) -> list[Path]:
    """aggregate.{csv,md,json} and runs.csv where there are runs, contrasts.csv where there is a baseline,
    table.{csv,md} where there are cells."""
    out = make_folder(out)
    wrote = []
    if len(found.runs):
        wrote += [write_frame(out / "aggregate.csv", found.table), write_frame(out / "runs.csv", found.runs)]
        wrote.append(write_text(out / "aggregate.md", markdown(found) + "\n"))
    if len(found.contrasts):
        wrote.append(write_frame(out / "contrasts.csv", found.contrasts))
    if len(found.cells):
        wrote.append(write_frame(out / "table.csv", found.cells))
        wrote.append(write_text(out / "table.md", cells_markdown(found.cells)))
    record = {**SCHEMA, **as_record(found), "root": str(found.root), "meta": provenance()}
    return [*wrote, write_json(out / "aggregate.json", record)]


def as_record(found: Aggregate) -> dict[str, list[Row]]:
    """Every table as a list of rows, by name."""
    parts = {"rows": found.table, "runs": found.runs, "contrasts": found.contrasts, "cells": found.cells}
    return {name: part.to_dicts() for name, part in parts.items()}
