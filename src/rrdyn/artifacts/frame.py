"""A table of polars as a csv that is written whole or not at all."""

from __future__ import annotations

from pathlib import Path

import polars as pl

from rrdyn.artifacts.files import replacing


def write_frame(path: Path, table: pl.DataFrame) -> Path:
    """The csv of a table: a header line, an empty field for what is not there; returns the path."""
    with replacing(path) as partial, open(partial, "wb") as stream:  # polars opens names of UTF-8 only
        table.write_csv(stream)
    return path
