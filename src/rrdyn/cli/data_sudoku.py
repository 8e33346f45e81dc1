"""`rrdyn data sudoku`."""

from __future__ import annotations

from rrdyn.cli.command import Outcome
from rrdyn.cli.options import DatasetOptions, made
from rrdyn.data.sudoku.kind import Sudoku
from rrdyn.data.sudoku.recipe import SudokuRecipe


class Args(DatasetOptions, SudokuRecipe):
    """Make a Sudoku dataset: the published one, generated puzzles, or your own CSV.

    1. rrdyn data sudoku
    2. rrdyn data sudoku --source generate --size 6 --clues 10 --n 1000 --out data/six
    3. rrdyn data sudoku --source csv --train train.csv --test test.csv --aug 1000
    4. rrdyn data sudoku --source generate --min-rating 5000
    """


def run(args: Args) -> Outcome:
    return made(args, Sudoku)
