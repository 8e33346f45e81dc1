"""What an npz artifact holds: its arrays, their shapes and units, under a name and a version."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from rrdyn.artifacts.errors import InputError

ANY_COMMAND = "rrdyn --help lists the command that writes each artifact"
INDICES = "idx"
"""The array that names the puzzle of each row."""
KINDS = {"float": "f", "int": "iu", "bool": "biuf", "text": "US"}


@dataclass(frozen=True, kw_only=True)
class Array:
    """One array of an artifact: named dimensions such as "N S", a kind, its meaning with units."""

    dims: str
    kind: str
    doc: str
    required: bool = True

    @property
    def axes(self) -> list[str]:
        return self.dims.split()


@dataclass(frozen=True, kw_only=True)
class Schema:
    """A named, versioned set of arrays; equal dimension names mean equal sizes within one file."""

    name: str
    version: int
    doc: str
    arrays: dict[str, Array]
    made_by: str = ANY_COMMAND
    """The command line that writes one, for messages."""

    def check(self, arrays: dict[str, np.ndarray], where: str) -> None:
        """Raise InputError where a key is missing, of another kind, shapes disagree, or a puzzle is there twice."""
        missing = [key for key, spec in self.arrays.items() if spec.required and key not in arrays]
        if missing:
            raise InputError(
                f"{where} lacks {', '.join(missing)}",
                found=", ".join(sorted(arrays)) or "no arrays",
                expected=f"a {self.name} file ({self.doc})",
            )
        sizes: dict[str, tuple[int, str]] = {}
        for key, spec in self.arrays.items():
            if key in arrays:
                _check_array(key, arrays[key], spec, sizes, where)
        if INDICES in self.arrays and INDICES in arrays:
            _check_once_each(arrays[INDICES], where)


def _check_array(key: str, array: np.ndarray, spec: Array, sizes: dict[str, tuple[int, str]], where: str) -> None:
    if array.dtype.kind not in KINDS[spec.kind]:
        raise InputError(f"{where}: {key} has the wrong type", found=array.dtype, expected=spec.kind)
    if array.ndim != len(spec.axes):
        raise InputError(f"{where}: {key} has the wrong shape", found=array.shape, expected=f"({', '.join(spec.axes)})")
    if spec.kind == "bool" and array.dtype.kind != "b":
        odd = array[~(np.isin(array, (0, 1)) | np.isnan(array))]
        if odd.size:
            raise InputError(f"{where}: {key} is neither true nor false", found=odd.ravel()[0], expected="0 or 1")
    for axis, size in zip(spec.axes, array.shape):
        first_size, first_key = sizes.setdefault(axis, (size, key))
        if size != first_size:
            raise InputError(
                f"{where}: {key} has the wrong shape",
                found=f"{axis} = {size} in {key} {array.shape}, but {axis} = {first_size} in {first_key}",
                expected=f"({', '.join(spec.axes)})",
            )


def _check_once_each(idx: np.ndarray, where: str) -> None:
    """A puzzle that is there twice would count twice, and narrow every interval."""
    found, times = np.unique(idx, return_counts=True)
    twice = found[times > 1]
    if len(twice):
        first = ", ".join(map(str, twice[:5].tolist())) + (", ..." if len(twice) > 5 else "")
        raise InputError(
            f"{where} holds {len(twice)} puzzles more than once",
            found=f"{INDICES} {first}",
            expected="each puzzle once",
            run="rrdyn merge joins files of disjoint puzzles",
        )
