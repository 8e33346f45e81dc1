"""Tables that a figure is drawn from: which files are meant, and their columns as words and as numbers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from rrdyn.artifacts.errors import InputError
from rrdyn.artifacts.places import entries, existing, is_folder, shown
from rrdyn.artifacts.reading import read_table
from rrdyn.plotting.output import Output

WORDS = {"": "nan", "true": "1", "false": "0", "null": "nan"}


@dataclass(frozen=True)
class Tagged:
    """One `<kind>_<tag><suffix>`; `short` tells its picture from those of further tags, empty where there are none."""

    folder: Path
    file: Path
    tag: str
    short: str

    @property
    def name(self) -> str:
        """The file's name without its suffix."""
        return self.file.stem


def tagged(path: Path, kind: str, suffix: str, run: str, out: Output) -> list[Tagged]:
    """The files behind a folder or one `<kind>_<tag><suffix>`; `out` is told their tags. InputError for none."""
    path = existing(path, run=run)
    folder, files = (path, entries(path)) if is_folder(path) else (path.parent, [path])
    found = {
        file.name.removesuffix(suffix).removeprefix(f"{kind}_"): file
        for file in files
        if file.name.startswith(f"{kind}_") and file.name.endswith(suffix) and ".data." not in file.name
    }
    if not found:
        raise InputError(
            f"{shown(path)} is not what this figure is drawn from", expected=f"{kind}_<tag>{suffix}", run=run
        )
    out.told, out.text = {"tags": list(found)}, f"drew {', '.join(found)}"
    return [Tagged(folder, file, tag, tag if len(found) > 1 else "") for tag, file in found.items()]


def read_columns(
    path: Path, needed: Sequence[str] = (), *, empty: bool = False, run: str | None = None
) -> dict[str, list[str]]:
    """A csv with a header line, column by column. InputError for one without a column of `needed`, and for one without
    rows unless it may be `empty`."""
    rows = read_table(path, run=run)
    if len(rows) == 1 and not empty:
        raise InputError(f"{shown(path)} has no rows", expected="a header line and a row at least", run=run)
    if not rows:
        raise InputError(f"{shown(path)} is empty", expected="a csv with a header line", run=run)
    short = next((number for number, row in enumerate(rows, 1) if len(row) != len(rows[0])), None)
    if short is not None:
        raise InputError(
            f"{shown(path)} is damaged",
            found=f"{len(rows[short - 1])} fields in line {short}",
            expected=f"{len(rows[0])} fields",
            run=run,
        )
    missing = [name for name in needed if name not in rows[0]]
    if missing:
        raise InputError(
            f"{shown(path)} lacks {', '.join(missing)}",
            found=", ".join(rows[0])[:200],
            expected=", ".join(needed),
            run=run,
        )
    return {name: [row[place] for row in rows[1:]] for place, name in enumerate(rows[0])}


def numbers(values: Sequence[str]) -> np.ndarray:
    """Numbers of a column; empty fields and infinities are NaN, true and false are 1 and 0."""
    try:
        found = np.array([float(WORDS.get(value.lower(), value)) for value in values])
    except ValueError:
        return np.full(len(values), np.nan)  # a column of names is none that a figure draws
    return np.where(np.isfinite(found), found, np.nan)


def read_numbers(
    path: Path, needed: Sequence[str], *, empty: bool = False, run: str | None = None
) -> dict[str, np.ndarray]:
    """Every column as numbers; InputError where one of `needed` has a row without a number."""
    columns = read_columns(path, needed, empty=empty, run=run)
    return checked({name: numbers(words) for name, words in columns.items()}, path, needed)


def checked(values: dict[str, np.ndarray], path: Path, whole: Sequence[str]) -> dict[str, np.ndarray]:
    """The columns, if those of `whole` have a number in every row."""
    for name in whole:
        if np.isnan(values[name]).any():
            row = int(np.isnan(values[name]).argmax())
            raise InputError(f"{shown(path)}: {name} is no number in row {row + 1}", expected="a finite number")
    return values
