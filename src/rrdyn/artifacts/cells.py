"""The three-file cell of a perturbation study: one folder for one model and one calibrated noise budget.

    calib.json        model, method, window (steps), c_star (the scale that meets the budget, or null), seed, …
    trajectory.json   per_prompt_per_t_kl: {alpha: [[KL at step 1, 2, …] for each trajectory]}
    pmass.json        computed, fork_points (0-based steps), pmass and pmass_eval: {alpha: [[mass at each fork point]]}

`alpha` multiplies c_star and is written as a string, as the steering studies that defined this layout do.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from rrdyn.artifacts.errors import InputError, notice
from rrdyn.artifacts.files import existing, make_folder, read_json, write_json

FILES = ("calib.json", "trajectory.json", "pmass.json")


@dataclass(frozen=True, kw_only=True)
class Cell:
    """One read cell. Arrays are padded with NaN up to the window."""

    path: Path
    calib: dict[str, Any]
    trajectory: dict[str, Any]
    pmass: dict[str, Any]

    @property
    def name(self) -> str:
        return self.path.name

    @property
    def model(self) -> str:
        return str(self.calib.get("model", ""))

    @property
    def window(self) -> int:
        return int(self.calib["window"])

    @property
    def c_star(self) -> float | None:
        """The calibrated scale, None where no scale met the budget."""
        value = self.calib.get("c_star")
        return None if value is None else float(value)

    @property
    def alphas(self) -> list[str]:
        """Multiples of c_star in ascending order, spelled as in the files."""
        return sorted(self.trajectory["per_prompt_per_t_kl"], key=float)

    @property
    def computed(self) -> bool:
        """Whether pmass.json holds masses at all."""
        return bool(self.pmass.get("computed", True))

    @property
    def fork_points(self) -> list[int]:
        return [int(point) for point in self.pmass.get("fork_points", [])] if self.computed else []

    def kl(self, alpha: str) -> np.ndarray:
        """(trajectories, window) KL in nats."""
        return _padded(self.trajectory["per_prompt_per_t_kl"].get(alpha, []), self.window)

    def mass(self, alpha: str, *, paired: bool = False) -> np.ndarray:
        """(trajectories, fork points) mass on the right answer; `paired` rows belong to the rows of `kl`."""
        if not self.computed:
            return np.zeros((0, 0))
        rows = self.pmass.get("pmass_eval" if paired else "pmass", {}).get(alpha, [])
        return _padded(rows, len(self.fork_points))


def write_cell(folder: Path | str, calib: dict[str, Any], trajectory: dict[str, Any], pmass: dict[str, Any]) -> Path:
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
    if not root.is_dir():
        expected = f"folders with {', '.join(FILES)}"
        raise InputError(f"{root} is not a folder of cells", found="a file", expected=expected)
    folders: Iterable[Path] = [root] if _is_cell(root) else sorted(root.iterdir())
    cells = []
    for folder in folders:
        if folder.name.startswith("_") or not _is_cell(folder):
            continue
        cell = _read_cell(folder)
        if cell is None or (window is not None and cell.window != window) or model_contains not in cell.model:
            continue
        cells.append(cell)
    return cells


def _is_cell(folder: Path) -> bool:
    return all((folder / name).is_file() for name in FILES)


def _read_cell(folder: Path) -> Cell | None:
    calib, trajectory, pmass = (_object(folder / name) for name in FILES)
    if "per_prompt_per_t_kl" not in trajectory:
        notice(f"skipping {folder}: an older layout without per_prompt_per_t_kl")
        return None
    if not isinstance(calib.get("window"), int):
        raise InputError(f"{folder}/calib.json lacks window", found=calib.get("window"), expected="a number of steps")
    return Cell(path=folder, calib=calib, trajectory=trajectory, pmass=pmass)


def _object(path: Path) -> dict[str, Any]:
    content = read_json(path)
    if not isinstance(content, dict):
        raise InputError(f"{path} is not part of a cell", found=type(content).__name__, expected="a JSON object")
    return content


def _padded(rows: list[list[float | None]], width: int) -> np.ndarray:
    table = np.full((len(rows), width), np.nan)
    for row, values in zip(table, rows):
        kept = values[:width]
        row[: len(kept)] = np.array(kept, dtype=float)  # null becomes NaN
    return table
