"""Sudoku of 4x4, 6x6 and 9x9: tokens, validity, drawing, symmetries."""

from __future__ import annotations

from typing import Any

import numpy as np

from rrdyn.artifacts.errors import UsageError
from rrdyn.data.puzzle import Puzzle, register
from rrdyn.data.shuffles import Shuffles

BOXES = {4: (2, 2), 6: (2, 3), 9: (3, 3)}
"""Box height and width of each side."""
BLANK = 1


@register
class Sudoku(Puzzle):
    """Tokens: 0 padding, 1 blank (written "." or "0"), digit d is token d + 1."""

    name = "sudoku"
    validity = "valid"

    def __init__(self, side: int = 9) -> None:
        if side not in BOXES:
            raise UsageError("there is no Sudoku of this size", found=side, expected="4, 6 or 9")
        self.side = side
        self.box_height, self.box_width = BOXES[side]
        super().__init__(side, side, "?." + "123456789"[:side])
        self.units = _units(side, self.box_height, self.box_width)
        self.box_of = np.argsort(self.units[2 * side :].ravel()) // side

    @property
    def symmetries(self) -> Shuffles:
        return Shuffles(self.side, self.box_height, self.box_width)

    def describe(self) -> dict[str, Any]:
        return {"kind": self.name, "side": self.side}

    def check(self, inputs: np.ndarray, preds: np.ndarray) -> dict[str, np.ndarray]:
        """`givens_kept`: no given is changed; `valid`: that, and each row, column and box holds every digit once."""
        inputs, preds = np.asarray(inputs), np.asarray(preds)
        kept = ((preds == inputs) | (inputs == BLANK)).all(axis=1)
        bits = np.where((preds > BLANK) & (preds <= self.side + 1), 1 << np.clip(preds.astype(np.int64), 0, 30), 0)
        full = ((1 << self.side) - 1) << 2
        complete = (np.bitwise_or.reduce(bits[:, self.units], axis=2) == full).all(axis=1)
        return {"valid": kept & complete, "givens_kept": kept}

    def contradicts(self, inputs: np.ndarray, labels: np.ndarray) -> np.ndarray:
        return ~self.check(inputs, labels)["valid"]

    def keys(self, inputs: np.ndarray, labels: np.ndarray) -> list[bytes]:
        from rrdyn.data.canonical import sudoku_keys

        return sudoku_keys(self, inputs, labels)

    def sketch(self, inputs: np.ndarray, labels: np.ndarray) -> list[bytes]:
        """For each given, sorted: how many givens its row, band, column, stack, box and digit have."""
        n = self.side
        given = np.asarray(inputs).reshape(-1, n, n)
        here = (given > BLANK).astype(np.int64)
        rows, columns = here.sum(axis=2), here.sum(axis=1)
        bands = rows.reshape(-1, n // self.box_height, self.box_height).sum(axis=2).repeat(self.box_height, axis=1)
        stacks = columns.reshape(-1, n // self.box_width, self.box_width).sum(axis=2).repeat(self.box_width, axis=1)
        across = np.broadcast_to((rows * 32 + bands)[:, :, None], here.shape)
        down = np.broadcast_to((columns * 32 + stacks)[:, None, :], here.shape)
        if self.symmetries.square:  # a transpose exchanges the two
            across, down = np.minimum(across, down), np.maximum(across, down)
        boxes = here.reshape(-1, n * n)[:, self.units[2 * n :]].sum(axis=2)
        box = boxes[:, self.box_of].reshape(here.shape)
        digits = np.stack([(given == token).sum(axis=(1, 2)) for token in range(n + 2)], axis=1)
        digit = np.take_along_axis(digits, given.reshape(-1, n * n).astype(np.intp), axis=1).reshape(here.shape)
        values = (((across * 512 + down) * 16 + box) * 16 + digit) * here
        return [row.tobytes() for row in np.sort(values.reshape(-1, n * n).astype(np.int32), axis=1)]

    def difficulty(self, inputs: np.ndarray, labels: np.ndarray) -> np.ndarray:
        """Nodes of an exhaustive most-constrained-cell search (`rrdyn.data.solver`)."""
        from rrdyn.data.solver import rate

        return rate(self, inputs).astype(np.float64)

    def codes(self) -> np.ndarray:
        table = super().codes()
        table[ord("0")] = BLANK
        return table

    def characters(self) -> str:
        return super().characters() + "0"

    def draw(self, tokens: np.ndarray, question: np.ndarray | None = None) -> str:
        """Boxes between lines."""
        text, n = self.decode(tokens), self.side
        rule = "+".join("-" * (2 * self.box_width + 1) for _ in range(n // self.box_width))
        lines = []
        for row in range(n):
            if row and row % self.box_height == 0:
                lines.append(rule)
            cells = text[row * n : (row + 1) * n]
            boxes = [cells[at : at + self.box_width] for at in range(0, n, self.box_width)]
            lines.append("|".join(" " + " ".join(box) + " " for box in boxes))
        return "\n".join(lines)


def _units(side: int, box_height: int, box_width: int) -> np.ndarray:
    """Cells (3 side, side) of every row, column and box."""
    cells = np.arange(side * side).reshape(side, side)
    boxes = cells.reshape(side // box_height, box_height, side // box_width, box_width).swapaxes(1, 2)
    return np.concatenate([cells, cells.T, boxes.reshape(side, side)])
