"""Arrays under a schema as tables: of polars, of xarray; and a table as a csv that is written whole or not at all."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl

from rrdyn.artifacts.errors import RrdynError
from rrdyn.artifacts.files import dump_json, replacing
from rrdyn.artifacts.record import Meta
from rrdyn.artifacts.schema import INDICES, Schema

if TYPE_CHECKING:
    import xarray


def write_frame(path: Path, table: pl.DataFrame) -> Path:
    """The csv of a table: a header line, an empty field for what is not there; returns the path."""
    with replacing(path) as partial, open(partial, "wb") as stream:  # polars opens names of UTF-8 only
        table.write_csv(stream)
    return path


def to_polars(arrays: Mapping[str, np.ndarray]) -> pl.DataFrame:
    """A row a puzzle (of `idx`, else of the first array); arrays of more than one axis are columns of arrays."""
    n = len(arrays[INDICES] if INDICES in arrays else next(iter(arrays.values())))
    return pl.DataFrame({key: column for key, column in arrays.items() if column.shape[:1] == (n,)})


def to_xarray(arrays: Mapping[str, np.ndarray], schema: Schema | None, meta: Meta) -> xarray.Dataset:
    """Every array under the named dimensions of its schema, `idx` as the coordinate of the puzzles; `doc` is kept with
    each, `meta` as JSON with all. An array the schema does not know has dimensions of its own.

    Raises RrdynError where xarray is not installed.
    """
    try:
        import xarray
    except ImportError:
        raise RrdynError("to_xarray needs xarray", run="pip install 'rrdyn[xarray]'") from None
    known = schema.arrays if schema else {}
    parts: dict[str, Any] = {}
    for key, array in arrays.items():
        spec = known.get(key)
        axes = spec.axes if spec else [f"{key}_{axis}" for axis in range(array.ndim)]
        parts[key] = (axes, array, {"doc": spec.doc} if spec else {})
    coordinates = {"N": (["N"], arrays[INDICES])} if INDICES in arrays else {}
    return xarray.Dataset(parts, coords=coordinates, attrs={"meta": dump_json(meta, indent=None)})
