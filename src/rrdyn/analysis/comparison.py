"""Two measurements beside each other, puzzle by puzzle: answers, classes, numbers, AUCs, each with its difference."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import polars as pl
from tabulate import tabulate

from rrdyn.analysis.intervals import REPLICATES, rate
from rrdyn.analysis.measured import NUMBERS, SCORES, Measured
from rrdyn.analysis.paired import RIGHT, Paired, paired
from rrdyn.analysis.shift import Shift, area_shift, shift
from rrdyn.analysis.summary import bounded
from rrdyn.artifacts.comparison import AreaShiftRecord, ComparisonRecord, FateChange, ShiftRecord
from rrdyn.artifacts.errors import InputError
from rrdyn.artifacts.files import make_folder, write_json, write_text
from rrdyn.artifacts.frame import write_frame
from rrdyn.artifacts.interval import Interval
from rrdyn.artifacts.places import shown
from rrdyn.artifacts.provenance import provenance
from rrdyn.artifacts.record import Meta, Row, Value
from rrdyn.runtime.streams import generator

KIND, VERSION = "comparison", 1


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """The puzzles two files have in common, with a label."""

    first: Measured
    second: Measured
    here: np.ndarray
    """(n,) rows of the first."""
    there: np.ndarray
    """(n,) rows of the second: the same puzzles."""
    columns: dict[str, Paired]
    """Every column of `RIGHT` that both have."""
    fates: dict[tuple[str, str], int]
    """(class in the first, in the second) -> puzzles, those that occur; empty where a file has no classes."""
    numbers: dict[str, Shift]
    areas: dict[str, AreaShiftRecord]

    @property
    def n(self) -> int:
        return len(self.here)

    @property
    def same_fate(self) -> Interval | None:
        """Share of puzzles of one class in both; None where there are no classes."""
        if not self.fates:
            return None
        return rate(sum(count for (a, b), count in self.fates.items() if a == b), self.n)

    def record(self, names: tuple[str, str] = ("first", "second")) -> ComparisonRecord:
        """As data."""
        return ComparisonRecord(
            kind=KIND, schema_version=VERSION, of=self.first.kind, names=names, n=self.n,
            left_out=len(self.first.idx) + len(self.second.idx) - 2 * self.n,
            columns={name: column.record() for name, column in self.columns.items()},
            fates=[FateChange(first=a, second=b, n=count) for (a, b), count in self.fates.items()],
            same_fate=self.same_fate, numbers={name: found.record() for name, found in self.numbers.items()},
            areas=self.areas, notes=[*self.first.notes, *self.second.notes],
        )  # fmt: skip


def compare(
    first: Measured, second: Measured, *, seed: int = 0, replicates: int = REPLICATES, any_horizon: bool = False
) -> Comparison:
    """Two files of one measurement on the puzzles that both have, by `idx`.

    `any_horizon`: what another horizon changes is what is asked.
    Raises InputError where they are of other kinds, splits or datasets, or have no puzzle in common.
    """
    _check(first, second, any_horizon)
    _, here, there = np.intersect1d(first.idx, second.idx, return_indices=True)
    if len(here) == 0:
        raise InputError(
            f"{shown(first.path)} and {shown(second.path)} have no puzzle with a label in common",
            expected="measurements of the same puzzles",
            run="the same --n and --seed for both",
        )

    def both(one: dict[str, np.ndarray], other: dict[str, np.ndarray]) -> Iterator[tuple[str, np.ndarray, np.ndarray]]:
        return ((name, one[name][here], other[name][there]) for name in one if name in other)

    label = next(iter(first.right))
    right = first.right[label][here], second.right[label][there]
    return Comparison(
        first=first, second=second, here=here, there=there,
        columns={name: paired(name, a, b) for name, a, b in both(first.right, second.right)},
        fates=_transitions(first, second, here, there),
        numbers={name: found for name, a, b in both(first.numbers, second.numbers)
                 if (found := shift(a, b, generator(seed, "compare", name), replicates)).n},
        areas={name: area_shift((a, right[0]), (b, right[1])) for name, a, b in both(first.scores, second.scores)},
    )  # fmt: skip


def _transitions(first: Measured, second: Measured, here: np.ndarray, there: np.ndarray) -> dict[tuple[str, str], int]:
    if first.classes is None or second.classes is None:
        return {}
    pairs, counts = np.unique(np.stack([first.classes[here], second.classes[there]]), axis=1, return_counts=True)
    return {(first.names[a], second.names[b]): int(count) for (a, b), count in zip(pairs.T, counts)}


def _check(first: Measured, second: Measured, any_horizon: bool) -> None:
    for words, mine, other in (
        ("kind", first.kind, second.kind),
        ("dataset and split", _puzzles(first.meta), _puzzles(second.meta)),
        ("horizon", _horizon(first.meta), _horizon(second.meta)),
    ):
        if mine != other and not (any_horizon and words == "horizon"):
            raise InputError(f"{shown(first.path)} and {shown(second.path)} are not of one {words}", found=other,
                             expected=mine)  # fmt: skip


def _puzzles(meta: Meta) -> list[str | None]:
    dataset = meta.get("dataset") or {}
    return [dataset.get("digest"), dataset.get("split")]


def _horizon(meta: Meta) -> int | None:
    """How far the puzzles were followed, where that was chosen."""
    settings = meta.get("settings") or {}
    return next((settings[key] for key in ("horizon", "segments") if settings.get(key) is not None), None)


def told(record: ComparisonRecord, form: str = "simple") -> str:
    """The comparison in tables and sentences; `form` is one of tabulate's."""
    first, second = record.names
    parts = [f"{first} and {second}: {record.n} puzzles that both have"]
    if record.left_out:
        parts[0] += f" ({record.left_out} that only one has are left out)"
    rows: list[Row] = [
        {"": RIGHT.get(name, name), first: bounded(c.first), second: bounded(c.second),
         "difference": bounded(c.difference, sign=True), f"only {first}": c.only_first, f"only {second}": c.only_second,
         "McNemar p": f"{c.mcnemar_p:.2g}"}
        for name, c in record.columns.items()
    ]  # fmt: skip
    parts.append(_grid(rows, form))
    if record.fates:
        head = "cells of the 2x2" if record.of == "diag" else "fates"
        same = f"; the same in both: {bounded(record.same_fate)}" if record.same_fate else ""
        parts += [f"{head}, {first} (down) to {second} (across){same}", _grid(transitions(record), form)]
    if record.numbers:
        parts.append(_grid([_number_row(name, s, first, second) for name, s in record.numbers.items()], form))
    areas: list[Row] = [
        {"AUC": SCORES.get(name, name), first: _plain(area.first), second: _plain(area.second),
         "difference": bounded(area.difference, 4, sign=True)}
        for name, area in record.areas.items()
        if area.first is not None
    ]  # fmt: skip
    if areas:
        parts.append(_grid(areas, form))
    return "\n\n".join([*parts, *(f"note: {note}" for note in record.notes)])


