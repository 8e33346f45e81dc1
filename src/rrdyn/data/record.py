"""What a dataset says of itself: `rrdyn.json`, written beside the splits by whatever made the folder with rrdyn."""

from __future__ import annotations

from pathlib import Path

from pydantic import Field, RootModel

from rrdyn.artifacts.errors import InputError
from rrdyn.artifacts.places import exists, shown
from rrdyn.artifacts.reading import read_json
from rrdyn.artifacts.record import Record

RECORD, IDENTIFIERS = "rrdyn.json", "identifiers.json"
VERSION = 1


class Provenance(Record):
    """The part of the provenance that is read back."""

    inputs: dict[str, str] = Field(default_factory=dict)
    """Path -> sha256 of every file that was read."""


class DatasetRecord(Record):
    """`rrdyn.json`; of a folder that others made nothing is known, and every field has its default."""

    version: int = VERSION
    name: str | None = None
    """What the dataset is called; the folder may be called otherwise."""
    source: str | None = None
    """generate, csv, hub, or a word of whoever wrote it."""
    puzzle: dict[str, object] | None = None
    """What `Puzzle.describe` gave."""
    recipe: dict[str, object] | None = None
    """The settings that it was made from."""
    meta: Provenance = Provenance()


class Identifiers(RootModel[tuple[str, ...]]):
    """`identifiers.json`: the name of each puzzle identifier, the blank one first."""


def read_record(folder: Path) -> DatasetRecord:
    """The record of a dataset folder. Raises InputError where it is broken, or written by a newer rrdyn."""
    path = folder / RECORD
    if not exists(path):
        return DatasetRecord()
    record = read_json(path, DatasetRecord)
    if record.version > VERSION:
        raise InputError(
            f"{shown(path)} was written by a newer rrdyn",
            found=f"version {record.version}",
            expected=f"version {VERSION} or older",
            run="pip install --upgrade rrdyn",
        )
    return record


def read_identifiers(folder: Path) -> tuple[str, ...] | None:
    """The names of a dataset's puzzle identifiers; None where the folder does not hold them."""
    path = folder / IDENTIFIERS
    return read_json(path, Identifiers).root if exists(path) else None


def identifier_difference(here: tuple[str, ...] | None, trained: tuple[str, ...] | None) -> str | None:
    """In words, how the table of a dataset differs from the one that a model was trained with; None where it does not.

    A model looks its vector of a puzzle up by number: where the tables differ, it takes another puzzle's. A table that
    is not known (None) is not compared.
    """
    if here is None or trained is None or here == trained:
        return None
    other = next((n for n, (one, two) in enumerate(zip(here, trained)) if one != two), None)
    if other is None:
        return f"{len(here):,} puzzle identifiers, where the model was trained with {len(trained):,}"
    names = f"identifier {other} is {here[other]!r}, where the model was trained with {trained[other]!r}"
    count = sum(one != two for one, two in zip(here, trained)) + abs(len(here) - len(trained))
    return names + (f" ({count:,} differ)" if count > 1 else "")
