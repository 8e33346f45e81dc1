"""Puzzles: folders in the published format, Sudoku and maze generators, checkers, augmentation, the sampler."""

from rrdyn.data.folder import PuzzleSplit, open_split, write_split
from rrdyn.data.puzzle import Puzzle, register

__all__ = ["Puzzle", "PuzzleSplit", "open_split", "register", "write_split"]
