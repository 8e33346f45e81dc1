"""Datasets made from the presets in `configs/data`, once: what a command uses where none is given."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

from rrdyn.artifacts.config import presets, read_preset
from rrdyn.artifacts.errors import InputError, UsageError
from rrdyn.artifacts.places import entries, is_folder, shown
from rrdyn.artifacts.record import Settings
from rrdyn.data.build import build, made_from
from rrdyn.data.recipe import Recipe
from rrdyn.data.record import RECORD
from rrdyn.data.registry import find_kind, kind_of, makeable, supplied
from rrdyn.runtime.progress import say


def recipe_of(task: str, settings: Settings) -> Recipe:
    """The recipe of a task, such as "sudoku" or "maze", from settings by name."""
    kind = find_kind(task)
    if kind is None or kind.recipe is None:
        raise UsageError("there is no such task", found=task, expected=" or ".join(sorted(makeable())))
    return kind.recipe(**settings)


def preset_recipe(preset: str) -> tuple[str, Recipe]:
    """Task and recipe of a preset in `configs/data`, by name, or of any YAML file with `task` and its settings."""
    settings = dict(read_preset("data", preset))
    task = settings.pop("task", None)
    if task is None:
        raise InputError(f"the data preset {preset} names no task", expected="task: sudoku or task: maze")
    return str(task), recipe_of(str(task), settings)


def ensure(task: str, preset: str, root: Path | str = "data") -> Path:
    """The dataset of a preset under `root`, made at the first call and found at the next.

    A folder made from other settings under the same name is refused, never overwritten.
    """
    known, recipe = preset_recipe(preset)
    if known != task:
        fitting = difflib.get_close_matches(task, presets("data"), n=3, cutoff=0.2)
        raise UsageError(f"the data preset {preset} is for {known}", found=task, expected=", ".join(fitting) or known)
    path = Path(root) / Path(preset).stem
    if is_folder(path) and entries(path):
        _require_same(path, recipe)
        return path
    say(f"no dataset at {shown(path)}: making it from the preset {preset}")
    return build(recipe, path, kind=find_kind(task))


def supply(seq_len: int, vocab_size: int, told: Mapping[str, object], root: Path | str = "data") -> Path | None:
    """The dataset of a model that names none, where its sizes say which puzzles it was made for; made once.

    `told`: what the model's file says of its training. None where no kind is certain. Raises as `ensure` does.
    """
    recipe = supplied(seq_len, vocab_size, told)
    if recipe is None:
        return None
    kind = kind_of(recipe)
    path = Path(root) / f"{kind.name}-{recipe.variant.rstrip('-')}"
    if not (is_folder(path) and entries(path)):
        say(f"the checkpoint names no dataset: {kind.name} puzzles of its sizes are made at {shown(path)}")
        with suppress(UsageError):  # another process has made it by now
            return build(recipe, path, kind=kind)
    _require_same(path, recipe)
    return path


def _require_same(path: Path, recipe: Recipe) -> None:
    if not made_from(path, recipe):
        raise InputError(
            f"{shown(path)} was made from other settings",
            found=f"another recipe, or none, in {path / RECORD}",
            expected="the dataset that is to be made",
            run="move that folder away, or give it by its path",
        )
