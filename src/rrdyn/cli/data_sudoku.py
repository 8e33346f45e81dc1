"""`rrdyn data sudoku`."""

from __future__ import annotations

from pathlib import Path

from rrdyn.cli.command import Arguments, Outcome
from rrdyn.data.recipe import SudokuRecipe


class Args(Arguments, SudokuRecipe):
    """Make a Sudoku dataset: the published one, generated puzzles, or your own CSV.

    1. rrdyn data sudoku
    2. rrdyn data sudoku --source generate --size 6 --clues 10 --n 1000 --out data/six
    3. rrdyn data sudoku --source csv --train train.csv --test test.csv --aug 1000
    4. rrdyn data sudoku --source generate --min-rating 5000
    """

    out: Path | None = None
    """The folder to write (default: data/NAME, with the source in its name)."""
    force: bool = False
    """Replace the folder if it is there."""


def run(args: Args) -> Outcome:
    """Build the dataset and say what is in it."""
    from rrdyn.data.build import build
    from rrdyn.data.inspection import summary

    recipe = SudokuRecipe(**{name: getattr(args, name) for name in SudokuRecipe.model_fields})
    path = build(recipe, args.out, force=args.force)
    data, text = summary(path)
    return Outcome(data=data, text=text, wrote=[path], next=[f"rrdyn inspect {path}", f"rrdyn train {path}"])
