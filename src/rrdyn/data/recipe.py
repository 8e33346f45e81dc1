"""What a dataset is made from: the settings of `rrdyn data sudoku` and `rrdyn data maze`, and of the presets."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field

from rrdyn.artifacts.config import Config

Source = Literal["auto", "hub", "csv", "generate"]
HUB_SUDOKU = "sapientinc/sudoku-extreme"
HUB_MAZE = "sapientinc/maze-30x30-hard-1k"
HUB_UNIQUE = "locuslab/EqR-data"


class Recipe(Config):
    """What both kinds of dataset share."""

    source: Source = "auto"
    """hub: the published set; csv: your files; generate: new puzzles; auto: the Hub if it answers within 10 seconds,
    else generated ones."""
    n: Annotated[int, Field(ge=0)] | None = None
    """Training puzzles before augmentation; 0 takes all there are (default: 1000, but all of a CSV)."""
    test_n: Annotated[int, Field(ge=0)] | None = None
    """Test puzzles; 0 takes all there are (default: 1000 generated ones, else all)."""
    val_groups: Annotated[int, Field(ge=0)] = 128
    """Validation puzzles kept out of training, at most a tenth of the training puzzles there are."""
    seed: int = 0
    """Decides which puzzles are generated or drawn, and how they are shuffled."""
    train: Path | None = None
    """CSV of the training puzzles, with the columns question, answer and, if you like, source and rating."""
    test: Path | None = None
    """CSV of the test puzzles."""
    check: bool = False
    """Also check every answer of a CSV: one solution (Sudoku), a shortest path (maze)."""
    repo: str | None = None
    """Another dataset repository on the Hub, in the same format."""
    offline: bool = False
    """Do not try the Hub."""
    workers: Annotated[int, Field(ge=1)] | None = None
    """Threads; the result does not depend on it (default: one per core)."""

    def content(self) -> dict[str, object]:
        """The settings that decide what is in the dataset."""
        return self.model_dump(mode="json", exclude={"offline", "workers"})


class SudokuRecipe(Recipe):
    """Sudoku of 4x4, 6x6 or 9x9."""

    size: Literal[4, 6, 9] = 9
    """Side of generated grids: 4, 6 or 9."""
    clues: Annotated[int, Field(ge=1)] | None = None
    """Clues of a generated puzzle, or the few more that it needs (default: none that could be taken away)."""
    min_rating: Annotated[int, Field(ge=0)] = 0
    """Least difficulty: nodes of the search for generated puzzles, the rating column of a CSV or of the Hub's set."""
    aug: Annotated[int, Field(ge=0)] = 0
    """Shuffled copies of each training puzzle to write (published: 1000). Training can also shuffle on the fly."""


class MazeRecipe(Recipe):
    """Mazes with a start, a goal and a shortest path."""

    size: Annotated[int, Field(ge=3, le=200)] = 30
    """Side of generated mazes."""
    method: Literal["carve", "density"] = "carve"
    """carve: corridors with some walls opened; density: walls thrown at random."""
    loops: Annotated[float, Field(ge=0, le=1)] = 0.05
    """carve: the part of the walls between corridors that is opened."""
    density: Annotated[float, Field(gt=0, lt=1)] = 0.38
    """density: the part of the cells that are walls."""
    min_length: Annotated[int, Field(ge=1)] | None = None
    """Least number of steps from start to goal (default: 111 for 30x30, and in proportion to the cells for others)."""
    unique: bool = False
    """A single shortest path: cells where another one would join it become walls."""
    aug: bool = False
    """Write the eight rotated and mirrored copies of each training maze."""

    @property
    def least_steps(self) -> int:
        if self.min_length is not None:
            return self.min_length
        return max(2, round(111 * self.size**2 / 900))
