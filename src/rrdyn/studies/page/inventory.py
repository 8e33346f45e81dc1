"""What a run folder holds that a report can show."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from rrdyn.artifacts.errors import InputError, notice
from rrdyn.artifacts.files import existing, read_json

PASSED_OVER = {"checkpoints", "__pycache__"}


@dataclass(frozen=True)
class Inventory:
    """Files by kind, in path order. `results` and `series` carry their tags."""

    root: Path
    results: list[tuple[str, Path]] = field(default_factory=list)
    series: list[tuple[str, Path]] = field(default_factory=list)
    selections: list[tuple[str, Path]] = field(default_factory=list)
    survivals: list[Path] = field(default_factory=list)
    diags: list[Path] = field(default_factory=list)
    toys: list[Path] = field(default_factory=list)
    states: list[Path] = field(default_factory=list)
    others: list[Path] = field(default_factory=list)
    cells: list[Path] = field(default_factory=list)
    trainings: list[Path] = field(default_factory=list)
    studies: list[Path] = field(default_factory=list)
    pictures: dict[str, Path] = field(default_factory=dict)
    """Name without suffix -> png, of figures that have their caption beside them."""

    @property
    def artifacts(self) -> list[Path]:
        return sorted([*self.diags, *self.toys, *self.states, *self.others])

    def read(self, path: Path) -> dict[str, Any]:
        content = read_json(path)
        return content if isinstance(content, dict) else {}

    def diag_of(self, result: dict[str, Any]) -> Path | None:
        """The diag.npz behind a results file: as it names it, else a file of that name under the root."""
        named = Path(str(result.get("npz", "")))
        if named.is_file():
            return named
        return next((path for path in self.diags if path.name == named.name), None)


def take_stock(root: Path | str) -> Inventory:
    """Look through a run folder. Raises InputError where nothing in it can be shown."""
    root = existing(root, run="rrdyn demo")
    if not root.is_dir():
        raise InputError(f"{root} is not a run folder", found="a file", expected="a folder that rrdyn wrote into")
    found = Inventory(root)
    for path in _files(root):
        _sort(found, path)
    if not (found.results or found.artifacts or found.trainings or found.survivals or found.selections or found.cells):
        raise InputError(
            f"{root} holds nothing to report",
            expected="train.jsonl, diag.npz, results_<tag>.json or the like",
            run="rrdyn diagnose CKPT, then rrdyn analyze-2x2 diag.npz",
        )
    return found


def _files(root: Path) -> Iterator[Path]:
    for folder, names, files in os.walk(root):
        names[:] = sorted(name for name in names if name not in PASSED_OVER and not name.startswith("."))
        for name in sorted(files):
            if not name.startswith("."):
                yield Path(folder) / name


def _sort(found: Inventory, path: Path) -> None:
    name, stem = path.name, path.stem
    if name.endswith(".json"):
        for prefix, kind in (("results_", found.results), ("select_", found.selections)):
            if stem.startswith(prefix):
                kind.append((stem.removeprefix(prefix), path))
        if name == "survival.json":
            found.survivals.append(path)
        elif name == "study.json":
            found.studies.append(path)
        elif name == "calib.json" and path.parent.parent not in found.cells and not path.parent.name.startswith("_"):
            found.cells.append(path.parent.parent)
    elif stem.startswith("evolution_") and name.endswith(".csv") and not name.endswith(".data.csv"):
        found.series.append((stem.removeprefix("evolution_"), path))
    elif name == "train.jsonl":
        found.trainings.append(path)
    elif name.endswith(".png") and path.with_name(f"{stem}.caption.txt").exists():
        found.pictures[stem] = path
    elif name.endswith(".npz"):
        _sort_npz(found, path)


def _sort_npz(found: Inventory, path: Path) -> None:
    from zipfile import BadZipFile

    from numpy import load

    try:
        with load(path, allow_pickle=False) as members:
            names = set(members.files)
    except (OSError, ValueError, BadZipFile, EOFError):
        notice(f"left out of the report: {path} is no readable npz")
        return
    if "lyap_spec" in names:
        found.diags.append(path)
    elif {"ftle", "success"} <= names:
        found.toys.append(path)
    elif {"z_H", "z_L"} <= names:
        found.states.append(path)
    elif names & {"exact", "solve"}:
        found.others.append(path)
