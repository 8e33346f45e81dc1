"""Sizes that a published config leaves out: puzzle length, vocabulary, identifiers.

They are taken from the config, else from the tensors, else from the dataset, else (the length of a rotary model,
which its weights do not show) from the name of a well-known dataset.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from rrdyn.artifacts.errors import InputError
from rrdyn.artifacts.places import entries, exists, is_file, is_folder, shown
from rrdyn.artifacts.reading import read_json
from rrdyn.models.building import model_config
from rrdyn.models.config import SIZES, ModelConfig
from rrdyn.models.family import Shaped, find_family

KNOWN_LENGTHS = {("sudoku", 11): 81, ("maze-30x30", 6): 900, ("arc", 12): 900}
"""(word in the dataset's name, vocabulary) -> length, of the datasets upstream's builders make."""


def complete(
    arch: Mapping[str, Any],
    tensors: Mapping[str, Shaped],
    *,
    given: Path | None,
    named: str | None,
    near: Path,
    any_length: int | None = None,
) -> ModelConfig:
    """The config with its sizes; `given` dataset folder, `named` by the checkpoint, looked for from `near` upwards.

    `any_length` stands in for a puzzle length that is known nowhere, which otherwise raises InputError.
    """
    folder = given if given is not None else resolve_dataset(named, near)
    stated = dataset_sizes(folder) if folder is not None else {}
    if given is not None and not stated:
        raise InputError(f"{shown(given)} is not a dataset folder", expected="test/dataset.json in it")
    sizes = {**stated, **find_family(arch.get("name")).sizes(tensors, arch)}
    if "seq_len" not in arch and "seq_len" not in sizes:
        length = _well_known(named, sizes.get("vocab_size")) or any_length
        if length is None:
            raise _no_length(named)
        sizes["seq_len"] = length
    config = model_config(arch, **{key: value for key, value in sizes.items() if arch.get(key) is None})
    if given is not None:
        _check_fit(config, stated, given)
    return config


def dataset_sizes(folder: Path) -> dict[str, int]:
    """seq_len, vocab_size, num_puzzle_identifiers as a dataset states them; {} where it is no dataset folder."""
    candidates = [folder / "test" / "dataset.json", folder / "train" / "dataset.json", folder / "dataset.json"]
    published = [child for child in entries(folder) if child.name.endswith("_meta.json")] if is_folder(folder) else []
    for path in [folder, *candidates, *published]:
        if is_file(path) and path.suffix == ".json":
            stated = read_json(path)
            if isinstance(stated, dict):
                return {key: stated[key] for key in SIZES if type(stated.get(key)) is int}
    return {}


def resolve_dataset(named: str | None, near: Path) -> Path | None:
    """The folder a checkpoint names, as written or relative to a folder above the checkpoint; None if not here."""
    if not named:
        return None
    for base in (Path(), *near.absolute().parents):
        if exists(base / named):
            return base / named
    return None


def _well_known(named: str | None, vocab_size: int | None) -> int | None:
    for (word, vocabulary), length in KNOWN_LENGTHS.items():
        if named and word in Path(named).name.lower() and vocab_size == vocabulary:
            return length
    return None


def _no_length(named: str | None) -> InputError:
    return InputError(
        "the length of the puzzles is written neither in the config nor in the weights",
        found=f"rotary positions, dataset {named or 'not named'}" + (" (not on this machine)" if named else ""),
        expected="the dataset the model was trained on",
        run="add --data FOLDER",
    )


def _check_fit(config: ModelConfig, stated: Mapping[str, int], folder: Path) -> None:
    wrong = [key for key in ("seq_len", "vocab_size") if key in stated and stated[key] != getattr(config, key)]
    rows = stated.get("num_puzzle_identifiers", 0)
    if config.has_puzzle_vectors and rows > config.num_puzzle_identifiers:
        wrong.append("num_puzzle_identifiers")
    if wrong:
        raise InputError(
            f"the dataset {shown(folder)} does not fit the checkpoint",
            found=", ".join(f"{key} {stated[key]}" for key in wrong),
            expected=", ".join(f"{key} {getattr(config, key)}" for key in wrong),
        )
