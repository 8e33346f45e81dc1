"""The published puzzles on the Hugging Face Hub.

Files come into the Hub's usual cache (`runtime/hub.py`); a dataset folder is written only when all of them are there.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path

import numpy as np

from rrdyn.artifacts.errors import InputError
from rrdyn.data.folder import PuzzleSplit, open_split
from rrdyn.data.puzzles import Puzzles, cut_validation
from rrdyn.data.recipe import HUB_MAZE, HUB_SUDOKU, HUB_UNIQUE, MazeRecipe, SudokuRecipe
from rrdyn.data.sources import DEFAULT_N, Gathered, announce_generated, from_files
from rrdyn.data.writer import ARRAYS
from rrdyn.runtime import hub
from rrdyn.runtime.progress import say
from rrdyn.runtime.streams import generator

PATIENCE = 10.0
"""Seconds that `auto` gives the Hub to answer."""
SPLITS = ("train", "test")
UNIQUE_FOLDERS = ("data/maze-30x30-unique-1k", "maze-30x30-unique-1k")
"""Where the unique-path mazes may lie in their repository."""


def try_hub(recipe: SudokuRecipe | MazeRecipe) -> Gathered | None:
    """The published puzzles if there are any like these and the Hub answers in time; says why not otherwise."""
    repo = repository(recipe)
    unlike = unpublished(recipe)
    if unlike:
        say(f"{repo} has no {unlike}: puzzles are generated")
        return None
    if hub.offline():
        announce_generated("HF_HUB_OFFLINE is set", repo)
        return None
    try:
        listing = hub.ask(_dataset(repo), seconds=PATIENCE)
    except hub.Unreachable as error:
        announce_generated(error.found or error.problem, repo)
        return None
    return _gathered(recipe, listing)


def from_hub(recipe: SudokuRecipe | MazeRecipe) -> Gathered:
    """Download the published puzzles (or take them from the cache) and read them."""
    repo = repository(recipe)
    unlike = unpublished(recipe)
    if unlike and recipe.repo is None:
        raise InputError(f"{repo} has no {unlike}", expected="what is published", run="use --source generate")
    return _gathered(recipe, None)


def _gathered(recipe: SudokuRecipe | MazeRecipe, listing: hub.Listing | None) -> Gathered:
    repo = repository(recipe)
    if isinstance(recipe, MazeRecipe) and recipe.unique and recipe.repo is None:
        return _from_folder(recipe, repo, listing)
    names = [f"{split}.csv" for split in SPLITS]
    pulled = _fetched(recipe, repo, names, listing)
    train, test = (pulled.root / name for name in names)
    name = f"{_dataset(repo).repo}-hub"
    return from_files(recipe, train, test, source="hub", name=name, repo=repo, commit=pulled.commit)


def repository(recipe: SudokuRecipe | MazeRecipe) -> str:
    """The dataset repository that a recipe means."""
    if recipe.repo:
        return recipe.repo
    if isinstance(recipe, SudokuRecipe):
        return HUB_SUDOKU
    return HUB_UNIQUE if recipe.unique else HUB_MAZE


def unpublished(recipe: SudokuRecipe | MazeRecipe) -> str | None:
    """What the recipe asks for that only a generator can give."""
    if isinstance(recipe, SudokuRecipe):
        if recipe.size != 9:
            return f"puzzles of {recipe.size}x{recipe.size}"
        return "number of clues to choose" if recipe.clues is not None else None
    if recipe.size != 30:
        return f"mazes of {recipe.size}x{recipe.size}"
    return "least length to choose" if recipe.min_length is not None else None


def _dataset(repo: str) -> hub.Ref:
    return replace(hub.parse(repo), kind="dataset")


def _fetched(
    recipe: SudokuRecipe | MazeRecipe, repo: str, names: Sequence[str], listing: hub.Listing | None
) -> hub.Pulled:
    """These files of a dataset repository, whole: from the Hub, or from the cache when it is not to be asked."""
    with _or_generated():
        if recipe.offline:
            return hub.cached(_dataset(repo), names, why="--offline is set")
        return hub.fetch(_dataset(repo), names, listing=listing)


@contextmanager
def _or_generated() -> Iterator[None]:
    """Say, where the Hub's puzzles cannot be had, that there are others."""
    try:
        yield
    except (InputError, hub.Unreachable) as error:
        raise type(error)(
            error.problem,
            found=error.found,
            expected=error.expected,
            run=f"{error.run}; or --source generate" if error.run else "--source generate",
        ) from None


def _from_folder(recipe: MazeRecipe, repo: str, listing: hub.Listing | None) -> Gathered:
    """Puzzles that are published as a dataset folder."""
    folder, commit = _fetch_folder(recipe, repo, listing)
    first, second = open_split(folder, "train"), open_split(folder, "test")
    rng = generator(recipe.seed, "subsample")
    n = DEFAULT_N if recipe.n is None else recipe.n or None
    splits = cut_validation(
        first.puzzle, _originals(first), _originals(second), n=n, val_groups=recipe.val_groups, rng=rng
    )
    return Gathered(
        puzzle=first.puzzle,
        splits=splits,
        name=f"{folder.name}-hub",
        source="hub",
        origin={"repo": repo, "commit": commit},
        files=[folder / split / f"all__{array}.npy" for split in SPLITS for array in ("inputs", "labels")],
    )


def _fetch_folder(recipe: MazeRecipe, repo: str, listing: hub.Listing | None) -> tuple[Path, str]:
    """The dataset folder in the cache, whole, wherever in the repository it lies; and its commit."""
    names = ("dataset.json", *(f"all__{array}.npy" for array in ARRAYS))

    def at(folder: str) -> tuple[Path, str]:
        members = [f"{folder}/{split}/{name}" for split in SPLITS for name in names]
        pulled = _fetched(recipe, repo, members, listing)
        return pulled.root / folder, pulled.commit

    *guesses, last = UNIQUE_FOLDERS
    for folder in guesses:
        with suppress(InputError, hub.Unreachable):
            return at(folder)
    return at(last)


def _originals(split: PuzzleSplit) -> Puzzles:
    inputs = np.asarray(split.inputs[split.originals], dtype=np.uint8)
    labels = np.asarray(split.labels[split.originals], dtype=np.uint8)
    difficulty = split.difficulty[split.originals] if split.difficulty is not None else None
    return Puzzles(inputs, labels, split.puzzle.difficulty(inputs, labels) if difficulty is None else difficulty)
