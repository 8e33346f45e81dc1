"""npz artifacts: arrays under a schema with a JSON `meta` string, never a pickle."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from rrdyn.artifacts.arrays import read_arrays, read_npy
from rrdyn.artifacts.errors import InputError
from rrdyn.artifacts.files import dump_json, replacing
from rrdyn.artifacts.pasting import quoted
from rrdyn.artifacts.places import WEIGHTS, existing, exists, is_folder, shown
from rrdyn.artifacts.reading import parse_json
from rrdyn.artifacts.record import Meta
from rrdyn.artifacts.schema import ANY_COMMAND, INDICES, Schema
from rrdyn.artifacts.schemas import SCHEMAS

if TYPE_CHECKING:
    import polars as pl
    import xarray

__all__ = ["Artifact", "look_npz", "read_meta", "read_npy", "read_npz", "write_npz"]

BEGINS = b"PK"
"""What an npz file begins with."""


@dataclass(frozen=True, kw_only=True)
class Artifact(Mapping[str, np.ndarray]):
    """A read npz file: a mapping of its arrays, with its `meta` and the schema it satisfies."""

    path: Path
    schema: Schema | None
    arrays: dict[str, np.ndarray]
    meta: Meta

    def __getitem__(self, key: str) -> np.ndarray:
        return self.arrays[key]

    def __iter__(self) -> Iterator[str]:
        return iter(self.arrays)

    def __len__(self) -> int:
        return len(self.arrays)

    def to_polars(self) -> pl.DataFrame:
        """A row a puzzle; arrays of more than one axis are columns of arrays."""
        from rrdyn.artifacts.frame import to_polars

        return to_polars(self.arrays)

    def to_xarray(self) -> xarray.Dataset:
        """Arrays under the named dimensions of the schema; see `rrdyn.artifacts.frame.to_xarray`."""
        from rrdyn.artifacts.frame import to_xarray

        return to_xarray(self.arrays, self.schema, self.meta)


def write_npz(path: Path | str, schema: Schema, arrays: dict[str, np.ndarray], meta: Meta) -> Path:
    """Check the arrays against the schema and write them with `meta`; equal content gives equal bytes."""
    path = Path(path)
    schema.check(arrays, shown(path))
    meta = {"schema": schema.name, "schema_version": schema.version, **meta}
    with replacing(path, begins=BEGINS) as partial, open(partial, "wb") as stream:
        np.savez(stream, allow_pickle=False, meta=np.array(dump_json(meta, indent=None)), **arrays)
    return path


GO_ON = "the command that measures it once more: it goes on from {}"


def unfinished(path: Path | str) -> Path:
    """The folder beside an output in which the parts of a measurement lie until it is whole."""
    path = Path(path)
    return path.with_name(f"{path.name}.parts")


def read_npz(path: Path | str, schema: Schema | None = None) -> Artifact:
    """Read and check an npz file. Without `schema` the one its meta names is used, if any.

    Raises InputError for a missing, truncated, foreign or pickled file, a missing key or a wrong shape.
    """
    return _read(path, schema, lambda name, size: True)


def look_npz(path: Path | str, *, most: int) -> Artifact:
    """As `read_npz`, but of arrays of more than so many bytes only what their headers say.

    Zeros of the same shape and type stand in for them, which take no memory; the indices of puzzles are always read.
    """
    return _read(path, None, lambda name, size: size <= most or name in ("meta", INDICES))


def read_meta(path: Path | str) -> Meta:
    """Where an npz file comes from, its arrays unread; {} where it does not say. Raises InputError as `read_npz`."""
    found = read_arrays(existing(path), wanted=lambda name, size: name == "meta")
    return _read_meta(found.get("meta"), Path(path))


def _read(path: Path | str, schema: Schema | None, wanted: Callable[[str, int], bool]) -> Artifact:
    run = schema.made_by if schema else ANY_COMMAND
    if is_folder(unfinished(path)):
        run = GO_ON.format(shown(unfinished(path)))
    path = existing(path, run=run)
    if is_folder(path):
        inside = sorted(path.glob("*.npz"))
        if not inside and (exists(path / WEIGHTS) or exists(path / "checkpoints")):
            raise InputError(
                f"{shown(path)} is a checkpoint", found="a folder with weights",
                expected="an npz file that a measurement of it wrote", run=f"rrdyn diagnose {quoted(path)}",
            )  # fmt: skip
        raise InputError(
            f"{shown(path)} is a folder", expected="an npz file", run=f"with {shown(inside[0])}" if inside else run
        )
    arrays = read_arrays(path, run=run, wanted=wanted)
    meta = _read_meta(arrays.pop("meta", None), path)
    named = SCHEMAS.get(str(meta.get("schema")))
    if schema is not None and named is not None and named.name != schema.name:
        raise InputError(
            f"{shown(path)} is another kind of file",
            found=f"a {named.name} file",
            expected=f"a {schema.name} file",
            run=schema.made_by,
        )
    schema = schema or named
    if schema is not None:
        newest = meta.get("schema_version")
        if isinstance(newest, int) and newest > schema.version:
            raise InputError(
                f"{shown(path)} was written by a newer rrdyn",
                found=f"{schema.name} version {newest}",
                expected=f"version {schema.version} or older",
                run="pip install --upgrade rrdyn",
            )
        schema.check(arrays, shown(path))
    return Artifact(path=path, schema=schema, arrays=arrays, meta=meta)


def _read_meta(value: np.ndarray | None, path: Path) -> Meta:
    if value is None:
        return {}
    meta = parse_json(str(value), f"{shown(path)}: meta")
    return meta if isinstance(meta, dict) else {}
