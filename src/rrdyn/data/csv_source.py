"""Puzzles from two CSV files: the user's own, or those of a repository on the Hub."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from rrdyn.artifacts.errors import UsageError
from rrdyn.data.csv_file import read_csv
from rrdyn.data.equality import cut_validation
from rrdyn.data.folder import folder_name
from rrdyn.data.puzzle import Puzzle
from rrdyn.data.recipe import Recipe
from rrdyn.data.source import DEFAULT_N, Gathered
from rrdyn.runtime.streams import generator


def from_csv(recipe: Recipe, kind: type[Puzzle]) -> Gathered:
    """The user's two CSV files."""
    if recipe.train is None or recipe.test is None:
        raise UsageError("--source csv needs two files", run="--source csv --train TRAIN.csv --test TEST.csv")
    folder = folder_name(recipe.train.parent)
    name = folder if folder.startswith(kind.name) else f"{kind.name}-{folder}"
    return from_files(recipe, kind, recipe.train, recipe.test, source="csv", name=f"{name}-csv")


def from_files(
    recipe: Recipe, kind: type[Puzzle], train: Path, test: Path, *, source: str, name: str, **origin: object
) -> Gathered:
    """Two CSV files in the published format."""
    least = recipe.least_rating
    puzzle, first = read_csv(train, kind, min_rating=least, check=recipe.check, workers=recipe.workers)
    _, second = read_csv(test, kind, like=puzzle, min_rating=least, check=recipe.check, workers=recipe.workers)
    n = recipe.n if recipe.n is not None or source == "csv" else DEFAULT_N
    rng = generator(recipe.seed, "subsample")
    if recipe.test_n and recipe.test_n < len(second):
        second = second.take(np.sort(generator(recipe.seed, "test").permutation(len(second))[: recipe.test_n]))
    splits = cut_validation(puzzle, first, second, n=n or None, val_groups=recipe.val_groups, rng=rng)
    return Gathered(puzzle=puzzle, splits=splits, name=name, source=source, origin=origin, files=(train, test))
