"""`rrdyn data maze`."""

from __future__ import annotations

from pathlib import Path

from rrdyn.cli.command import Arguments, Outcome
from rrdyn.data.recipe import MazeRecipe


class Args(Arguments, MazeRecipe):
    """Make a maze dataset: the published one, generated mazes, or your own CSV.

    1. rrdyn data maze
    2. rrdyn data maze --source generate --size 9 --n 1000 --out data/small-maze
    3. rrdyn data maze --source generate --method density --unique
    4. rrdyn data maze --source csv --train train.csv --test test.csv --aug
    """

    out: Path | None = None
    """The folder to write (default: data/NAME, with the source in its name)."""
    force: bool = False
    """Replace the folder if it is there."""


def run(args: Args) -> Outcome:
    """Build the dataset and say what is in it."""
    from rrdyn.data.build import build
    from rrdyn.data.inspection import summary

    recipe = MazeRecipe(**{name: getattr(args, name) for name in MazeRecipe.model_fields})
    path = build(recipe, args.out, force=args.force)
    data, text = summary(path)
    return Outcome(data=data, text=text, wrote=[path], next=[f"rrdyn inspect {path}", f"rrdyn train {path}"])
