"""The published puzzles on the Hugging Face Hub.

Files come into the Hub's usual cache (`runtime/hub.py`); a dataset folder is written only when all of them are there.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path

import numpy as np

from rrdyn.artifacts.errors import InputError, UsageError
from rrdyn.data.collection import Collection
from rrdyn.data.csv_source import from_files
from rrdyn.data.equality import cut_validation
from rrdyn.data.folder import PuzzleSplit, open_split
from rrdyn.data.puzzle import Puzzle
from rrdyn.data.recipe import DEFAULT_N, Recipe
from rrdyn.data.source import Gathered
from rrdyn.data.writer import ARRAYS
from rrdyn.runtime import hub
from rrdyn.runtime.progress import say
from rrdyn.runtime.streams import generator

PATIENCE = 10.0
"""Seconds that `auto` gives the Hub to answer."""
SPLITS = ("train", "test")


def try_hub(recipe: Recipe, kind: type[Puzzle]) -> Gathered | None:
    """The published puzzles if there are any like these and the Hub answers in time; says why not otherwise."""
    repo, unlike = recipe.repository, recipe.unpublished
    if repo is None or unlike:
        say(f"{repo} has no {unlike}: puzzles are generated" if repo else f"{kind.name} puzzles are generated")
        return None
    if hub.offline():
        _instead(repo, "HF_HUB_OFFLINE is set")
        return None
    try:
        listing = hub.ask(_dataset(repo), seconds=PATIENCE)
    except hub.Unreachable as error:
        _instead(repo, error.found or error.problem)
        return None
    return _gathered(recipe, kind, repo, listing)


def _instead(repo: str, reason: str) -> None:
    say(f"NOTE: {repo} cannot be had ({reason}).")
    say("NOTE: generated puzzles of the same kind are made instead; the folder's name and rrdyn.json say so.")


def from_hub(recipe: Recipe, kind: type[Puzzle]) -> Gathered:
    """Download the published puzzles (or take them from the cache) and read them."""
    repo, unlike = recipe.repository, recipe.unpublished
    if repo is None:
        raise UsageError(f"no published {kind.name} puzzles are known", run="--repo OWNER/NAME, or --source generate")
    if unlike and recipe.repo is None:
        raise InputError(f"{repo} has no {unlike}", expected="what is published", run="use --source generate")
    return _gathered(recipe, kind, repo, None)


def _gathered(recipe: Recipe, kind: type[Puzzle], repo: str, listing: hub.Listing | None) -> Gathered:
    if recipe.published_folders:
        return _from_folder(recipe, repo, listing)
    names = [f"{split}.csv" for split in SPLITS]
    pulled = _fetched(recipe, repo, names, listing)
    train, test = (pulled.root / name for name in names)
    name = f"{_dataset(repo).repo}-hub"
    return from_files(recipe, kind, train, test, source="hub", name=name, repo=repo, commit=pulled.commit)


def _dataset(repo: str) -> hub.Ref:
    return replace(hub.parse(repo), kind="dataset")


def _fetched(recipe: Recipe, repo: str, names: Sequence[str], listing: hub.Listing | None) -> hub.Pulled:
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


def _from_folder(recipe: Recipe, repo: str, listing: hub.Listing | None) -> Gathered:
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


def _fetch_folder(recipe: Recipe, repo: str, listing: hub.Listing | None) -> tuple[Path, str]:
    """The dataset folder in the cache, whole, wherever in the repository it lies; and its commit."""
    names = ("dataset.json", *(f"all__{array}.npy" for array in ARRAYS))

    def at(folder: str) -> tuple[Path, str]:
        members = [f"{folder}/{split}/{name}" for split in SPLITS for name in names]
        pulled = _fetched(recipe, repo, members, listing)
        return pulled.root / folder, pulled.commit

    *guesses, last = recipe.published_folders
    for folder in guesses:
        with suppress(InputError, hub.Unreachable):
            return at(folder)
    return at(last)


def _originals(split: PuzzleSplit) -> Collection:
    inputs = np.asarray(split.inputs[split.originals], dtype=np.uint8)
    labels = np.asarray(split.labels[split.originals], dtype=np.uint8)
    difficulty = split.difficulty[split.originals] if split.difficulty is not None else None
    return Collection(inputs, labels, split.puzzle.difficulty(inputs, labels) if difficulty is None else difficulty)
