"""What can be noted of any trajectory: how far it moves, part by part, and how far one more segment would take it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from rrdyn.dynamics.trajectory import Step


def distance(a: Tensor, b: Tensor | None = None) -> Tensor:
    """(B,) L2 norm of a - b over all but the batch, in float64."""
    difference = a.double() if b is None else a.double() - b.double()
    return difference.flatten(1).norm(dim=1)


def together(parts: Sequence[Tensor]) -> Tensor:
    """(B,) norm of the joint state from the norms (B,) of its parts."""
    total = parts[0]
    for part in parts[1:]:
        total = total.hypot(part)
    return total


class Table:
    """Columns (B,T,...) filled segment by segment; `empty` (by default NaN, False, -1) where a trajectory had left."""

    def __init__(self, batch: int, *, empty: float | None = None) -> None:
        self.batch, self.empty = batch, empty
        self._columns: dict[str, list[Tensor]] = {}

    def put(self, step: Step, **values: Tensor) -> None:
        """Note values (b,...) of the trajectories still followed."""
        for name, value in values.items():
            if step.rows is not None:
                whole = value.new_full((self.batch, *value.shape[1:]), self._empty(value))
                whole[step.rows] = value
                value = whole
            self._columns.setdefault(name, []).append(value)

    def columns(self, segments: int | None = None) -> dict[str, Tensor]:
        """Each column (B,T,...); `segments` fills up to that many where all had left before."""
        return {name: self._stacked(rows, segments) for name, rows in self._columns.items()}

    def _stacked(self, rows: list[Tensor], segments: int | None) -> Tensor:
        missing = 0 if segments is None else segments - len(rows)
        return torch.stack(rows + [torch.full_like(rows[0], self._empty(rows[0]))] * missing, dim=1)

    def _empty(self, like: Tensor) -> float:
        if self.empty is not None:
            return self.empty
        return float("nan") if like.is_floating_point() else 0 if like.dtype == torch.bool else -1


class Motion:
    """How far every part of the state moves in a segment, and how large the state is, in float64.

    drift of a part : ||z(t) - z(t-1)||, L2 over all but the batch.
    """

    def __init__(self, batch: int) -> None:
        self.table = Table(batch)

    def see(self, step: Step) -> None:
        moved = {f"drift_{i}": distance(a, b) for i, (a, b) in enumerate(zip(step.state, step.before))}
        self.table.put(step, **moved, size=together([distance(part) for part in step.state]))
        self.last = step.state

    def drift(self, part: int, segments: int | None = None) -> Tensor:
        """(B,T) drift of a part, by its number; NaN where a trajectory had left, up to `segments`."""
        return self.table.columns(segments)[f"drift_{part}"]

    def residual(self, after: Any) -> Tensor:
        """(B,T): ||F(z) - z|| / ||z|| of the joint state after every segment, F being one segment.

        `after` is the state one segment after the last; no trajectory may have left.
        """
        columns = self.table.columns()
        size = columns.pop("size")
        last = together([distance(a, b) for a, b in zip(after, self.last)])
        moved = together(list(columns.values()))
        return torch.cat((moved[:, 1:], last[:, None]), dim=1) / size
