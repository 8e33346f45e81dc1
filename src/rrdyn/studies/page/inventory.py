"""What a run folder holds that a report can show."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Generic, TypeVar

from rrdyn.artifacts.arrays import array_names
from rrdyn.artifacts.errors import InputError, RrdynError, notice
from rrdyn.artifacts.places import existing, is_file, is_folder, shown
from rrdyn.artifacts.reading import read_json
from rrdyn.artifacts.record import Meta, Record
from rrdyn.artifacts.results import ResultsRecord
from rrdyn.artifacts.scaling import ScalingRecord
from rrdyn.artifacts.selection import SelectionRecord
from rrdyn.artifacts.survival import SurvivalRecord
from rrdyn.studies.steps import StudyRecord

PASSED_OVER = {"checkpoints", "__pycache__"}
R = TypeVar("R", bound=Record)


@dataclass(frozen=True)
class Source(Generic[R]):
    """A JSON file of an analysis, read; `tag` where its name has one."""

    path: Path
    record: R
    tag: str = ""


@dataclass(frozen=True)
class Inventory:
    """Files by kind, in path order. What cannot be read is in none of the lists; a notice names it."""

    root: Path
    results: list[Source[ResultsRecord]] = field(default_factory=list)
    series: list[tuple[str, Path]] = field(default_factory=list)
    """Tag and evolution_<tag>.csv."""
    selections: list[Source[SelectionRecord]] = field(default_factory=list)
    survivals: list[Source[SurvivalRecord]] = field(default_factory=list)
    scalings: list[Source[ScalingRecord]] = field(default_factory=list)
    diags: list[Path] = field(default_factory=list)
    fates: list[Path] = field(default_factory=list)
    scales: list[Path] = field(default_factory=list)
    toys: list[Path] = field(default_factory=list)
    states: list[Path] = field(default_factory=list)
    others: list[Path] = field(default_factory=list)
    cells: list[Path] = field(default_factory=list)
    trainings: list[Path] = field(default_factory=list)
    studies: list[Source[StudyRecord]] = field(default_factory=list)
    pictures: dict[str, Path] = field(default_factory=dict)
    """Name without suffix -> png, of figures that have their caption beside them."""

    @property
    def artifacts(self) -> list[Path]:
        return sorted([*self.diags, *self.fates, *self.scales, *self.toys, *self.states, *self.others])

    def diag_of(self, result: ResultsRecord) -> Path | None:
        """The diag.npz behind a results file: as it names it, else a file of that name under the root."""
        named = Path(result.npz)
        if is_file(named):
            return named
        return next((path for path in self.diags if path.name == named.name), None)


def take_stock(root: Path | str) -> Inventory:
    """Look through a run folder. Raises InputError where nothing in it can be shown."""
    root = existing(root, run="rrdyn demo")
    if not is_folder(root):
        raise InputError(
            f"{shown(root)} is not a run folder", found="a file", expected="a folder that rrdyn wrote into"
        )
    found = Inventory(root)
    for path in _files(root):
        _sort(found, path)
    told = found.results or found.survivals or found.selections or found.scalings
    if not (told or found.artifacts or found.trainings or found.cells):
        raise InputError(
            f"{shown(root)} holds nothing to report",
            expected="train.jsonl, diag.npz, results_<tag>.json or the like",
            run="rrdyn diagnose CKPT, then rrdyn analyze-2x2 diag.npz",
        )
    return found


def _files(root: Path) -> Iterator[Path]:
    for folder, names, files in os.walk(root):
        names[:] = sorted(name for name in names if name not in PASSED_OVER and not name.startswith("."))
        for name in sorted(files):
            path = Path(folder) / name
            if not name.startswith(".") and is_file(path):
                yield path


def _sort(found: Inventory, path: Path) -> None:
    name, stem = path.name, path.stem
    if name.endswith(".json"):
        _sort_json(found, path)
    elif stem.startswith("evolution_") and name.endswith(".csv") and not name.endswith(".data.csv"):
        found.series.append((stem.removeprefix("evolution_"), path))
    elif name == "train.jsonl":
        found.trainings.append(path)
    elif name.endswith(".png") and is_file(path.with_name(f"{stem}.caption.txt")):
        found.pictures[stem] = path
    elif name.endswith(".npz"):
        _sort_npz(found, path)


def _sort_json(found: Inventory, path: Path) -> None:
    name, stem = path.name, path.stem
    if stem.startswith("results_"):
        _add(found.results, path, ResultsRecord, stem.removeprefix("results_"))
    elif stem.startswith("select_"):
        _add(found.selections, path, SelectionRecord, stem.removeprefix("select_"))
    elif stem.startswith("scaling_"):
        _add(found.scalings, path, ScalingRecord, stem.removeprefix("scaling_"))
    elif name == "survival.json":
        _add(found.survivals, path, SurvivalRecord)
    elif name == "study.json":
        _add(found.studies, path, StudyRecord)
    elif name == "calib.json" and path.parent.parent not in found.cells and not path.parent.name.startswith("_"):
        found.cells.append(path.parent.parent)


def _add(kept: list[Source[R]], path: Path, kind: type[R], tag: str = "") -> None:
    try:
        kept.append(Source(path, read_json(path, kind), tag))
    except RrdynError as error:
        notice(f"left out of the report: {error.problem}")


def _sort_npz(found: Inventory, path: Path) -> None:
    try:
        names = set(array_names(path))
    except RrdynError:
        notice(f"left out of the report: {shown(path)} is no readable npz")
        return
    if "lyap_spec" in names:
        found.diags.append(path)
    elif {"fate", "settled_at"} <= names:
        found.fates.append(path)
    elif {"population", "particle"} <= names:
        found.scales.append(path)
    elif {"ftle", "success"} <= names:
        found.toys.append(path)
    elif {"z_H", "z_L"} <= names:
        found.states.append(path)
    elif names & {"exact", "solve"}:
        found.others.append(path)


def meta_of(path: Path) -> Meta:
    """The provenance that a JSON file is (meta.json); {} where it cannot be read."""
    try:
        content = read_json(path)
    except RrdynError as error:
        notice(f"left out of the report: {error.problem}")
        return {}
    return content if isinstance(content, dict) else {}
