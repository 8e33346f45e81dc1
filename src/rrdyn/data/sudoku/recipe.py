"""What a Sudoku dataset is made from."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from rrdyn.data.recipe import Recipe
from rrdyn.data.sudoku.geometry import LARGEST

PUBLISHED = "sapientinc/sudoku-extreme"


class SudokuRecipe(Recipe):
    """Sudoku of 4x4 to 25x25."""

    size: Annotated[int, Field(ge=4, le=LARGEST)] = 9
    """Side of generated grids: 4, 6, 9, 16, or another up to 25 that is no prime number."""
    box: Annotated[str | None, Field(pattern=r"^\d{1,2}x\d{1,2}$")] = None
    """Height and width of a box, such as 3x5 (default: the one nearest to a square, lying)."""
    clues: Annotated[int, Field(ge=1, le=LARGEST**2)] | None = None
    """Clues of a generated puzzle, or the few more that it needs (default: none that could be taken away)."""
    min_rating: Annotated[int, Field(ge=0, le=1 << 53)] = 0
    """Least difficulty: nodes of the search for generated puzzles, the rating column of a CSV or of the Hub's set."""
    aug: Annotated[int, Field(ge=0, le=1_000_000)] = 0
    """Shuffled copies of each training puzzle to write (published: 1000). Training can also shuffle on the fly."""

    @property
    def box_sides(self) -> tuple[int, int] | None:
        """`box` as numbers."""
        if self.box is None:
            return None
        height, width = map(int, self.box.split("x"))
        return height, width

    @property
    def names_size(self) -> bool:
        return self.box is not None

    @property
    def side(self) -> int:
        """Of the grid: what `size` says, or the product of the sides of a box."""
        box = self.box_sides
        return self.size if box is None or "size" in self.model_fields_set else box[0] * box[1]

    @property
    def least_rating(self) -> int:
        return self.min_rating

    @property
    def repository(self) -> str | None:
        return self.repo or PUBLISHED

    @property
    def unpublished(self) -> str | None:
        if self.side != 9:
            return f"puzzles of {self.side}x{self.side}"
        return "number of clues to choose" if self.clues is not None else None
