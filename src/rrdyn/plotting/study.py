"""One analysed tag as the figures need it: results_<tag>.json and points_<tag>.csv of `rrdyn analyze-2x2`."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np

from rrdyn.artifacts.errors import InputError
from rrdyn.artifacts.interval import Interval
from rrdyn.artifacts.places import shown
from rrdyn.artifacts.reading import read_json
from rrdyn.artifacts.results import CellRecord, ResultsRecord
from rrdyn.plotting.style import CELLS
from rrdyn.plotting.tables import checked, numbers, read_columns

RUN = "rrdyn analyze-2x2 DIAG.npz"
POINTS = ("cell", "idx", "log10_late_drift", "lambda_1")


@dataclass(frozen=True)
class Study:
    """The results of one tag, and its puzzles in rows."""

    tag: str
    results: ResultsRecord
    points: dict[str, np.ndarray]
    files: list[Path]

    @property
    def title(self) -> str:
        return self.results.title or self.tag

    @property
    def n(self) -> int:
        return self.results.n

    @property
    def tau(self) -> float:
        return self.results.tau

    @property
    def threshold_rule(self) -> str:
        return (self.results.threshold.method if self.results.threshold else "otsu").capitalize()

    @property
    def units(self) -> str:
        """The unit of the exponents in a caption, with the factor to segments where the file knows it."""
        words = "in nats per sub-update"
        factor = self.results.clock and self.results.clock.sub_updates_per_segment
        return words if factor is None else f"{words} (times {factor}: per segment)"

    @property
    def cell(self) -> np.ndarray:
        return self.points["cell"]

    @property
    def idx(self) -> np.ndarray:
        return self.points["idx"]

    @property
    def by_return(self) -> bool:
        """Whether the cells are told apart by return distances, not by late drift."""
        return bool(self.results.threshold and self.results.threshold.of == "late return distance")

    @property
    def motion(self) -> str:
        """The column of the points that tells settled from unsettled."""
        return "log10_late_return" if self.by_return else "log10_late_drift"

    @property
    def log_motion(self) -> np.ndarray:
        return self.points[self.motion]

    @property
    def lam1(self) -> np.ndarray:
        return self.points["lambda_1"]

    @cached_property
    def counts(self) -> dict[str, int]:
        return {letter: self.of(letter).n for letter in CELLS}

    @property
    def n_correct(self) -> int:
        return self.counts["A"] + self.counts["C"]

    @property
    def spectrum_names(self) -> list[int]:
        """1, 2, … up to the number of exponents."""
        return list(range(1, max(len(self.of(letter).spectrum_median or [0]) for letter in CELLS) + 1))

    def of(self, letter: str) -> CellRecord:
        """What the analysis says of one cell, by its letter."""
        return self.results.cells[CELLS[letter].key]

    def median(self, letter: str) -> float | None:
        return self.of(letter).lam1_median

    def quartiles(self, letter: str) -> tuple[float, tuple[float, float]]:
        """Median of the leading exponent in a cell, and its quartiles; NaN where the cell is empty."""
        cell = self.of(letter)
        low, high = cell.lam1_iqr or (np.nan, np.nan)
        return np.nan if cell.lam1_median is None else cell.lam1_median, (low, high)

    def spectrum(self, letter: str) -> np.ndarray:
        """(k,) median of every exponent in a cell."""
        return np.array(self.of(letter).spectrum_median or [], dtype=float)

    def spectrum_bounds(self, letter: str) -> tuple[np.ndarray, np.ndarray]:
        """(k,) 95% bounds of those medians; NaN where the file has none."""
        size = self.spectrum(letter).size
        found = (self.results.intervals or {}).get(f"cells.{CELLS[letter].key}.spectrum_median")
        rows = found if isinstance(found, list) and len(found) == size else [Interval(value=None)] * size
        low, high = ([np.nan if end is None else end for end in ends] for ends in (
            [row.low for row in rows], [row.high for row in rows]))  # fmt: skip
        return np.array(low), np.array(high)


def read_study(folder: Path, tag: str) -> Study:
    """Read one tag. Raises InputError where a file or a key is missing."""
    results, points = folder / f"results_{tag}.json", folder / f"points_{tag}.csv"
    study = Study(tag, read_json(results, ResultsRecord, run=RUN), read_points(points), [results, points])
    _check_whole(study)
    return study


def _check_whole(study: Study) -> None:
    results, points = study.files
    if study.motion not in study.points:
        raise InputError(f"{shown(points)} lacks the column {study.motion}", found=", ".join(study.points), run=RUN)
    if study.cell.size != study.n:
        raise InputError(
            f"{shown(results)} and {shown(points)} are of two analyses",
            found=f"{study.n} and {study.cell.size} puzzles", run=RUN,
        )  # fmt: skip
    for letter in CELLS:
        cell = study.of(letter)
        if cell.n and (cell.lam1_median is None or len(cell.lam1_iqr or []) != 2 or not cell.spectrum_median):
            raise InputError(
                f"{shown(results)} does not say enough of cell {letter}",
                expected="lam1_median, lam1_iqr, spectrum_median", run=RUN,
            )  # fmt: skip


def read_points(path: Path) -> dict[str, np.ndarray]:
    """The columns of a points csv: cells as letters, everything else as numbers (an empty field is NaN)."""
    columns = read_columns(path, POINTS, run=RUN)
    points = {name: numbers(words) for name, words in columns.items() if name != "cell"}
    checked(points, path, POINTS[1:])
    cells = [text[:1] for text in columns["cell"]]
    odd = next((text for text, cell in zip(columns["cell"], cells) if cell not in CELLS), None)
    if odd is not None:
        raise InputError(
            f"{shown(path)}: {odd[:40]!r} is no cell", expected="cells that begin with A, B, C or D", run=RUN
        )
    return {**points, "cell": np.array(cells, dtype="U1")}
