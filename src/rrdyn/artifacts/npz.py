"""npz artifacts: arrays under a schema with a JSON `meta` string, never a pickle."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from rrdyn.artifacts.errors import InputError
from rrdyn.artifacts.files import dump_json, existing, replacing
from rrdyn.artifacts.schema import ANY_COMMAND, Schema
from rrdyn.artifacts.schemas import SCHEMAS


@dataclass(frozen=True, kw_only=True)
class Artifact(Mapping[str, np.ndarray]):
    """A read npz file: a mapping of its arrays, with its `meta` and the schema it satisfies."""

    path: Path
    schema: Schema | None
    arrays: dict[str, np.ndarray]
    meta: dict[str, Any]

    def __getitem__(self, key: str) -> np.ndarray:
        return self.arrays[key]

    def __iter__(self) -> Iterator[str]:
        return iter(self.arrays)

    def __len__(self) -> int:
        return len(self.arrays)


def write_npz(path: Path | str, schema: Schema, arrays: dict[str, np.ndarray], meta: dict[str, Any]) -> Path:
    """Check the arrays against the schema and write them with `meta`; equal content gives equal bytes."""
    path = Path(path)
    schema.check(arrays, str(path))
    meta = {"schema": schema.name, "schema_version": schema.version, **meta}
    with replacing(path) as partial, open(partial, "wb") as stream:
        np.savez(stream, allow_pickle=False, meta=np.array(dump_json(meta, indent=None)), **arrays)
    return path


def read_npz(path: Path | str, schema: Schema | None = None) -> Artifact:
    """Read and check an npz file. Without `schema` the one its meta names is used, if any.

    Raises InputError for a missing, truncated, foreign or pickled file, a missing key or a wrong shape.
    """
    run = schema.made_by if schema else ANY_COMMAND
    path = existing(path, run=run)
    if path.is_dir():
        inside = sorted(path.rglob("*.npz"))
        raise InputError(f"{path} is a folder", expected="an npz file", run=f"with {inside[0]}" if inside else run)
    arrays = _read_arrays(path)
    meta = _read_meta(arrays.pop("meta", None), path)
    named = SCHEMAS.get(str(meta.get("schema")))
    if schema is not None and named is not None and named.name != schema.name:
        raise InputError(
            f"{path} is another kind of file",
            found=f"a {named.name} file",
            expected=f"a {schema.name} file",
            run=schema.made_by,
        )
    schema = schema or named
    if schema is not None:
        newest = meta.get("schema_version")
        if isinstance(newest, int) and newest > schema.version:
            raise InputError(
                f"{path} was written by a newer rrdyn",
                found=f"{schema.name} version {newest}",
                expected=f"version {schema.version} or older",
                run="pip install --upgrade rrdyn",
            )
        schema.check(arrays, str(path))
    return Artifact(path=path, schema=schema, arrays=arrays, meta=meta)


def _read_arrays(path: Path) -> dict[str, np.ndarray]:
    if not zipfile.is_zipfile(path):
        raise InputError(f"{path} is not a readable npz file", found=_first_bytes(path), expected="a zip of npy arrays")
    try:
        with np.load(path, allow_pickle=False) as members:
            return {key: members[key] for key in members.files}
    except ValueError as error:
        if "allow_pickle" in str(error):
            raise InputError(
                f"{path} holds pickled objects", expected="plain arrays only: a pickle can run code when it is read"
            ) from None
        raise InputError(f"{path} is not a readable npz file", found=error) from None
    except (OSError, zipfile.BadZipFile, EOFError, KeyError, NotImplementedError, MemoryError) as error:
        raise InputError(
            f"{path} is damaged", found=error, run="write it again with the command that made it"
        ) from None


def _first_bytes(path: Path) -> str:
    if path.is_dir():
        return "a folder"
    size = path.stat().st_size
    if size == 0:
        return "an empty file"
    with open(path, "rb") as stream:
        head = stream.read(16)
    if head.startswith(b"PK"):
        return f"a zip file cut short at {size} bytes"
    return f"a file of {size} bytes that begins with {head!r}"


def _read_meta(value: np.ndarray | None, path: Path) -> dict[str, Any]:
    if value is None:
        return {}
    try:
        meta = json.loads(str(value))
    except ValueError as error:
        raise InputError(f"{path}: meta is not JSON", found=error) from None
    return meta if isinstance(meta, dict) else {}
