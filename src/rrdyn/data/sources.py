"""Where puzzles come from: the Hub, CSV files or a generator."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path

import numpy as np

from rrdyn.artifacts.errors import RrdynError, UsageError
from rrdyn.data.csvs import read_csv
from rrdyn.data.maze import Maze
from rrdyn.data.parallel import in_order
from rrdyn.data.puzzle import Puzzle
from rrdyn.data.puzzles import Known, Puzzles, Splits, cut_validation
from rrdyn.data.recipe import MazeRecipe, Recipe, SudokuRecipe
from rrdyn.data.sudoku import Sudoku
from rrdyn.runtime.progress import Progress, say
from rrdyn.runtime.streams import generator

DEFAULT_N = 1000
FRUITLESS = 2000
"""Generated puzzles in a row that are all known already before the kind counts as used up."""


@dataclass(frozen=True, kw_only=True)
class Gathered:
    """Puzzles in their splits, with the name and the origin that the dataset will carry."""

    puzzle: Puzzle
    splits: Splits
    name: str
    source: str
    origin: dict[str, object]
    files: Sequence[Path] = field(default_factory=tuple)


def gather(recipe: SudokuRecipe | MazeRecipe) -> Gathered:
    """Find or make the puzzles of a recipe."""
    source = recipe.source
    if source == "auto" and (recipe.train or recipe.test):
        source = "csv"
    if recipe.source in ("hub", "generate") and (recipe.train or recipe.test):
        raise UsageError(f"--train and --test are for --source csv, not --source {recipe.source}")
    if source == "csv":
        return from_csv(recipe)
    if source == "hub":
        from rrdyn.data.hub_source import from_hub

        return from_hub(recipe)
    if source == "auto" and not recipe.offline:
        from rrdyn.data.hub_source import try_hub

        found = try_hub(recipe)
        if found is not None:
            return found
    return generated(recipe)


def kind_of(recipe: Recipe) -> type[Puzzle]:
    """The kind of puzzle that a recipe makes."""
    return Sudoku if isinstance(recipe, SudokuRecipe) else Maze


def from_csv(recipe: SudokuRecipe | MazeRecipe) -> Gathered:
    """The user's two CSV files."""
    if recipe.train is None or recipe.test is None:
        raise UsageError("--source csv needs two files", run="--source csv --train TRAIN.csv --test TEST.csv")
    kind, folder = kind_of(recipe).name, recipe.train.resolve().parent.name
    name = folder if folder.startswith(kind) else f"{kind}-{folder}"
    return from_files(recipe, recipe.train, recipe.test, source="csv", name=f"{name}-csv")


def from_files(
    recipe: SudokuRecipe | MazeRecipe, train: Path, test: Path, *, source: str, name: str, **origin: object
) -> Gathered:
    """Two CSV files in the published format."""
    kind = kind_of(recipe)
    least = recipe.min_rating if isinstance(recipe, SudokuRecipe) else 0
    puzzle, first = read_csv(train, kind, min_rating=least, check=recipe.check, workers=recipe.workers)
    _, second = read_csv(test, kind, like=puzzle, min_rating=least, check=recipe.check, workers=recipe.workers)
    n = recipe.n if recipe.n is not None or source == "csv" else DEFAULT_N
    rng = generator(recipe.seed, "subsample")
    if recipe.test_n and recipe.test_n < len(second):
        second = second.take(np.sort(generator(recipe.seed, "test").permutation(len(second))[: recipe.test_n]))
    splits = cut_validation(puzzle, first, second, n=n or None, val_groups=recipe.val_groups, rng=rng)
    return Gathered(puzzle=puzzle, splits=splits, name=name, source=source, origin=origin, files=(train, test))


def generated(recipe: SudokuRecipe | MazeRecipe) -> Gathered:
    """New puzzles, no two of them equal up to symmetry."""
    n, test_n = recipe.n or DEFAULT_N, recipe.test_n or DEFAULT_N
    make: Callable[[int], Puzzles | None]
    if isinstance(recipe, SudokuRecipe):
        from rrdyn.data.sudokus import Generator

        sudoku = Sudoku(recipe.size)
        make = Generator(sudoku, seed=recipe.seed, clues=recipe.clues, min_rating=recipe.min_rating).make
        puzzle: Puzzle = sudoku
        name = f"sudoku-{recipe.size}x{recipe.size}-generated"
    else:
        from rrdyn.data.mazes import Generator as MazeGenerator

        longest = longest_path(recipe.size)
        if recipe.least_steps > longest:
            raise UsageError(
                f"no {recipe.size}x{recipe.size} maze has so long a shortest path",
                found=f"--min-length {recipe.least_steps}",
                expected=f"at most {longest}, and far less to be found often",
            )
        maze = Maze(recipe.size)
        make = MazeGenerator(maze, recipe).make
        puzzle = maze
        name = f"maze-{recipe.size}x{recipe.size}-{'unique-' if recipe.unique else ''}generated"
    made = distinct(puzzle, make, test_n + recipe.val_groups + n, workers=recipe.workers)
    # the test split comes first, so that more training puzzles leave it as it is
    edges = np.cumsum([test_n, recipe.val_groups, n])
    test, val, train = (
        made.take(np.arange(end - size, end)) for end, size in zip(edges, (test_n, recipe.val_groups, n))
    )
    splits = Splits(train=train, val=val if len(val) else None, test=test)
    return Gathered(puzzle=puzzle, splits=splits, name=name, source="generate", origin={})


def longest_path(size: int) -> int:
    """No shortest path of a square maze has more steps: it may fill every other row, and one cell between two rows."""
    return size * size // 2 + size


def distinct(puzzle: Puzzle, make: Callable[[int], Puzzles | None], wanted: int, workers: int | None = None) -> Puzzles:
    """The first `wanted` puzzles of `make(0), make(1), ...` that no symmetry maps onto an earlier one.

    `make` may give None where a number has no puzzle. Raises RrdynError where it gives nothing new any more.
    """

    def sketched(number: int) -> tuple[Puzzles, bytes] | None:
        one = make(number)
        return None if one is None else (one, puzzle.sketch(one.inputs, one.labels)[0])

    known, parts = Known(puzzle), list[Puzzles]()
    fruitless = 0
    with Progress(wanted, f"making {puzzle.name} puzzles") as progress:
        for result in in_order(sketched, count(), workers):
            if result is not None and known.add(*result):
                parts.append(result[0])
                fruitless = 0
                progress.advance()
            else:
                fruitless += 1
            if len(parts) == wanted:
                break
            if fruitless >= FRUITLESS:
                raise RrdynError(
                    "the generator finds no more new puzzles",
                    found=f"{len(parts)} that differ, {wanted} are wanted",
                    expected="fewer puzzles, a larger grid or easier conditions",
                    run="lower --n, --test-n or --val-groups, or change --clues, --min-rating, --min-length",
                )
    difficulty = np.concatenate([part.difficulty for part in parts if part.difficulty is not None])
    return Puzzles(
        np.concatenate([part.inputs for part in parts]), np.concatenate([part.labels for part in parts]), difficulty
    )


def announce_generated(reason: str, repo: str) -> None:
    """Say loudly that these are not the published puzzles."""
    say(f"NOTE: {repo} cannot be had ({reason}).")
    say("NOTE: generated puzzles of the same kind are made instead; the folder's name and rrdyn.json say so.")
