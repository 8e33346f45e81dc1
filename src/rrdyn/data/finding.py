"""Finding the dataset that a checkpoint was trained on, wherever the study has been moved to.

A checkpoint names a path, as it was typed, and the digest of the training split. What lies at a path is taken only
where its digest is that one.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

from rrdyn.artifacts.errors import InputError
from rrdyn.artifacts.places import entries, is_file, resolved
from rrdyn.data.folder import digest_of, split_files

DATA = Path("data")
"""Where datasets are made by default."""
MOST_ABOVE, MOST_BESIDE = 6, 1000
"""Folders above a checkpoint that are searched, and what is looked at in one of them."""


def find_dataset(digest: str, named: Path | str, near: Path) -> Path | None:
    """The folder whose training split has that digest; None where none is found.

    named : the path that the checkpoint names.
    near : the checkpoint. Looked for at the path as written and below every folder above the checkpoint; then by the
        last parts of its name, and among all that lies beside those folders, in the current folder and in data/.
    """
    tried = set()
    for folder in _places(Path(named), near):
        place = resolved(folder)
        if place not in tried and is_file(folder / "train" / "dataset.json") and _digest(folder) == digest:
            return folder
        tried.add(place)
    return None


def _places(named: Path, near: Path) -> Iterator[Path]:
    above = list(Path(os.path.abspath(near)).parents)
    yield from (base / named for base in (Path(), *above))
    searched = [base for base in (*above[:MOST_ABOVE], Path()) if base != base.parent or base == Path()]
    tails = [Path(*named.parts[-n:]) for n in range(len(named.parts) - 1, 0, -1)]
    yield from (base / tail for base in searched for tail in tails)
    for base in searched:
        for folder in (base, base / DATA):
            yield from islice(_beside(folder), MOST_BESIDE)


def _beside(folder: Path) -> list[Path]:
    try:
        return entries(folder)
    except InputError:
        return []


def _digest(folder: Path) -> str | None:
    try:
        return digest_of(split_files(folder, "train"))
    except InputError:  # half a dataset, or a stranger's
        return None
