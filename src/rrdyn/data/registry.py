"""The kinds of puzzle that are known by name: ours, and those that plug-ins register."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from pathlib import Path
from typing import TypeVar

import numpy as np

from rrdyn.artifacts.errors import InputError, RrdynError, UsageError
from rrdyn.artifacts.places import existing, exists, said, shown
from rrdyn.artifacts.record import Meta
from rrdyn.data.puzzle import Puzzle
from rrdyn.data.recipe import Recipe
from rrdyn.data.tokens import Tokens, unknown_grid
from rrdyn.runtime.plugins import HOW_TO_ADD, load_plugins

Kind = TypeVar("Kind", bound=type[Puzzle])
KINDS: dict[str, type[Puzzle]] = {Tokens.name: Tokens}


def register(kind: Kind) -> Kind:
    """Make a kind known by its name, so that datasets of it are opened with its checker and drawing, and made."""
    known = KINDS.get(kind.name)
    if known is not None and (known.__module__, known.__qualname__) != (kind.__module__, kind.__qualname__):
        raise UsageError(
            f"two kinds of puzzle are called {kind.name!r}",
            found=f"{kind.__module__}.{kind.__qualname__}",
            expected=f"another name: {known.__module__}.{known.__qualname__} has this one",
        )
    KINDS[kind.name] = kind
    return kind


def find_kind(name: object) -> type[Puzzle] | None:
    """The kind of that name; plug-ins are loaded where it is not known yet."""
    if str(name) not in KINDS:
        load_plugins()
    return KINDS.get(str(name))


def makeable() -> dict[str, type[Puzzle]]:
    """Kinds that have a recipe: those of `rrdyn data`, plug-ins included."""
    load_plugins()
    return {name: kind for name, kind in KINDS.items() if kind.recipe is not None}


def task_or_folder(data: str) -> tuple[str | None, Path]:
    """What `rrdyn train DATA` may name: a task, or a dataset folder, whose path comes second. Raises InputError."""
    if data in makeable():
        return data, Path()
    near = difflib.get_close_matches(data, makeable(), n=1)
    if near and not exists(data):
        raise InputError(f"{shown(data)} does not exist", expected=f"a dataset folder; did you mean {near[0]!r}?",
                         run=f"rrdyn train {near[0]}")  # fmt: skip
    return None, existing(data, run="rrdyn data sudoku, or rrdyn train sudoku")


def kind_of(recipe: Recipe) -> type[Puzzle]:
    """The kind whose datasets are made from such a recipe."""
    for kind in KINDS.values():
        if kind.recipe is type(recipe):
            return kind
    raise UsageError(f"no kind of puzzle is made from a {type(recipe).__name__}")


def from_description(description: Meta, where: str = "the dataset") -> Puzzle:
    """The puzzle that a dataset recorded with `Puzzle.describe`; `where` names its place in a message.

    Raises InputError where nobody knows the kind, or the kind does not take what is described.
    """
    fields = dict(description)
    name = str(fields.pop("kind", None))
    kind = find_kind(name)
    if kind is None:
        raise InputError(
            f"{where}: there is no kind of puzzle called {name[:80]!r}",
            expected="one of " + ", ".join(sorted(KINDS)),
            run=HOW_TO_ADD,
        )
    try:
        return kind(**fields)
    except RrdynError as error:  # what is a bad setting of a command is a bad file here
        raise InputError(f"{where}: {error.problem}", found=error.found, expected=error.expected) from None
    except Exception as error:  # of a class that may be anybody's, about values that may be anything
        raise InputError(
            f"{where}: there is no {name} puzzle like this", found=said(error), expected="what its `describe` gives"
        ) from None


def recognised(seq_len: int, vocab_size: int, sample: np.ndarray | str) -> Puzzle:
    """The puzzle of so many cells and tokens; `sample`, questions (N, L) or a text, settles what these leave open."""
    load_plugins()
    fitting = [puzzle for kind in KINDS.values() if (puzzle := kind.fitting(seq_len, vocab_size)) is not None]
    likely = [puzzle for puzzle in fitting if puzzle.plausible(sample)]
    likely = likely or [puzzle for puzzle in fitting if not puzzle.by_look]
    return likely[0] if likely else unknown_grid(seq_len, vocab_size)


def supplied(seq_len: int, vocab_size: int, told: Mapping[str, object]) -> Recipe | None:
    """The recipe of the puzzles that a model of these sizes must have been made for; None where that is not certain."""
    recipes = (kind.supplying(seq_len, vocab_size, told) for kind in makeable().values())
    return next((recipe for recipe in recipes if recipe is not None), None)
