"""What can be noted of any trajectory: how far it moves, part by part, and how far one more segment would take it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from rrdyn.dynamics.trajectory import Step
from rrdyn.runtime.shapes import Float


def distance(a: Float[Tensor, "B ..."], b: Float[Tensor, "B ..."] | None = None) -> Float[Tensor, " B"]:
    """(B,) L2 norm of a - b over all but the batch, in float64."""
    difference = a.double() if b is None else a.double() - b.double()
    found: Tensor = difference.flatten(1).norm(dim=1)
    return found


def together(parts: Sequence[Float[Tensor, "B ..."]]) -> Float[Tensor, "B ..."]:
    """(B,) norm of the joint state from the norms (B,) of its parts."""
    total = parts[0]
    for part in parts[1:]:
        total = total.hypot(part)
    return total


class Table:
    """Columns (B,T,...) filled segment by segment.

    Where a trajectory had left: the last value of the columns named in `hold`, else NaN, False or -1.
    """

    def __init__(self, batch: int, *, hold: Sequence[str] = ()) -> None:
        self.batch, self.hold = batch, hold
        self._columns: dict[str, list[Tensor]] = {}

    def put(self, step: Step, **values: Tensor) -> None:
        """Note values (b,...) of the trajectories still followed."""
        for name, value in values.items():
            rows = self._columns.setdefault(name, [])
            if step.rows is not None:
                whole = self._filler(name, value)
                whole[step.rows.to(value.device)] = value
                value = whole
            rows.append(value)

    def columns(self, segments: int | None = None) -> dict[str, Tensor]:
        """Each column (B,T,...); `segments` fills up to that many where all had left before."""
        table = {}
        for name, rows in self._columns.items():
            missing = 0 if segments is None else segments - len(rows)
            table[name] = torch.stack(rows + [self._filler(name, rows[-1])] * missing, dim=1)
        return table

    def _filler(self, name: str, like: Tensor) -> Tensor:
        if name in self.hold:
            return self._columns[name][-1].clone()
        empty = float("nan") if like.is_floating_point() else 0 if like.dtype == torch.bool else -1
        return like.new_full((self.batch, *like.shape[1:]), empty)


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
