"""Basin stability: what perturbed restarts of a puzzle come to, by the fate of its clean trajectory.

The share of random starts that end on an attractor is its basin stability (Menck et al., Nature Physics 9 (2013) 89).
Here the starts are those of a noise scale round the initial state, and the restarts of one puzzle are no independent
draws: the n of Wilson's interval is the effective one (Korn & Graubard, Survey Methodology 24 (1998) 193), between the
number of puzzles and that of restarts.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from tabulate import tabulate

from rrdyn.analysis.intervals import no_interval
from rrdyn.analysis.labelled import ASKED
from rrdyn.analysis.summary import bounded
from rrdyn.artifacts.interval import LEVEL, Interval
from rrdyn.artifacts.rates import wilson
from rrdyn.artifacts.record import Count, Written


class BasinRow(Written):
    """The puzzles of one fate, and their restarts."""

    fate: str
    puzzles: Count
    shares: dict[str, Interval]
    """Of their restarts, by the restart's fate: every one that occurs."""
    right: Interval
    """Of their restarts, those that are right at the end."""


class BasinsRecord(Written):
    """Every fate that occurs among the clean trajectories."""

    restarts: Count
    """Of each puzzle (K)."""
    rows: list[BasinRow]


@dataclass(frozen=True, kw_only=True)
class Basins:
    """Every fate that occurs among the clean trajectories."""

    restarts: int
    """Of each puzzle (K)."""
    rows: tuple[BasinRow, ...]

    def record(self) -> BasinsRecord:
        """As data."""
        return BasinsRecord(restarts=self.restarts, rows=list(self.rows))

    def told(self, form: str) -> str:
        """A table as text."""
        names = list(dict.fromkeys(name for row in self.rows for name in row.shares))
        rows = [
            {"clean": row.fate, "puzzles": row.puzzles,
             **{name: bounded(row.shares[name]) if name in row.shares else "0" for name in names},
             "right at the end": bounded(row.right)}
            for row in self.rows
        ]  # fmt: skip
        head = f"basin stability: shares of {self.restarts} perturbed restarts a puzzle, by their fate; n: effective"
        return f"{head}\n\n{tabulate(rows, headers='keys', tablefmt=form)}"


def basins(arrays: Mapping[str, np.ndarray], names: Sequence[str]) -> Basins | None:
    """Of a `fate.npz` with restarts (`names` are those of its codes); None where it has none."""
    if "restart_fate" not in arrays:
        return None
    asked = arrays[ASKED] > 0 if ASKED in arrays else np.ones(len(arrays["fate"]), dtype=bool)
    clean, restarts, right = (arrays[key][asked] for key in ("fate", "restart_fate", "restart_right_end"))
    rows = []
    for code, name in enumerate(names):
        mine = clean == code
        if mine.any():
            shares = {other: share_of(restarts[mine] == number) for number, other in enumerate(names)
                      if (restarts[mine] == number).any()}  # fmt: skip
            rows.append(BasinRow(fate=name, puzzles=int(mine.sum()), shares=shares, right=share_of(right[mine] == 1)))
    return Basins(restarts=restarts.shape[1], rows=tuple(rows))


def share_of(flags: np.ndarray) -> Interval:
    """Share of flags (m,K) of m puzzles, with Wilson's interval at the effective n."""
    m, k = flags.shape
    if m * k == 0:
        return no_interval(float("nan"), 0, "no restarts")
    each = flags.mean(1)
    p = float(each.mean())
    spread = float(((each - p) ** 2).sum()) / (m * (m - 1)) if m > 1 else 0.0
    # where all agree the puzzles may all be of one kind: no more than m draws are known
    n = int(np.clip(p * (1 - p) / spread, m, m * k)) if spread > 0 else m
    low, high = wilson(p, n)
    return Interval(value=p, low=low, high=high, n=n, method="wilson, effective n", level=LEVEL)
