"""`rrdyn data NAME` for kinds of puzzle that plug-ins register: their recipe's settings are its options."""

from __future__ import annotations

from rrdyn.cli.command import Arguments, Command
from rrdyn.cli.options import DatasetOptions, made
from rrdyn.data.puzzle import Puzzle
from rrdyn.data.registry import makeable


def commands() -> dict[str, str]:
    """Name of every kind that has a recipe, and the first line of what the recipe says."""
    return {name: _summary(kind) for name, kind in makeable().items()}


def command(name: str) -> Command:
    """The command of one of `commands`."""
    kind = makeable()[name]
    assert kind.recipe is not None
    examples = f"1. rrdyn data {name}\n    2. rrdyn data {name} --source generate --n 1000 --out data/my-{name}"
    about = {"__doc__": f"{_summary(kind)}\n\n    {examples}\n    ", "__module__": __name__}
    args: type[Arguments] = type("Args", (DatasetOptions, kind.recipe), about)
    return Command(args, lambda given: made(given, kind))


def _summary(kind: type[Puzzle]) -> str:
    return ((kind.recipe and kind.recipe.__doc__) or f"Make a dataset of {kind.name} puzzles.").strip().split("\n")[0]
