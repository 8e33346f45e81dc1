"""Sudoku as nano-trm writes it: a grid in the upper left corner of a larger one, with a mark at its end."""

from __future__ import annotations

from math import isqrt

import numpy as np

from rrdyn.artifacts.errors import UsageError
from rrdyn.data.metadata import IGNORED
from rrdyn.data.puzzle import Puzzle, Solutions
from rrdyn.data.registry import register
from rrdyn.data.sudoku.geometry import usual_box
from rrdyn.data.sudoku.kind import Sudoku
from rrdyn.data.sudoku.writing import DIGITS, cells

END, EMPTY, LARGEST_FRAME = 1, 2, 64
"""Tokens, and the side of the largest grid around."""
USUAL_MARGIN = 2
"""A 6x6 puzzle stands in 8x8, one of 9x9 in 11x11."""


@register
class PaddedSudoku(Puzzle):
    """Tokens: 0 padding, 1 the end (below the grid, at the left), 2 blank, digit d is token d + 2."""

    name = "sudoku-padded"
    validity = "valid"
    sizes = "no table: a folder that nano-trm's generator wrote"
    rule = "each digit once in every row, column and box"
    unwritten = ". |"
    by_look = True

    def __init__(self, side: int = 6, frame: int = 8) -> None:
        if not side < frame <= LARGEST_FRAME:
            raise UsageError("the grid does not fit its frame", found=f"{side} in {frame}", expected="a larger frame")
        self.side, self.sudoku, self.ignored = side, Sudoku(side), IGNORED
        super().__init__(frame, frame, " |." + DIGITS[:side])
        self.grid = (np.arange(side)[:, None] * frame + np.arange(side)).reshape(-1)
        """(side side,) the cells of the puzzle."""

    @classmethod
    def fitting(cls, cells: int, vocab_size: int | None = None) -> PaddedSudoku | None:
        side, frame = (vocab_size or 0) - 3, isqrt(cells)
        fits = frame * frame == cells and side < frame <= LARGEST_FRAME and usual_box(side) is not None
        return cls(side, frame) if fits else None

    def plausible(self, sample: np.ndarray | str) -> bool:
        """The mark stands where it does; of a model without puzzles, the frame is as much larger as is usual."""
        if isinstance(sample, str):
            return self.width == self.side + USUAL_MARGIN
        head = np.asarray(sample[:64])
        return len(head) > 0 and bool((head[:, self.side * self.width] == END).all())

    def inner(self, tokens: np.ndarray) -> np.ndarray:
        """Tokens (N, side side) of the puzzles proper; what is neither a blank nor a digit is padding there too."""
        return np.maximum(np.asarray(tokens).astype(np.int64)[..., self.grid] - 1, 0)

    def check(self, inputs: np.ndarray, preds: np.ndarray) -> dict[str, np.ndarray]:
        return self.sudoku.check(self.inner(inputs), self.inner(preds))

    def given(self, question: np.ndarray) -> np.ndarray:
        return np.asarray(question) > EMPTY

    def wrong_cells(self, question: np.ndarray, answer: np.ndarray) -> np.ndarray:
        wrong = np.zeros(self.seq_len, dtype=bool)
        wrong[self.grid] = self.sudoku.wrong_cells(self.inner(question), self.inner(answer))
        return wrong

    def solutions(self, question: np.ndarray, label: np.ndarray | None = None) -> Solutions:
        found = self.sudoku.solutions(self.inner(question))
        if found.answer is None:
            return Solutions(number=found.number, answer=label if found.number == "unknown" else None)
        answer = np.full(self.seq_len, IGNORED)
        answer[self.grid] = found.answer.astype(np.int64) + 1
        return Solutions(number=found.number, answer=answer)

    def difficulty(self, inputs: np.ndarray, labels: np.ndarray) -> np.ndarray:
        return self.sudoku.difficulty(self.inner(inputs), self.inner(labels))

    def read_text(self, text: str) -> np.ndarray:
        """The puzzle alone, as any Sudoku is written."""
        question = np.zeros(self.seq_len, dtype=np.uint8)
        question[self.grid] = self.sudoku.encode(cells(text, self.side**2)) + 1
        question[self.side * self.width] = END
        return question

    def draw(self, tokens: np.ndarray, question: np.ndarray | None = None) -> str:
        """The puzzle alone."""
        return self.sudoku.draw(self.inner(tokens))

    def describe(self) -> dict[str, object]:
        return {"kind": self.name, "side": self.side, "frame": self.width}
