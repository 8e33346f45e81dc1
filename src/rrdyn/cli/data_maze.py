"""`rrdyn data maze`."""

from __future__ import annotations

from rrdyn.cli.command import Outcome
from rrdyn.cli.options import DatasetOptions, made
from rrdyn.data.maze.kind import Maze
from rrdyn.data.maze.recipe import MazeRecipe


class Args(DatasetOptions, MazeRecipe):
    """Make a maze dataset: the published one, generated mazes, or your own CSV.

    1. rrdyn data maze
    2. rrdyn data maze --source generate --size 9 --n 1000 --out data/small-maze
    3. rrdyn data maze --source generate --method density --unique
    4. rrdyn data maze --source csv --train train.csv --test test.csv --aug
    """


def run(args: Args) -> Outcome:
    return made(args, Maze)
