"""What a dataset is made from: the settings that every kind of puzzle shares. A kind adds its own in a subclass."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, ClassVar, Literal, Self

from pydantic import Field

from rrdyn.artifacts.config import Config

Source = Literal["auto", "hub", "csv", "generate"]
Count = Annotated[int, Field(ge=0, le=100_000_000)]
"""Puzzles: more than these would not fit into memory before they are written."""


DEFAULT_N = 1000
"""Training puzzles of a published set, training and test puzzles of a generator, where no other number is asked for."""


class Recipe(Config):
    """What all kinds of dataset share."""

    unused: ClassVar[tuple[str, ...]] = ()
    """Settings below that say nothing of this kind: they are no options of its command."""
    source: Source = "auto"
    """hub: the published set; csv: your files; generate: new puzzles; auto: the Hub if it answers within 10 seconds,
    else generated ones."""
    n: Count | None = None
    """Training puzzles before augmentation; 0 takes all there are (default: 1000, but all of a CSV)."""
    test_n: Count | None = None
    """Test puzzles; 0 takes all there are (default: 1000 generated ones, else all)."""
    val_groups: Count = 128
    """Validation puzzles kept out of training, at most a tenth of the training puzzles there are."""
    seed: int = 0
    """Decides which puzzles are generated or drawn, and how they are shuffled."""
    train: Path | None = None
    """Table of the training puzzles: question, answer and, if you like, rating; or a question a line (docs/data.md)."""
    test: Path | None = None
    """Table of the test puzzles; without it a tenth of the others, or --test-n, is kept apart."""
    check: bool = False
    """Also check every answer of a CSV: one solution (Sudoku), a shortest path (maze)."""
    repo: str | None = None
    """Another dataset repository on the Hub, in the same format."""
    offline: bool = False
    """Do not try the Hub."""
    workers: Annotated[int, Field(ge=1, le=1024)] | None = None
    """Threads; the result does not depend on it (default: one per core)."""

    def content(self) -> dict[str, object]:
        """The settings that decide what is in the dataset."""
        return self.model_dump(mode="json", exclude={"offline", "workers"})

    @classmethod
    def recorded(cls, settings: Mapping[str, object]) -> Self:
        """The recipe that a dataset recorded; settings that it does not have yet count as their defaults."""
        return cls(**settings)

    @property
    def variant(self) -> str:
        """A word for the name of a generated dataset, with a hyphen after it, where the kind has variants."""
        return ""

    @property
    def sizes(self) -> dict[str, int]:
        """Puzzles of each split of a generated dataset, in the order in which they are made."""
        return {"test": self.test_n or DEFAULT_N, "val": self.val_groups, "train": self.n or DEFAULT_N}

    @property
    def least_rating(self) -> int:
        """Rows of a file rated less are left out."""
        return 0

    @property
    def names_size(self) -> bool:
        """Whether the settings alone say how large the puzzles of a file are."""
        return False

    @property
    def repository(self) -> str | None:
        """The dataset repository on the Hub; None where none is known."""
        return self.repo

    @property
    def published_folders(self) -> tuple[str, ...]:
        """Where in the repository a dataset folder may lie; empty where the puzzles are train.csv and test.csv."""
        return ()

    @property
    def unpublished(self) -> str | None:
        """What is asked for that only a generator can give; None where the published set will do."""
        return None
