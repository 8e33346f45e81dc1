"""What became of the puzzles at each checkpoint of training runs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import numpy as np

from rrdyn.analysis.fates import FateTable, of_result, read_fates
from rrdyn.analysis.intervals import rate
from rrdyn.analysis.labelled import labelled
from rrdyn.analysis.settled import folder_of_weights
from rrdyn.artifacts.errors import InputError
from rrdyn.artifacts.interval import Interval
from rrdyn.artifacts.npz import Artifact
from rrdyn.artifacts.places import shown


@dataclass(frozen=True, kw_only=True)
class Checkpoint:
    """One checkpoint of a run: its fates, and how many puzzles of each are right where they end."""

    step: int
    table: FateTable
    ends: np.ndarray
    """(F,2) by fate; wrong and right at the end."""
    source: Artifact

    @property
    def right(self) -> Interval:
        """Share that is right at the budget."""
        return rate(int(self.table.counts[:, 1].sum()), self.table.n)

    @property
    def right_end(self) -> Interval:
        """Share that is right at the end."""
        return rate(int(self.ends[:, 1].sum()), self.table.n)

    def share(self, *fates: str) -> Interval:
        """Share of the puzzles that come to one of these fates."""
        rows = [code for code, name in enumerate(self.table.fates) if name in fates]
        return rate(int(self.ends[rows].sum()), self.table.n)


def by_run(paths: Sequence[Path | str]) -> dict[str, list[Checkpoint]]:
    """The checkpoints of each run by step; runs, in the order given, by the folder that their weights came from.

    Raises InputError for a file that names no step, for a step that a run has twice, and where budgets, horizons or
    numbers of puzzles differ.
    """
    runs: dict[Path | None, list[Checkpoint]] = {}
    for path in paths:
        artifact = read_fates(path)
        if not isinstance(step := artifact.meta.get("step"), int):
            raise InputError(f"{shown(artifact.path)} names no training step", expected="the fates of checkpoints",
                             run="rrdyn fate RUN/checkpoints/step_N")  # fmt: skip
        found = _checkpoint(artifact, step)
        runs.setdefault(folder_of_weights(artifact.meta), []).append(found)
    everyone = [checkpoint for series in runs.values() for checkpoint in series]
    settings = {(one.table.budget, one.table.horizon, one.table.n) for one in everyone}
    if len(settings) > 1:
        raise InputError("these fates differ in budget, horizon or number of puzzles", found=_several(settings))
    for series in runs.values():
        series.sort(key=lambda checkpoint: checkpoint.step)
        for one, other in pairwise(series):
            if one.step == other.step:
                raise InputError(f"{shown(one.source.path)} and {shown(other.source.path)} are of one checkpoint")
    return dict(zip(_names(list(runs)), runs.values(), strict=True))


def _checkpoint(artifact: Artifact, step: int) -> Checkpoint:
    known, _ = labelled(artifact)
    table = of_result(known.arrays, known.meta)
    right = known["right_end"].astype(bool)
    ends = [np.bincount(known["fate"][rows], minlength=len(table.fates)) for rows in (~right, right)]
    return Checkpoint(step=step, table=table, ends=np.stack(ends, axis=1), source=artifact)


def _several(settings: set[tuple[int, int, int]]) -> str:
    return "; ".join(f"budget {budget}, horizon {horizon}, {n} puzzles" for budget, horizon, n in sorted(settings))


def _names(folders: Sequence[Path | None]) -> list[str]:
    """A name for each run: its folder, with those above it as far as that tells them apart."""
    places = [Path("run") if folder is None else folder.parent if folder.name == "checkpoints" else folder
              for folder in folders]  # fmt: skip
    for depth in range(1, 1 + max(len(place.parts) for place in places)):
        names = ["/".join(place.parts[-depth:]) for place in places]
        if len(set(names)) == len(names):
            return names
    return [f"run {number}" for number in range(len(places))]


def columns(runs: Mapping[str, Sequence[Checkpoint]]) -> list[str]:
    """The fates that occur, in the order of their codes."""
    everyone = [one for series in runs.values() for one in series]
    return [name for code, name in enumerate(everyone[0].table.fates) if any(one.ends[code].any() for one in everyone)]
