"""ARC grids as the upstream builders write them: 30 x 30 cells, each colour a token."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Self

import numpy as np

from rrdyn.artifacts.errors import InputError
from rrdyn.data.arc.augmentation import TURNS, Augmentation, named
from rrdyn.data.arc.builder import compose
from rrdyn.data.arc.frame import END, cropped, framed
from rrdyn.data.arc.recipe import ArcRecipe
from rrdyn.data.arc.task import parse_task
from rrdyn.data.ballot import Ballot
from rrdyn.data.composition import Composed
from rrdyn.data.puzzle import Puzzle
from rrdyn.data.registry import register

COLOURS = "0123456789"
COPIES = 32
"""Of a task that a person asks about, the original first."""


@register
class Arc(Puzzle):
    """Tokens: 0 padding, 1 end of a row or column ("|"), colour c is token c + 2.

    Examples of one task share a puzzle identifier, which the model learns a vector for.
    """

    name = "arc"
    recipe = ArcRecipe
    presets = ("arc-small", "arc-trm")
    sizes = "no table of questions: `rrdyn data arc --source FOLDER` reads task JSON"
    rule = "a grid of colours"
    unwritten = " |" + COLOURS
    shades = {colour: colour for colour in COLOURS}

    def __init__(self, height: int = 30, width: int = 30) -> None:
        super().__init__(height, width, " |" + COLOURS)

    @classmethod
    def from_recipe(cls, recipe: ArcRecipe) -> Self:
        return cls(recipe.canvas, recipe.canvas)

    @classmethod
    def compose(cls, recipe: ArcRecipe) -> Composed:
        return compose(recipe)

    @classmethod
    def fitting(cls, cells: int, vocab_size: int | None = None) -> Arc | None:
        return cls() if (cells, vocab_size) == (900, 2 + len(COLOURS)) else None

    def check(self, inputs: np.ndarray, preds: np.ndarray) -> dict[str, np.ndarray]:
        """`framed`: the prediction has a rectangle of colours, so that a grid can be read from it."""
        colours = (np.asarray(preds) > END).reshape(-1, self.height, self.width)
        rows, columns = colours.any(axis=2), colours.any(axis=1)
        full = rows.sum(axis=1) * columns.sum(axis=1) == colours.sum(axis=(1, 2))
        return {"framed": full & colours.any(axis=(1, 2))}

    def restored(self, names: Sequence[str], tokens: np.ndarray) -> np.ndarray:
        """As the published evaluator reads answers: cropped to a grid, the augmentation of the copy's name undone."""
        grids = zip(names, cropped(tokens, self.height, self.width))
        return np.stack([framed(named(name)[1].undo(grid), self.height, self.width) for name, grid in grids])

    def ballots(self, text: str, name: str, identifiers: Sequence[str]) -> Sequence[Ballot]:
        """Of a task's JSON: under the identifiers of its name; of an unknown task its turns, under the blank one."""
        if not text.lstrip().startswith(("{", "[")):
            return ()
        task = parse_task(text, name or "the task")
        own = [number for number, other in enumerate(identifiers) if other.startswith(name) and named(other)[0] == name]
        numbers = own[:COPIES] if name else []
        copies = [named(identifiers[number])[1] for number in numbers] or [Augmentation(turn) for turn in range(TURNS)]
        return [
            Ballot(
                questions=np.stack([self._framed(copy.apply(pair.question)) for copy in copies]),
                identifiers=np.array(numbers or [0] * len(copies), dtype=np.int32),
                names=[copy.of(name) for copy in copies],
                label=self._framed(pair.answer) if pair.answered else None,
                known=bool(numbers),
            )
            for pair in task.test
        ]

    def _framed(self, grid: np.ndarray) -> np.ndarray:
        if grid.shape[0] > self.height or grid.shape[1] > self.width:
            raise InputError("a grid does not fit the model's frame", found=f"{grid.shape[0]} x {grid.shape[1]} cells",
                             expected=f"at most {self.height} x {self.width}")  # fmt: skip
        return framed(grid, self.height, self.width)

    def plain(self, tokens: np.ndarray) -> list[list[int]]:
        """Rows of colours, as the task's JSON has them."""
        rows: list[list[int]] = cropped(tokens, self.height, self.width)[0].tolist()
        return rows

    def draw(self, tokens: np.ndarray, question: np.ndarray | None = None) -> str:
        """Only the rows and columns in use."""
        lines = super().draw(tokens, question).split("\n")
        used = [line.rstrip() for line in lines if line.strip(" |")]
        return "\n".join(line.rstrip("|") for line in used)
