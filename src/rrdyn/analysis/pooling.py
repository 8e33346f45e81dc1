"""Trajectories of several perturbation cells put together per alpha."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from rrdyn.artifacts.cells import Cell


@dataclass(frozen=True)
class Pool:
    """All trajectories at one alpha.

    `kl` (n, window) nats; `alive` (n, window) mass on the right answer of the same trajectory, interpolated between
    the fork points, NaN where a cell has none; `mass` (m, forks) on the forked answers at `forks`.
    """

    alpha: str
    kl: np.ndarray
    alive: np.ndarray
    mass: np.ndarray
    forks: np.ndarray

    @property
    def n(self) -> int:
        return len(self.kl)

    @property
    def length(self) -> int:
        """Steps up to the last one any trajectory has."""
        seen = np.flatnonzero(np.isfinite(self.kl).any(axis=0))
        return int(seen[-1]) + 1 if seen.size else 0


def pool(cells: Sequence[Cell], alpha: str) -> Pool:
    """Stack the cells' rows at one alpha."""
    width = max((cell.window for cell in cells), default=0)
    kl = [_wide(cell.kl(alpha), width) for cell in cells]
    alive = [_interpolated(cell, alpha, len(rows), width) for cell, rows in zip(cells, kl)]
    forks = np.unique(np.concatenate([np.zeros(0, dtype=int), *(np.array(c.fork_points, dtype=int) for c in cells)]))
    mass = [_at_forks(cell, alpha, forks) for cell in cells]
    return Pool(alpha, np.concatenate(kl), np.concatenate(alive), np.concatenate(mass), forks)


def _wide(rows: np.ndarray, width: int) -> np.ndarray:
    table = np.full((len(rows), width), np.nan)
    table[:, : rows.shape[1]] = rows
    return table


def _at_forks(cell: Cell, alpha: str, forks: np.ndarray) -> np.ndarray:
    rows = cell.mass(alpha)
    table = np.full((len(rows), forks.size), np.nan)
    if rows.size:
        table[:, np.searchsorted(forks, cell.fork_points)] = rows
    return table


def _interpolated(cell: Cell, alpha: str, n: int, width: int) -> np.ndarray:
    """Linear between fork points, constant before the first and after the last."""
    table = np.full((n, width), np.nan)
    rows = cell.mass(alpha, paired=True)
    points = np.array(cell.fork_points, dtype=float)
    if len(rows) == n:
        for line, row in zip(table, rows):
            seen = np.isfinite(row)
            if seen.any():
                line[:] = np.interp(np.arange(width), points[seen], row[seen])
    return table


def rolling(rows: np.ndarray, window: int) -> np.ndarray:
    """Mean over `window` steps along the last axis; ends repeat their value, steps without one are left out."""
    if window <= 1 or rows.shape[-1] < window:
        return rows
    kernel = np.ones(window)
    return np.apply_along_axis(_rolled, -1, rows, kernel)


def _rolled(row: np.ndarray, kernel: np.ndarray) -> np.ndarray:
    seen = np.flatnonzero(np.isfinite(row))
    if not seen.size:
        return row
    part = row[: seen[-1] + 1]
    padded = np.pad(part, kernel.size // 2, mode="edge")
    there = np.isfinite(padded)
    total = np.convolve(np.where(there, padded, 0.0), kernel, mode="valid")[: part.size]
    count = np.convolve(there.astype(float), kernel, mode="valid")[: part.size]
    result = np.full(row.shape, np.nan)
    result[: part.size] = np.divide(total, count, out=np.full(part.size, np.nan), where=count > 0)
    return result


def quantiles(rows: np.ndarray, percents: Sequence[float]) -> np.ndarray:
    """(percents, steps) over the rows that have a value; NaN at steps where none has."""
    result = np.full((len(percents), rows.shape[1]), np.nan)
    seen = np.isfinite(rows).any(axis=0)
    if seen.any():
        result[:, seen] = np.nanpercentile(rows[:, seen], percents, axis=0)
    return result


def crossing(rows: np.ndarray, level: float) -> np.ndarray:
    """(n,) bool: the trajectories that exceed the level at any step."""
    return np.asarray((np.nan_to_num(rows, nan=-np.inf) > level).any(axis=1))


def mean_mass(alive: np.ndarray) -> np.ndarray:
    """(n,) mean over the steps that have a mass; infinite where a trajectory has none."""
    return np.array([row[np.isfinite(row)].mean() if np.isfinite(row).any() else np.inf for row in alive])
