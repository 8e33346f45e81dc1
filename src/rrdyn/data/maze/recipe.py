"""What a maze dataset is made from."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Literal, Self

from pydantic import Field

from rrdyn.data.recipe import Recipe

PUBLISHED = "sapientinc/maze-30x30-hard-1k"
PUBLISHED_UNIQUE = "locuslab/EqR-data"
UNIQUE_FOLDERS = ("data/maze-30x30-unique-1k", "maze-30x30-unique-1k")
"""Where the unique-path mazes may lie in their repository."""


class MazeRecipe(Recipe):
    """Mazes with a start, a goal and a shortest path."""

    size: Annotated[int, Field(ge=3, le=200)] = 30
    """Side of generated mazes."""
    method: Literal["wilson", "carve", "density"] = "wilson"
    """wilson: corridors that are a uniform spanning tree; carve: a depth-first tree, with longer corridors and far
    fewer layouts; density: walls thrown at random."""
    loops: Annotated[float, Field(ge=0, le=1)] = 0.05
    """wilson, carve: the part of the walls between corridors that is opened."""
    density: Annotated[float, Field(gt=0, lt=1)] = 0.38
    """density: the part of the cells that are walls."""
    min_length: Annotated[int, Field(ge=1)] | None = None
    """Least number of steps from start to goal (default: 111 for 30x30, and in proportion to the cells for others)."""
    split_by: Literal["layout", "puzzle"] = "layout"
    """layout: no two splits share their walls, up to rotation and reflection, and exchanging start and goal makes no
    new puzzle; puzzle: only no puzzle stands in two splits, as before there was a choice."""
    unique: bool = False
    """A single shortest path: cells where another one would join it become walls."""
    aug: bool = False
    """Write the eight rotated and mirrored copies of each training maze."""

    @classmethod
    def recorded(cls, settings: Mapping[str, object]) -> Self:
        """Datasets made before there was `split_by` were split by puzzle."""
        return cls(**{"split_by": "puzzle", **settings})

    @property
    def least_steps(self) -> int:
        if self.min_length is not None:
            return self.min_length
        return max(2, round(111 * self.size**2 / 900))

    @property
    def variant(self) -> str:
        return "unique-" if self.unique else ""

    @property
    def repository(self) -> str | None:
        return self.repo or (PUBLISHED_UNIQUE if self.unique else PUBLISHED)

    @property
    def published_folders(self) -> tuple[str, ...]:
        return UNIQUE_FOLDERS if self.unique and self.repo is None else ()

    @property
    def unpublished(self) -> str | None:
        if self.size != 30:
            return f"mazes of {self.size}x{self.size}"
        return "least length to choose" if self.min_length is not None else None
