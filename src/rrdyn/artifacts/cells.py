"""The three-file cell of a perturbation study: one folder for one model and one calibrated noise budget.

    calib.json        model, method, window (steps), c_star (the scale that meets the budget, or null), seed, …
    trajectory.json   per_prompt_per_t_kl: {alpha: [[KL at step 1, 2, …] for each trajectory]}
    pmass.json        computed, fork_points (0-based steps), pmass and pmass_eval: {alpha: [[mass at each fork point]]}

`alpha` multiplies c_star and is written as a string, as the steering studies that defined this layout do.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import numpy as np
from pydantic import Field, field_validator

from rrdyn.artifacts.errors import InputError, notice
from rrdyn.artifacts.files import make_folder, write_json
from rrdyn.artifacts.places import entries, existing, is_file, is_folder, shown
from rrdyn.artifacts.reading import read_json
from rrdyn.artifacts.record import Record

FILES = ("calib.json", "trajectory.json", "pmass.json")
LONGEST_WINDOW = 1 << 20
LARGEST_TABLE = 1 << 28
"""Values of one table that is padded up to the window."""

Loose = Annotated[float, Field(allow_inf_nan=True)]
"""A number of a file that other programs write too: they put NaN where there is none."""
Rows = dict[str, list[list[Loose | None]]]


class CalibrationRecord(Record):
    """calib.json: what a cell was calibrated to, and on what."""

    model: str = ""
    method: str = ""
    window: Annotated[int, Field(ge=1, le=LONGEST_WINDOW)] | None = None
    """Steps; a cell that is drawn must have it."""
    c_star: Loose | None = None
    """The scale that meets the budget; None (or NaN) where no scale did."""

    @property
    def scale(self) -> float | None:
        return self.c_star if self.c_star is not None and math.isfinite(self.c_star) else None


class TrajectoryRecord(Record):
    """trajectory.json: KL in nats at step 1, 2, … of each trajectory, by alpha."""

    per_prompt_per_t_kl: Rows | None = None
    """None in an older layout, which kept means only."""

    @field_validator("per_prompt_per_t_kl")
    @classmethod
    def _numbers(cls, rows: Rows | None) -> Rows | None:
        return rows and _by_number(rows)


class MassRecord(Record):
    """pmass.json: mass on the right answer at each fork point, by alpha."""

    computed: bool = True
    fork_points: list[Annotated[int, Field(ge=0, lt=LONGEST_WINDOW)]] | None = None
    pmass: Rows | None = None
    pmass_eval: Rows | None = None

    @field_validator("pmass", "pmass_eval")
    @classmethod
    def _numbers(cls, rows: Rows | None) -> Rows | None:
        return rows and _by_number(rows)


def _by_number(rows: Rows) -> Rows:
    for alpha in rows:
        try:
            known = math.isfinite(float(alpha))
        except ValueError:
            known = False
        if not known:
            raise ValueError(f"a number as the name of each alpha, not {alpha[:40]!r}")
    return rows


@dataclass(frozen=True, kw_only=True)
class Cell:
    """One read cell. Arrays are padded with NaN up to the window."""

    path: Path
    calib: CalibrationRecord
    trajectory: Rows
    masses: MassRecord

    @property
    def name(self) -> str:
        return self.path.name

    @property
    def model(self) -> str:
        return self.calib.model

    @property
    def window(self) -> int:
        return self.calib.window or 0

    @property
    def c_star(self) -> float | None:
        """The calibrated scale, None where no scale met the budget."""
        return self.calib.scale

    @property
    def alphas(self) -> list[str]:
        """Multiples of c_star in ascending order, spelled as in the files."""
        return sorted(self.trajectory, key=float)

    @property
    def computed(self) -> bool:
        """Whether pmass.json holds masses at all."""
        return self.masses.computed

    @property
    def fork_points(self) -> list[int]:
        return (self.masses.fork_points or []) if self.computed else []

    def kl(self, alpha: str) -> np.ndarray:
        """(trajectories, window) KL in nats."""
        return _padded(self.trajectory.get(alpha, []), self.window)

    def mass(self, alpha: str, *, paired: bool = False) -> np.ndarray:
        """(trajectories, fork points) mass on the right answer; `paired` rows belong to the rows of `kl`."""
        if not self.computed:
            return np.zeros((0, 0))
        rows = self.masses.pmass_eval if paired else self.masses.pmass
        return _padded((rows or {}).get(alpha, []), len(self.fork_points))


def write_cell(
    folder: Path | str, calib: Mapping[str, object], trajectory: Mapping[str, object], pmass: Mapping[str, object]
) -> Path:
    """Write the three files; calib.json comes last, so that a cell cut short is not taken for a whole one."""
    folder = make_folder(folder)
    for name, content in (("trajectory.json", trajectory), ("pmass.json", pmass), ("calib.json", calib)):
        write_json(folder / name, content)
    return folder


def read_cells(root: Path | str, window: int | None = None, model_contains: str = "") -> list[Cell]:
    """The cells under `root` (or `root` itself, if it is one) in name order.

    Folders that start with "_" and folders without the three files are passed over; a cell of an older layout
    (no KL per trajectory) is passed over with a notice. Raises InputError for a broken file or a root without folders.
    """
    root = existing(root, run="rrdyn perturb CKPT --calibrate-kl 1.0 --cells FOLDER")
    if not is_folder(root):
        expected = f"folders with {', '.join(FILES)}"
        raise InputError(f"{shown(root)} is not a folder of cells", found="a file", expected=expected)
    folders: Iterable[Path] = [root] if _is_cell(root) else entries(root)
    cells = []
    for folder in folders:
        if folder.name.startswith("_") or not _is_cell(folder):
            continue
        cell = _read_cell(folder)
        if cell is None or (window is not None and cell.window != window) or model_contains not in cell.model:
            continue
        cells.append(cell)
    return cells


def read_calibration(path: Path | str) -> CalibrationRecord:
    """The calib.json of a cell. Raises InputError naming the file, the key, what was found and expected."""
    return read_json(path, CalibrationRecord)


def _is_cell(folder: Path) -> bool:
    return all(is_file(folder / name) for name in FILES)


def _read_cell(folder: Path) -> Cell | None:
    calib = read_calibration(folder / FILES[0])
    trajectory = read_json(folder / FILES[1], TrajectoryRecord).per_prompt_per_t_kl
    masses = read_json(folder / FILES[2], MassRecord)
    if trajectory is None:
        notice(f"skipping {shown(folder)}: an older layout without per_prompt_per_t_kl")
        return None
    if calib.window is None:
        raise InputError(f"{shown(folder / FILES[0])} lacks window", expected="a number of steps")
    rows = max(map(len, trajectory.values()), default=0)
    if rows * calib.window > LARGEST_TABLE:
        raise InputError(
            f"{shown(folder / FILES[0])}: window is too long for the trajectories beside it",
            found=f"{calib.window} steps, {rows} trajectories", expected=f"at most {LARGEST_TABLE} values in all",
        )  # fmt: skip
    return Cell(path=folder, calib=calib, trajectory=trajectory, masses=masses)


def _padded(rows: list[list[Loose | None]], width: int) -> np.ndarray:
    table = np.full((len(rows), width), np.nan)
    for row, values in zip(table, rows):
        kept = values[:width]
        row[: len(kept)] = np.array(kept, dtype=float)  # null becomes NaN
    return table
