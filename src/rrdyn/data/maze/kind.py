"""Mazes: tokens, validity of a path, drawing, which mazes count as the same."""

from __future__ import annotations

from functools import cached_property
from math import isqrt
from typing import Self

import numpy as np

from rrdyn.artifacts.errors import InputError, UsageError
from rrdyn.data.maze.generator import Generator, longest_path
from rrdyn.data.maze.recipe import MazeRecipe
from rrdyn.data.maze.solver import FREE, GOAL, PATH, START, WALL, distances
from rrdyn.data.maze.symmetries import Dihedral
from rrdyn.data.puzzle import Fault, Maker, Puzzle, Solutions
from rrdyn.data.registry import register

LARGEST = 256
"""Side of a maze in a file."""
IN_PLANE = np.zeros((3, 3, 3), dtype=bool)
IN_PLANE[1] = [[0, 1, 0], [1, 1, 1], [0, 1, 0]]


@register
class Maze(Puzzle):
    """Tokens: 0 padding, 1 wall "#", 2 free " ", 3 start "S", 4 goal "G", 5 a cell of the path "o"."""

    name = "maze"
    validity = "path_valid"
    answer_only = "o"
    recipe = MazeRecipe
    presets = ("maze-small", "maze-trm")
    sizes = "a square number of cells"
    rule = "free cells marked o that join S to G"
    rating_meaning = "steps of a shortest path"
    unwritten = ". #o"
    shades = {"#": "wall", "o": "path", "S": "start", "G": "goal"}

    family = "layout of walls"

    def __init__(self, height: int = 30, width: int | None = None, *, layouts_apart: bool = True) -> None:
        """`layouts_apart`: no two splits share their walls, and a maze with start and goal exchanged is no new one."""
        super().__init__(height, height if width is None else width, "?# SGo")
        self.families_apart = layouts_apart

    @cached_property
    def symmetries(self) -> Dihedral:
        return Dihedral(self.height, self.width)

    @classmethod
    def from_recipe(cls, recipe: MazeRecipe) -> Self:
        return cls(recipe.size, layouts_apart=recipe.split_by == "layout")

    @classmethod
    def fitting(cls, cells: int, vocab_size: int | None = None) -> Maze | None:
        side = isqrt(cells)
        return cls(side) if side * side == cells and 2 <= side <= LARGEST and vocab_size in (None, 6) else None

    def plausible(self, sample: np.ndarray | str) -> bool:
        """One start, one goal and no path in each question (a 4x4 maze has the vocabulary of a 4x4 Sudoku)."""
        if isinstance(sample, str):
            return bool(set(sample) & set("#SG"))
        head = np.asarray(sample[:64])
        ends = ((head == START).sum(axis=1) == 1) & ((head == GOAL).sum(axis=1) == 1)
        return bool(len(head)) and bool((ends & (head != PATH).all(axis=1)).all())

    def generate(self, recipe: MazeRecipe) -> Maker:
        longest = longest_path(recipe.size)
        if recipe.least_steps > longest:
            raise UsageError(
                f"no {recipe.size}x{recipe.size} maze has so long a shortest path",
                found=f"--min-length {recipe.least_steps}",
                expected=f"at most {longest}, and far less to be found often",
            )
        return Generator(self.height, self.width, recipe).make

    def group_size(self, recipe: MazeRecipe) -> int:
        return len(self.symmetries.numbers) if recipe.aug else 1

    def check(self, inputs: np.ndarray, preds: np.ndarray) -> dict[str, np.ndarray]:
        """Flags of the cells that a prediction marks "o", on the walls, start and goal of the question.

        `path_valid`: no wall is marked, and the marked cells join start to goal by steps up, down, left or right.
        `no_stray`: valid, every marked cell is joined to the start, and none is a dead end.
        `shortest`: valid, and no other path marks fewer cells.
        What a prediction says about unmarked cells is left out of account. docs/data.md shows cases.
        """
        question = np.asarray(inputs).reshape(-1, self.height, self.width)
        marked = np.asarray(preds).reshape(question.shape) == PATH
        ends = (question == START) | (question == GOAL)
        marked &= ~ends
        on_wall = (marked & (question == WALL)).any(axis=(1, 2))
        regions = _regions(marked | ends)
        at_start = _at(regions, question == START)
        valid = ~on_wall & (at_start > 0) & (at_start == _at(regions, question == GOAL))
        joined = regions == at_start[:, None, None]
        dead_end = marked & (_neighbours(marked | ends) < 2)
        no_stray = valid & ~(marked & (~joined | dead_end)).any(axis=(1, 2))
        shortest = np.zeros_like(valid)
        candidates = np.flatnonzero(no_stray)
        if len(candidates):
            steps = distances(question[candidates])
            shortest[candidates] = marked[candidates].sum(axis=(1, 2)) + 1 == steps
        return {"path_valid": valid, "no_stray": no_stray, "shortest": shortest}

    def contradicts(self, inputs: np.ndarray, labels: np.ndarray) -> np.ndarray:
        erased = np.where(np.asarray(labels) == PATH, FREE, labels)
        return np.asarray((erased != inputs).any(axis=1) | ~self.check(inputs, labels)["path_valid"])

    def difficulty(self, inputs: np.ndarray, labels: np.ndarray) -> np.ndarray:
        """Steps of a shortest path from start to goal; NaN where there is none."""
        steps = distances(np.asarray(inputs).reshape(-1, self.height, self.width)).astype(np.float64)
        return np.where(steps < 0, np.nan, steps)

    def keys(self, inputs: np.ndarray, labels: np.ndarray) -> list[bytes]:
        """The least of the rotated and mirrored images, start and goal as they are or exchanged."""
        inputs = np.asarray(inputs)
        keys = self._least(inputs)
        if not self.families_apart:
            return keys
        exchanged = np.where(inputs == START, GOAL, np.where(inputs == GOAL, START, inputs)).astype(inputs.dtype)
        return [min(pair) for pair in zip(keys, self._least(exchanged))]

    def families(self, inputs: np.ndarray, labels: np.ndarray) -> list[bytes]:
        """The walls alone, as the least of their images."""
        return self._least((np.asarray(inputs) == WALL).astype(np.uint8))

    def _least(self, grids: np.ndarray) -> list[bytes]:
        return [min(image.tobytes() for image in row) for row in self.symmetries.images(grids)]

    def first_fault(self, inputs: np.ndarray, labels: np.ndarray, workers: int | None = None) -> Fault | None:
        """An answer that is no shortest path."""
        wrong = np.flatnonzero(~self.check(inputs, labels)["shortest"])
        if not len(wrong):
            return None
        return Fault(int(wrong[0]), "the answer is no shortest path from S to G", "one that marks no cell too many")

    def given(self, question: np.ndarray) -> np.ndarray:
        return np.asarray(np.asarray(question) != FREE)

    def wrong_cells(self, question: np.ndarray, answer: np.ndarray) -> np.ndarray:
        return np.asarray(self.given(question) & (answer != question))

    def solutions(self, question: np.ndarray, label: np.ndarray | None = None) -> Solutions:
        """None where no way leads to the goal; else nobody counts them, and a label is one of maybe many."""
        steps = distances(np.asarray(question).reshape(1, self.height, self.width))[0]
        return Solutions(number="none" if steps < 0 else "unknown")

    def why_wrong(self, question: np.ndarray, answer: np.ndarray, wrong: np.ndarray) -> str:
        """Why the cells marked are no path."""
        marked = np.asarray(answer) == PATH
        on_wall = int((marked & (question == WALL)).sum())
        if on_wall:
            return f"wrong: the path runs through {on_wall} wall cell" + ("" if on_wall == 1 else "s")
        if not marked.any():
            return "wrong: no cell is marked as path"
        return "wrong: the marked cells do not join start and goal"

    def remark(self, question: np.ndarray, answer: np.ndarray) -> str:
        shortest = self.check(np.asarray(question)[None], np.asarray(answer)[None])["shortest"][0]
        return "" if shortest else ", but not a shortest path"

    def read_text(self, text: str) -> np.ndarray:
        """One line or a line a row, rows padded with free cells on the right; a path that is drawn in is taken out."""
        lines = text.strip("\n").split("\n")
        if len(lines) > 1:
            text = "".join(line.rstrip("\r").ljust(self.width) for line in lines)
        elif "\n" in text:
            text = lines[0]
        question = self.encode(text.replace(self.tokens[PATH], " "))
        for name, character in (("start", "S"), ("goal", "G")):
            if text.count(character) != 1:
                raise InputError(
                    f"a maze has one {name}", found=f"{text.count(character)} cells {character!r}", expected="one"
                )
        return question

    def draw(self, tokens: np.ndarray, question: np.ndarray | None = None) -> str:
        """In a frame: the border of a maze need not be wall."""
        edge = "+" + "-" * self.width + "+"
        return "\n".join([edge, *(f"|{line}|" for line in super().draw(tokens).split("\n")), edge])


def _regions(open_cells: np.ndarray) -> np.ndarray:
    """Number of the connected region of every open cell (N, H, W), 0 elsewhere."""
    from scipy.ndimage import label

    return np.asarray(label(open_cells, structure=IN_PLANE)[0])


def _at(regions: np.ndarray, where: np.ndarray) -> np.ndarray:
    """The region at the marked cell of each grid; 0 where there is no such cell."""
    return np.asarray((regions * where).max(axis=(1, 2)))


def _neighbours(cells: np.ndarray) -> np.ndarray:
    """How many of the four neighbours of each cell are set."""
    padded = np.pad(cells, ((0, 0), (1, 1), (1, 1))).astype(np.int8)
    return padded[:, :-2, 1:-1] + padded[:, 2:, 1:-1] + padded[:, 1:-1, :-2] + padded[:, 1:-1, 2:]
