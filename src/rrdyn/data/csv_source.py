"""Puzzles from tables: the user's own, or those of a repository on the Hub."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from rrdyn.artifacts.errors import UsageError, notice
from rrdyn.data.collection import Collection
from rrdyn.data.csv_file import read_csv
from rrdyn.data.equality import classes, cut_validation
from rrdyn.data.folder import folder_name
from rrdyn.data.puzzle import Puzzle
from rrdyn.data.recipe import DEFAULT_N, Recipe
from rrdyn.data.source import Gathered
from rrdyn.runtime.progress import say
from rrdyn.runtime.streams import generator


def from_csv(recipe: Recipe, kind: type[Puzzle]) -> Gathered:
    """The user's tables: one of training and one of test puzzles, or one that both are drawn from."""
    if recipe.train is None:
        raise UsageError("--source csv needs a file", run="--source csv --train TRAIN.csv --test TEST.csv")
    folder = folder_name(recipe.train.parent)
    name = folder if folder.startswith(kind.name) else f"{kind.name}-{folder}"
    return from_files(recipe, kind, recipe.train, recipe.test, source="csv", name=f"{name}-csv")


def from_files(
    recipe: Recipe, kind: type[Puzzle], train: Path, test: Path | None, *, source: str, name: str, **origin: object
) -> Gathered:
    """Two tables; without `test` one, of which a tenth, or `test_n`, is kept apart for the test."""
    least = recipe.least_rating
    like = kind.from_recipe(recipe) if recipe.names_size else None
    puzzle, first = read_csv(train, kind, like=like, min_rating=least, check=recipe.check, workers=recipe.workers)
    if test is None:
        first, second = _halved(puzzle, first, recipe)
    else:
        _, second = read_csv(test, kind, like=puzzle, min_rating=least, check=recipe.check, workers=recipe.workers)
    n = recipe.n if recipe.n is not None or source == "csv" else DEFAULT_N
    rng = generator(recipe.seed, "subsample")
    if recipe.test_n and recipe.test_n < len(second):
        second = second.take(np.sort(generator(recipe.seed, "test").permutation(len(second))[: recipe.test_n]))
    splits = cut_validation(puzzle, first, second, n=n or None, val_groups=recipe.val_groups, rng=rng)
    files = (train,) if test is None else (train, test)
    return Gathered(puzzle=puzzle, splits=splits, name=name, source=source, origin=origin, files=files)


def _halved(puzzle: Puzzle, puzzles: Collection, recipe: Recipe) -> tuple[Collection, Collection]:
    """Training and test puzzles, drawn from one set; none of the test equals one of training up to symmetry."""
    count = min(recipe.test_n or max(1, len(puzzles) // 10), len(puzzles) - 1)
    if count < 1:
        raise UsageError(
            "one puzzle is not enough for a training and a test split", found=len(puzzles), run="give --test FILE too"
        )
    number = classes(puzzle, puzzles)
    order = generator(recipe.seed, "halves").permutation(len(puzzles))
    test = np.sort(order[:count])
    train = np.sort(order[count:])
    kept = train[~np.isin(number[train], number[test])]
    if len(kept) < len(train):
        notice(f"{len(train) - len(kept)} puzzles equal a test puzzle up to symmetry and are left out of training")
    say(f"no --test: {count} of the {len(puzzles)} puzzles are kept apart for it")
    return puzzles.take(kept), puzzles.take(test)
