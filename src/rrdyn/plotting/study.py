"""One analysed tag as the figures need it: results_<tag>.json and points_<tag>.csv of `rrdyn analyze-2x2`."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from rrdyn.artifacts.errors import InputError
from rrdyn.artifacts.places import entries, existing, is_folder
from rrdyn.artifacts.reading import read_json, read_table
from rrdyn.plotting.output import Output
from rrdyn.plotting.style import CELLS

RUN = "rrdyn analyze-2x2 DIAG.npz"
POINTS = ("cell", "idx", "log10_late_drift", "lambda_1")


@dataclass(frozen=True)
class Study:
    """The results of one tag, and its puzzles in rows."""

    tag: str
    results: dict[str, Any]
    points: dict[str, np.ndarray]
    files: list[Path]

    @property
    def title(self) -> str:
        return str(self.results.get("title") or self.tag)

    @property
    def n(self) -> int:
        return int(self.results["n"])

    @property
    def tau(self) -> float:
        return float(self._threshold.get("tau_log10") or self.results["otsu_tau_log10"])

    @property
    def threshold_rule(self) -> str:
        return str(self._threshold.get("method") or "otsu").capitalize()

    @property
    def _threshold(self) -> dict[str, Any]:
        return self.results.get("threshold") or {}

    @property
    def per_segment(self) -> int | None:
        """Sub-updates in a segment: the factor from nats per sub-update to nats per segment."""
        return (self.results.get("clock") or {}).get("sub_updates_per_segment")

    @property
    def units(self) -> str:
        """The unit of the exponents in a caption, with the factor to segments where the file knows it."""
        words = "in nats per sub-update"
        return words if self.per_segment is None else f"{words} (times {self.per_segment}: per segment)"

    @property
    def cell(self) -> np.ndarray:
        return self.points["cell"]

    @property
    def idx(self) -> np.ndarray:
        return self.points["idx"]

    @property
    def log_drift(self) -> np.ndarray:
        return self.points["log10_late_drift"]

    @property
    def lam1(self) -> np.ndarray:
        return self.points["lambda_1"]

    @cached_property
    def counts(self) -> dict[str, int]:
        return {cell: int(self.results["cells"][look.key]["n"]) for cell, look in CELLS.items()}

    @property
    def n_correct(self) -> int:
        return self.counts["A"] + self.counts["C"]

    @property
    def spectrum_names(self) -> list[int]:
        """1, 2, … up to the number of exponents."""
        found = (self.results["cells"][look.key].get("spectrum_median") for look in CELLS.values())
        return list(range(1, max((len(values) for values in found if values), default=1) + 1))

    def median(self, cell: str) -> float | None:
        return self.results["cells"][CELLS[cell].key].get("lam1_median")


def read_study(folder: Path, tag: str) -> Study:
    """Read one tag. Raises InputError where a file or a key is missing."""
    results_file = existing(folder / f"results_{tag}.json", run=RUN)
    points_file = existing(folder / f"points_{tag}.csv", run=RUN)
    results = read_json(results_file)
    for key in ("n", "otsu_tau_log10", "cells"):
        if not isinstance(results, dict) or key not in results:
            raise InputError(f"{results_file} lacks {key}", expected="a file of rrdyn analyze-2x2", run=RUN)
    return Study(tag, results, read_points(points_file), [results_file, points_file])


def read_points(path: Path) -> dict[str, np.ndarray]:
    """The columns of a points csv: cells as letters, everything else as numbers (an empty field is NaN)."""
    columns = read_columns(path)
    missing = [name for name in POINTS if name not in columns]
    if missing:
        raise InputError(
            f"{path} lacks {', '.join(missing)}", found=", ".join(columns), expected=", ".join(POINTS), run=RUN
        )
    points = {name: numbers(values, path) for name, values in columns.items() if name != "cell"}
    return {**points, "cell": np.array([text[:1] for text in columns["cell"]], dtype="U1")}


def read_columns(path: Path) -> dict[str, list[str]]:
    """A csv with a header line, column by column."""
    rows = read_table(path)
    if not rows:
        raise InputError(f"{path} is empty", expected="a csv with a header line")
    short = next((number for number, row in enumerate(rows, 1) if len(row) != len(rows[0])), None)
    if short is not None:
        raise InputError(
            f"{path} is damaged",
            found=f"{len(rows[short - 1])} fields in line {short}",
            expected=f"{len(rows[0])} fields",
        )
    return {name: [row[place] for row in rows[1:]] for place, name in enumerate(rows[0])}


def numbers(values: list[str], path: Path) -> np.ndarray:
    """Numbers of a column; empty fields are NaN, true and false are 1 and 0."""
    words = {"": "nan", "true": "1", "false": "0", "null": "nan"}
    try:
        return np.array([float(words.get(value.lower(), value)) for value in values])
    except ValueError:
        return np.full(len(values), np.nan)  # a column of names is none that a figure draws


@dataclass(frozen=True)
class Tagged:
    """One `<kind>_<tag><suffix>`; `short` tells its picture from those of further tags, empty where there are none."""

    folder: Path
    file: Path
    tag: str
    short: str

    @property
    def name(self) -> str:
        """The file's name without its suffix."""
        return self.file.stem


def tagged(path: Path, kind: str, suffix: str, run: str, out: Output) -> list[Tagged]:
    """The files behind a folder or one `<kind>_<tag><suffix>`; `out` is told their tags. InputError for none."""
    path = existing(path, run=run)
    folder, files = (path, entries(path)) if is_folder(path) else (path.parent, [path])
    found = {
        file.name.removesuffix(suffix).removeprefix(f"{kind}_"): file
        for file in files
        if file.name.startswith(f"{kind}_") and file.name.endswith(suffix) and ".data." not in file.name
    }
    if not found:
        raise InputError(f"{path} is not what this figure is drawn from", expected=f"{kind}_<tag>{suffix}", run=run)
    out.told, out.text = {"tags": list(found)}, f"drew {', '.join(found)}"
    return [Tagged(folder, file, tag, tag if len(found) > 1 else "") for tag, file in found.items()]