def _number_row(name: str, found: ShiftRecord, first: str, second: str) -> Row:
    return {
        "": NUMBERS.get(name, name), f"{first}, median": _plain(found.first), f"{second}, median": _plain(found.second),
        "mean difference": bounded(found.mean, 4, sign=True), "median difference": bounded(found.median, 4, sign=True),
        "Wilcoxon p": _plain(found.wilcoxon_p, ".2g"),
    }  # fmt: skip


def transitions(record: ComparisonRecord) -> list[Row]:
    """A row a class of the first, a column a class of the second, how many puzzles went that way."""
    columns = list(dict.fromkeys(change.second for change in sorted(record.fates, key=lambda one: one.second)))
    rows = list(dict.fromkeys(change.first for change in sorted(record.fates, key=lambda one: one.first)))
    counts = {(change.first, change.second): change.n for change in record.fates}
    return [{"": row, **{column: counts.get((row, column), 0) for column in columns}} for row in rows]


def _grid(rows: list[Row], form: str) -> str:
    return tabulate(rows, headers="keys", tablefmt=form, disable_numparse=True)


def _plain(value: float | None, form: str = ".4f") -> str:
    return "-" if value is None else format(value, form)


def differences(record: ComparisonRecord) -> list[Row]:
    """A row a compared thing, as comparison.csv has them."""
    found: list[tuple[str, str, Value, Value, Interval, Value]] = []
    found += [("share", n, c.first.value, c.second.value, c.difference, c.mcnemar_p) for n, c in record.columns.items()]
    for name, s in record.numbers.items():
        found += [("mean", name, None, None, s.mean, None), ("median", name, s.first, s.second, s.median, s.wilcoxon_p)]
    found += [("auc", name, a.first, a.second, a.difference, None) for name, a in record.areas.items()]
    return [
        {"what": what, "of": name, "first": one, "second": two, "difference": gap.value, "low": gap.low,
         "high": gap.high, "n": gap.n, "method": gap.method, "p": p}
        for what, name, one, two, gap, p in found
    ]  # fmt: skip


def points(found: Comparison) -> pl.DataFrame:
    """A row a puzzle: its number, and every compared column in both files."""
    columns: dict[str, np.ndarray | list[str]] = {"idx": found.first.idx[found.here]}
    for side, of, rows in (("first", found.first, found.here), ("second", found.second, found.there)):
        columns |= {f"{name}_{side}": of.right[name][rows] for name in found.columns}
        if of.classes is not None and found.fates:
            columns[f"class_{side}"] = [of.names[code] for code in of.classes[rows]]
        columns |= {f"{name}_{side}": of.numbers[name][rows].astype(float) for name in found.numbers}
    return pl.DataFrame(columns).fill_nan(None)


def write(
    found: Comparison, names: tuple[str, str], out: Path, *, seed: int = 0
) -> tuple[ComparisonRecord, list[Path]]:
    """comparison.json, comparison.md, comparison.csv (a row a difference) and points.csv (a row a puzzle)."""
    out = make_folder(out)
    meta = provenance(seed=seed, inputs=[found.first.path, found.second.path])
    record = found.record(names).model_copy(update={"meta": meta})
    return record, [
        write_json(out / "comparison.json", {**record.model_dump(), "meta": meta}),
        write_text(out / "comparison.md", f"# {names[0]} and {names[1]}\n\n{told(record, 'pipe')}\n"),
        write_frame(out / "comparison.csv", pl.DataFrame(differences(record), infer_schema_length=None)),
        write_frame(out / "points.csv", points(found)),
    ]
