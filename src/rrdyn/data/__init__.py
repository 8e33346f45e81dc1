"""Puzzles: folders in the published format, Sudoku and maze generators, checkers, augmentation, the sampler."""

from rrdyn.data.arc.kind import Arc
from rrdyn.data.collection import Collection
from rrdyn.data.folder import PuzzleSplit, open_split, write_split
from rrdyn.data.maze.kind import Maze
from rrdyn.data.modular.kind import ModularAddition
from rrdyn.data.puzzle import Puzzle, Solutions
from rrdyn.data.recipe import Recipe
from rrdyn.data.registry import register
from rrdyn.data.sudoku.kind import Sudoku
from rrdyn.data.sudoku.padded import PaddedSudoku

__all__ = [
    "Arc", "Collection", "Maze", "ModularAddition", "PaddedSudoku", "Puzzle", "PuzzleSplit", "Recipe", "Solutions",
    "Sudoku", "open_split", "register", "write_split",
]  # fmt: skip
