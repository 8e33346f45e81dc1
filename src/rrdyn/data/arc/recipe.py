"""What an ARC dataset is made from."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, ClassVar, Self

from pydantic import Field, model_validator

from rrdyn.artifacts.errors import UsageError
from rrdyn.data.arc.task import LARGEST
from rrdyn.data.recipe import Count, Recipe

GENERATE = "generate"
FOREIGN = ("train", "test", "check", "repo")
"""Settings of kinds whose puzzles come from tables or the Hub."""


class ArcRecipe(Recipe):
    """Make an ARC dataset from folders of task JSON, or from generated transformations."""

    unused: ClassVar[tuple[str, ...]] = (*FOREIGN, "offline", "workers")
    source: str = GENERATE  # type: ignore[assignment]  # the others name a kind of source, this one a place
    """A folder of ARC task JSON in any published layout (docs/arc.md), or one task; or the word generate."""
    subsets: tuple[str, ...] = ("training", "evaluation")
    """Subsets of the folder, in order: PREFIX_NAME_challenges.json, or a folder NAME of tasks."""
    test_set: tuple[str, ...] = ("evaluation",)
    """Subsets whose questions are the test split; only their demonstrations are trained on."""
    extra: tuple[Path, ...] = ()
    """More folders of tasks, ConceptARC say, of which everything is trained on."""
    aug: Annotated[int, Field(ge=0, le=100_000)] = 1000
    """Copies of each task, turned and recoloured, each with a puzzle identifier of its own."""
    held_out: Annotated[int, Field(ge=0)] = 0
    """Of the copies of each tested task, so many (the last) stand in the test split alone: their identifiers are not
    trained."""
    unanswered: bool = False
    """Take questions without an answer: those of the test split are asked and not judged, others are left out."""
    n: Count | None = None
    """Tasks of each subset that is not tested, the first in the shuffled order (default: all)."""
    test_n: Count | None = None
    """Tasks of each tested subset, likewise; of generated ones how many transformations (default: all)."""
    val_groups: Count = 128
    """Validation pairs, taken out of training: of the last tenth of each task's demonstrations, if it has three."""
    seed: Annotated[int, Field(ge=0, lt=1 << 32)] = 42
    """Decides the order of tasks, their copies and places in the frame, as the published builder's seed does."""
    canvas: Annotated[int, Field(ge=4, le=LARGEST)] = LARGEST
    """Side of the frame that grids are put into; published: 30."""
    corner: bool = False
    """Leave all grids in the corner of the frame; published: those of all but one example of each copy are moved."""
    pairs: Annotated[int, Field(ge=2, le=10_000)] = 32
    """generate: demonstrations of each transformation."""
    test_pairs: Annotated[int, Field(ge=1, le=1000)] = 4
    """generate: questions of each transformation."""

    @model_validator(mode="after")
    def _of_this_kind(self) -> Self:
        given = [name for name in FOREIGN if getattr(self, name)]
        if given:
            raise UsageError(f"--{given[0]} is not for ARC", expected="--source FOLDER of task JSON, or generate")
        if self.held_out > self.aug:
            raise UsageError("--held-out is more than there are copies", found=self.held_out,
                             expected=f"at most --aug {self.aug}")  # fmt: skip
        return self

    @property
    def generated(self) -> bool:
        return self.source in (GENERATE, "auto")
