"""What a dataset of modular addition is made from."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from pydantic import Field

from rrdyn.data.recipe import Recipe

MOST = 255
"""p + 1 tokens are written as bytes."""


class ModularRecipe(Recipe):
    """Make all pairs a, b with the answer (a + b) mod p, a part of them for training."""

    unused: ClassVar[tuple[str, ...]] = ("train", "test", "check", "repo", "offline")
    source: Literal["auto", "generate"] = "generate"
    """There is one source: all pairs."""
    p: Annotated[int, Field(ge=2, le=MOST)] = 113
    """Numbers are 0 to p - 1."""
    part: Annotated[float, Field(gt=0, lt=1)] = 0.3
    """The part of all p x p pairs that is trained on; the rest is the test split."""
    val_groups: Annotated[int, Field(ge=0, le=MOST**2)] = 0
    """Validation pairs, taken from those left for the test."""

    @property
    def pairs(self) -> int:
        """Pairs in the training split, as Nanda et al. round them."""
        return round(self.part * self.p**2)

    @property
    def sizes(self) -> dict[str, int]:
        rest = self.p**2 - self.pairs - self.val_groups
        train = min(self.n or self.pairs, self.pairs)
        return {"test": min(self.test_n or rest, rest), "val": self.val_groups, "train": train}

    @property
    def variant(self) -> str:
        return f"{self.p}-{self.part:g}-seed{self.seed}-"
