"""`rrdyn aggregate`: runs over seeds, one row per task, model, arm and setting; and the table of calibrated cells."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl
from tabulate import tabulate

from rrdyn.analysis.runs import LABELS, METRICS, read_runs
from rrdyn.artifacts.cells import FILES
from rrdyn.artifacts.errors import InputError
from rrdyn.artifacts.files import existing, make_folder, read_json, replacing, write_json, write_text
from rrdyn.artifacts.provenance import provenance

SCHEMA = {"schema": "aggregate", "schema_version": 1}


@dataclass(frozen=True, kw_only=True)
class Aggregate:
    """`runs`: one row a run folder; `table`: one row a group; `cells`: the table of three-file cells, maybe empty."""

    root: Path
    runs: pl.DataFrame
    table: pl.DataFrame
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
    kinds: dict[str, Any] = {"run": pl.String, **dict.fromkeys(LABELS, pl.String), "seed": pl.Int64}
    frame = pl.DataFrame(runs, schema=kinds | dict.fromkeys(METRICS, pl.Float64))
    return Aggregate(root=root, runs=frame, table=over_seeds(frame), cells=cell_table(cells))


def over_seeds(runs: pl.DataFrame) -> pl.DataFrame:
    """Mean, sample standard deviation, coefficient of variation and n of each metric, by task, model, aug, setting."""
    measures = []
    for metric in METRICS:
        value = pl.col(metric)
        measures += [
            value.mean().alias(f"{metric}_mean"),
            value.std().alias(f"{metric}_std"),
            (value.std() / value.mean().abs()).alias(f"{metric}_cv"),
            value.count().alias(f"{metric}_n"),
        ]
    grouped = runs.group_by(LABELS).agg(pl.col("seed").n_unique().alias("n_seeds"), *measures)
    return grouped.sort(LABELS, nulls_last=True)


def calibrations(root: Path | str) -> list[dict[str, Any]]:
    """The calib.json of every cell under a folder; folders that begin with "_" are passed over."""
    root = existing(root)
    found = []
    for path in sorted(root.rglob("calib.json")):
        inside = path.relative_to(root).parts[:-1]
        content = read_json(path)
        if not any(part.startswith("_") for part in inside) and isinstance(content, dict):
            found.append(content)
    return found


def cell_table(cells: list[dict[str, Any]]) -> pl.DataFrame:
    """c_star over seeds by model, method and window, as the steering study's table has it."""
    columns: dict[str, Any] = {"model": pl.String, "method": pl.String, "window": pl.Int64, "c_star": pl.Float64}
    frame = pl.DataFrame([{key: cell.get(key) for key in columns} for cell in cells], schema=columns)
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


def markdown(table: pl.DataFrame) -> str:
    """aggregate.md: mean +- std of what was measured anywhere, for a person."""
    shown = [metric for metric in METRICS if table[f"{metric}_n"].sum() > 0]
    rows = []
    for row in table.iter_rows(named=True):
        labels = ["-" if row[label] is None else row[label] for label in LABELS]
        rows.append([*labels, row["n_seeds"], *(_spread(row, metric) for metric in shown)])
    return tabulate(rows, [*LABELS, "seeds", *shown], tablefmt="pipe", disable_numparse=True)


def _spread(row: dict[str, Any], metric: str) -> str:
    mean, std, n = (row[f"{metric}_{part}"] for part in ("mean", "std", "n"))
    if n == 0:
        return "-"
    return f"{mean:.4f} (n=1)" if std is None else f"{mean:.4f} ± {std:.4f} (n={n})"


def cells_markdown(cells: pl.DataFrame) -> str:
    """table.md"""
    return tabulate(cells.rows(), headers=cells.columns, tablefmt="pipe", floatfmt=".3f")


def write(found: Aggregate, out: Path) -> list[Path]:
    """aggregate.{csv,md,json} and runs.csv where there are runs, table.{csv,md} where there are cells."""
    out = make_folder(out)
    wrote = []
    if len(found.runs):
        wrote += [_csv(found.table, out / "aggregate.csv"), _csv(found.runs, out / "runs.csv")]
        wrote.append(write_text(out / "aggregate.md", markdown(found.table) + "\n"))
    if len(found.cells):
        wrote.append(_csv(found.cells, out / "table.csv"))
        wrote.append(write_text(out / "table.md", cells_markdown(found.cells)))
    record = {**SCHEMA, **as_record(found), "root": str(found.root), "meta": provenance()}
    return [*wrote, write_json(out / "aggregate.json", record)]


def as_record(found: Aggregate) -> dict[str, Any]:
    return {"rows": found.table.to_dicts(), "runs": found.runs.to_dicts(), "cells": found.cells.to_dicts()}


def _csv(table: pl.DataFrame, path: Path) -> Path:
    with replacing(path) as partial:
        table.write_csv(partial)
    return path
