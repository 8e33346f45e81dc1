"""What a Sudoku dataset is made from."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from rrdyn.data.recipe import Recipe

PUBLISHED = "sapientinc/sudoku-extreme"


class SudokuRecipe(Recipe):
    """Sudoku of 4x4, 6x6 or 9x9."""

    size: Literal[4, 6, 9] = 9
    """Side of generated grids: 4, 6 or 9."""
    clues: Annotated[int, Field(ge=1, le=81)] | None = None
    """Clues of a generated puzzle, or the few more that it needs (default: none that could be taken away)."""
    min_rating: Annotated[int, Field(ge=0, le=1 << 53)] = 0
    """Least difficulty: nodes of the search for generated puzzles, the rating column of a CSV or of the Hub's set."""
    aug: Annotated[int, Field(ge=0, le=1_000_000)] = 0
    """Shuffled copies of each training puzzle to write (published: 1000). Training can also shuffle on the fly."""

    @property
    def least_rating(self) -> int:
        return self.min_rating

    @property
    def repository(self) -> str | None:
        return self.repo or PUBLISHED

    @property
    def unpublished(self) -> str | None:
        if self.size != 9:
            return f"puzzles of {self.size}x{self.size}"
        return "number of clues to choose" if self.clues is not None else None
