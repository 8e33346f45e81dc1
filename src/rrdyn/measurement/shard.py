"""Which puzzles, and which parts of the work, are this process's own."""

from __future__ import annotations

import re
from dataclasses import dataclass

import numpy as np

from rrdyn.artifacts.errors import UsageError


@dataclass(frozen=True, kw_only=True)
class Shard:
    """Which parts are this process's own: those whose number leaves `rank` when divided by `world`.

    Where the others run now it goes on with theirs, from the end on which they are not at work.
    """

    rank: int = 0
    world: int = 1
    together: bool = False
    """Whether the others run now: rank 0 then waits for them and joins all parts; else whoever finds all joins."""
    piece: tuple[int, int] = (0, 1)
    """(r, w): the output holds piece r of w of the puzzles, a file of its own."""

    def order(self, parts: int) -> list[int]:
        """Numbers of the parts to do, in this order."""
        own = list(range(self.rank, parts, self.world))
        ahead = range(1, self.world) if self.together else ()
        theirs = [range((self.rank + by) % self.world, parts, self.world) for by in ahead]
        return own + [part for numbers in theirs for part in reversed(numbers)]

    def own(self, idx: np.ndarray, group: int = 1) -> np.ndarray:
        """The puzzles of this output: whole groups of so many, if there is one for each piece.

        Raises UsageError where there are more pieces than puzzles.
        """
        if self.piece[1] > len(idx):
            raise UsageError("--piece leaves some without a puzzle", found=f"{self.piece[1]} pieces",
                             expected=f"at most {len(idx)}, the number of puzzles")  # fmt: skip
        whole = group if self.piece[1] <= -(len(idx) // -group) else 1
        first = np.array_split(np.arange(0, len(idx), whole), self.piece[1])[self.piece[0]]
        return idx[first[0] : first[-1] + whole]


def fraction(text: str | None, problem: str) -> tuple[int, int]:
    """(R, W) of "R/W"; (0, 1) of None. Raises UsageError with `problem` for anything else."""
    match = re.fullmatch(r"(\d{1,9})/(\d{1,9})", text or "0/1")
    if match is None or not int(match[1]) < int(match[2]):
        raise UsageError(problem, found=text, expected="R/W with R from 0 to W-1: 0/4")
    return int(match[1]), int(match[2])
