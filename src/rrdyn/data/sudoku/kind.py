"""Sudoku of 4x4 to 25x25: tokens, validity, drawing, symmetries."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from math import isqrt
from typing import Self

import numpy as np

from rrdyn.artifacts.errors import UsageError
from rrdyn.data.puzzle import Completion, Fault, Maker, Puzzle, Solutions
from rrdyn.data.registry import register
from rrdyn.data.sudoku.canonical import sudoku_keys, sudoku_sketches
from rrdyn.data.sudoku.generator import LARGE_NODES, Generator
from rrdyn.data.sudoku.geometry import BLANK, ORDINARY, Geometry, usual_box
from rrdyn.data.sudoku.recipe import SudokuRecipe
from rrdyn.data.sudoku.solver import NO_LIMIT, Solver, rate, solve, to_digits, to_tokens
from rrdyn.data.sudoku.symmetries import Shuffles
from rrdyn.data.sudoku.writing import BLANKS, DIGITS, cells

NODE_LIMIT = 2_000_000
"""Nodes after which a question's answers are left uncounted: one typed in, or one larger than 9x9."""


@register
class Sudoku(Puzzle):
    """Tokens: 0 padding, 1 blank (written "."; 0, _, * and - are read too), digit d is token d + 1 (10 is A, 25 is P).

    Grids larger than 9x9 are checked and solved as the others are. What takes a search through every branch may be
    given up there: see `NODE_LIMIT`.
    """

    name = "sudoku"
    validity = "valid"
    recipe = SudokuRecipe
    presets = ("sudoku-small", "sudoku-trm-mlp")
    sizes = "16, 36, 81, 256 or the square of another side up to 25 that has boxes (4x4, 6x6, 9x9, 16x16)"
    rule = "each digit once in every row, column and box"
    rating_meaning = "nodes of an exhaustive search"
    family = "solution grid"

    def __init__(self, side: int = 9, box: Sequence[int] | None = None) -> None:
        """`box`: height and width of a box, where they are not the usual ones of that side."""
        self.side, self.geometry = side, Geometry(side, None if box is None else (int(box[0]), int(box[1])))
        self.boxes = (self.geometry.box_height, self.geometry.box_width)
        super().__init__(side, side, "?." + DIGITS[:side])

    @cached_property
    def symmetries(self) -> Shuffles:
        return Shuffles(self.side, self.geometry.box_height, self.geometry.box_width)

    @property
    def node_limit(self) -> int:
        """Nodes of one search, of many puzzles: up to 9x9 as many as it takes."""
        return NO_LIMIT if self.side <= ORDINARY else NODE_LIMIT

    @classmethod
    def from_recipe(cls, recipe: SudokuRecipe) -> Self:
        return cls(recipe.side, recipe.box_sides)

    @classmethod
    def fitting(cls, cells: int, vocab_size: int | None = None) -> Sudoku | None:
        side = isqrt(cells)
        fits = side * side == cells and usual_box(side) is not None and vocab_size in (None, side + 2)
        return cls(side) if fits else None

    def generate(self, recipe: SudokuRecipe) -> Maker:
        if self.side > ORDINARY and recipe.min_rating >= LARGE_NODES:
            raise UsageError(
                f"{self.side}x{self.side} puzzles are rated up to {LARGE_NODES} nodes only",
                found=f"--min-rating {recipe.min_rating}", expected=f"less than {LARGE_NODES}",
            )  # fmt: skip
        return Generator(self.geometry, seed=recipe.seed, clues=recipe.clues, min_rating=recipe.min_rating).make

    def group_size(self, recipe: SudokuRecipe) -> int:
        return 1 + recipe.aug

    def describe(self) -> dict[str, object]:
        box = {"box": list(self.boxes)} if self.boxes is not None and self.boxes != usual_box(self.side) else {}
        return {"kind": self.name, "side": self.side, **box}

    def check(self, inputs: np.ndarray, preds: np.ndarray) -> dict[str, np.ndarray]:
        """`givens_kept`: no given is changed; `valid`: that, and each row, column and box holds every digit once."""
        inputs, preds = np.asarray(inputs), np.asarray(preds)
        kept = ((preds == inputs) | (inputs == BLANK)).all(axis=1)
        bits = np.where((preds > BLANK) & (preds <= self.side + 1), 1 << np.clip(preds.astype(np.int64), 0, 30), 0)
        full = ((1 << self.side) - 1) << 2
        complete = (np.bitwise_or.reduce(bits[:, self.geometry.units], axis=2) == full).all(axis=1)
        return {"valid": kept & complete, "givens_kept": kept}

    def contradicts(self, inputs: np.ndarray, labels: np.ndarray) -> np.ndarray:
        return ~self.check(inputs, labels)["valid"]

    def keys(self, inputs: np.ndarray, labels: np.ndarray) -> list[bytes]:
        return sudoku_keys(self.geometry, inputs, labels)

    def sketch(self, inputs: np.ndarray, labels: np.ndarray) -> list[bytes]:
        return sudoku_sketches(self.geometry, inputs)

    def families(self, inputs: np.ndarray, labels: np.ndarray) -> list[bytes] | None:
        """The solution; of 9x9 there are 5,472,730,538 up to symmetry, and nobody meets one twice."""
        return None if self.side >= ORDINARY else sudoku_keys(self.geometry, labels, labels)

    def first_fault(self, inputs: np.ndarray, labels: np.ndarray, workers: int | None = None) -> Fault | None:
        """A question without a solution, or with more than one."""
        counts = solve(self.geometry, inputs, workers, node_limit=self.node_limit)[1]
        wrong = np.flatnonzero((counts == 0) | (counts > 1))
        if not len(wrong):
            return None
        found = "no" if counts[wrong[0]] == 0 else "more than one"
        return Fault(int(wrong[0]), f"the question has {found} solution", "exactly one solution")

    def complete(self, inputs: np.ndarray, workers: int | None = None) -> Completion:
        """By the same search as `solutions`."""
        labels, counts = solve(self.geometry, inputs, workers, node_limit=self.node_limit)
        return Completion(labels=labels, counts=counts)

    def given(self, question: np.ndarray) -> np.ndarray:
        return np.asarray(question) > BLANK

    def wrong_cells(self, question: np.ndarray, answer: np.ndarray) -> np.ndarray:
        """Cells that change a given, hold no digit, or share their digit with a row, column or box."""
        wrong = self.given(question) & (answer != question) | (answer <= BLANK)
        for unit in self.geometry.units:
            tokens, counts = np.unique(answer[unit], return_counts=True)
            wrong[unit] |= np.isin(answer[unit], tokens[counts > 1])
        return np.asarray(wrong)

    def solutions(self, question: np.ndarray, label: np.ndarray | None = None) -> Solutions:
        """By a search of at most NODE_LIMIT nodes."""
        found = Solver(self.geometry).search(to_digits(np.asarray(question)), node_limit=NODE_LIMIT)
        if found.nodes >= NODE_LIMIT and found.solutions < 2:
            return Solutions(number="unknown", answer=label)
        if found.solutions == 1:
            return Solutions(number="one", answer=to_tokens(found.answer))
        return Solutions(number="several" if found.solutions else "none")

    def difficulty(self, inputs: np.ndarray, labels: np.ndarray) -> np.ndarray:
        """Nodes of an exhaustive search (`rrdyn.data.sudoku.solver`); NaN where it is given up."""
        nodes = rate(self.geometry, inputs, node_limit=self.node_limit)
        return np.where(nodes < self.node_limit, nodes, np.nan)

    def codes(self) -> np.ndarray:
        table = super().codes()
        for character in BLANKS:
            table[ord(character)] = BLANK
        for letter in DIGITS[ORDINARY : self.side]:
            table[ord(letter.lower())] = table[ord(letter)]
        return table

    def characters(self) -> str:
        return super().characters() + BLANKS + DIGITS[ORDINARY : self.side].lower()

    def read_text(self, text: str) -> np.ndarray:
        """In one line, as a grid with rules between boxes, as JSON, as the cells of a table."""
        return self.encode(cells(text, self.seq_len))

    def draw(self, tokens: np.ndarray, question: np.ndarray | None = None) -> str:
        """Boxes between lines."""
        text, n, wide = self.decode(tokens), self.side, self.geometry.box_width
        rule = "+".join("-" * (2 * wide + 1) for _ in range(n // wide))
        lines = []
        for row in range(n):
            if row and row % self.geometry.box_height == 0:
                lines.append(rule)
            cells = text[row * n : (row + 1) * n]
            boxes = [cells[at : at + wide] for at in range(0, n, wide)]
            lines.append("|".join(" " + " ".join(box) + " " for box in boxes))
        return "\n".join(lines)
