"""Intervals as columns of a table over seeds, their means, and such a table as part of a page."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import polars as pl

from rrdyn.analysis.intervals import mean_over_seeds
from rrdyn.artifacts.interval import Interval

ENDS = {"": "value", "_low": "low", "_high": "high"}


def bounds(name: str, interval: Interval | None) -> dict[str, float | None]:
    """A column for the value and one for either bound: NAME, NAME_low, NAME_high."""
    return {name + end: None if interval is None else getattr(interval, part) for end, part in ENDS.items()}


def over_seeds(table: pl.DataFrame, keys: Sequence[str], columns: Mapping[str, bool]) -> pl.DataFrame:
    """A row for every group of equal `keys`: how many seeds it has, and of each column the mean with Student's t.

    columns : whether each is a share, whose interval is made on the logit scale. Seeds without a number are left out.
    A table without rows stays as it is.
    """
    if not len(table):
        return table
    rows = []
    for values, group in table.group_by(keys, maintain_order=True):
        row: dict[str, Any] = {**dict(zip(keys, values)), "seeds": len(group)}
        for name, share in columns.items():
            found = group[name].drop_nulls().to_numpy()
            row |= bounds(name, mean_over_seeds(found, share=share) if len(found) else None)
        rows.append(row)
    return pl.DataFrame(rows, infer_schema_length=None)


def told(row: Mapping[str, Any] | None, name: str, *, sign: bool = False) -> str:
    """The interval of these columns in words; - where there is none."""
    if row is None or row[name] is None:
        return "-"
    return Interval(**{part: row[name + end] for end, part in ENDS.items()}).told(sign=sign)


def read_table(path: Path) -> pl.DataFrame:
    """A csv file; a column without a number is one of numbers all the same."""
    found = pl.read_csv(path, infer_schema_length=None)
    empty = [name for name in found.columns if found[name].null_count() == len(found)]
    return found.with_columns(pl.col(empty).cast(pl.Float64))


def pipe(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    """The lines of a table of Markdown."""
    return [f"| {' | '.join(cells)} |" for cells in (heads, ["---"] * len(heads), *rows)]
