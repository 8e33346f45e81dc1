"""A finished figure with what belongs beside it: the drawn numbers, a caption, where it came from."""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from rrdyn.artifacts.errors import RrdynError
from rrdyn.artifacts.files import dump_json, replacing, write_text
from rrdyn.artifacts.places import is_file, shown, spelled
from rrdyn.artifacts.provenance import provenance
from rrdyn.artifacts.reading import read_bytes
from rrdyn.artifacts.record import Meta
from rrdyn.plotting.style import Style
from rrdyn.version import __version__

PICTURES, BESIDE = (".png", ".pdf"), (".data.csv", ".caption.txt")
ON_REQUEST = ".svg"
MARK = re.compile(rb"rrdyn \d")
"""What every picture of ours says of who wrote it."""


class Table:
    """The numbers a figure shows, in rows; columns appear as they are first named."""

    def __init__(self) -> None:
        self.columns: list[str] = []
        self.rows: list[dict[str, object]] = []

    def add(self, **columns: Any) -> None:
        """Add one row, or as many as the longest column; single values are repeated."""
        self.columns += [name for name in columns if name not in self.columns]
        arrays = {name: np.atleast_1d(np.asarray(value)) for name, value in columns.items()}
        length = max(array.size for array in arrays.values())
        wide = {name: np.broadcast_to(array, (length,)).tolist() for name, array in arrays.items()}
        self.rows += [dict(zip(wide, values)) for values in zip(*wide.values())]

    def __iter__(self) -> Iterator[dict[str, object]]:
        return iter(self.rows)

    def where(self, **equal: Any) -> list[dict[str, object]]:
        return [row for row in self.rows if all(row.get(key) == value for key, value in equal.items())]

    def column(self, name: str, **equal: Any) -> np.ndarray:
        return np.array([row.get(name) for row in self.where(**equal)])

    def csv(self) -> str:
        out = io.StringIO()
        writer = csv.writer(out, lineterminator="\n")
        writer.writerow(self.columns)
        writer.writerows([_cell(row.get(name)) for name in self.columns] for row in self.rows)
        return out.getvalue()


def _cell(value: Any) -> str:
    if value is None or (isinstance(value, float) and value != value):
        return ""
    return f"{value:.9g}" if isinstance(value, float) else str(value)


@dataclass(frozen=True, kw_only=True)
class Plate:
    """A drawn figure. `caption` is a full one, ready for a paper; `alt` says what is seen, for who cannot see it."""

    figure: Figure
    table: Table
    caption: str
    alt: str = ""
    notes: list[str] = field(default_factory=list)

    @property
    def words(self) -> str:
        """Caption and notes."""
        return " ".join([self.caption, *self.notes])


def save(plate: Plate, stem: Path | str, style: Style, *, meta: Meta, svg: bool = False) -> list[Path]:
    """Write `stem` .png, .pdf, with `svg` .svg, .data.csv and .caption.txt; drawing again gives the same bytes.

    No date is kept. Call it inside `style.active()`: fonts and ground are settings of the saving too.
    """
    stem = Path(stem)
    table = plate.table.csv()
    refuse_foreign(stem, table)
    caption = plate.words
    origin = dump_json(meta, indent=None)
    title = f"{spelled(stem.name)} (rrdyn {__version__})"
    png = {
        "Title": title,
        "Description": caption,
        "Source": str(meta.get("command", "")),
        "rrdyn": origin,
        "Alt": plate.alt,
    }
    png["Software"] = f"rrdyn {__version__}, matplotlib"
    pdf = {"Title": title, "Subject": caption, "Keywords": origin, "Creator": f"rrdyn {__version__}"}
    words = {"Title": title, "Description": caption, "Source": str(meta.get("command", "")), "Coverage": origin,
             "Creator": f"rrdyn {__version__}", "Date": None}  # fmt: skip
    kinds = {".png": png, ".pdf": {**pdf, "CreationDate": None, "ModDate": None}} | ({ON_REQUEST: words} if svg else {})
    plate.figure.draw_without_rendering()
    plate.figure.set_layout_engine("none")  # one layout for all of them
    wrote = []
    for suffix, metadata in kinds.items():
        path = stem.with_name(stem.name + suffix)
        with replacing(path) as partial:
            plate.figure.savefig(partial, format=suffix[1:], dpi=style.format.dpi, metadata=metadata)
        wrote.append(path)
    wrote.append(write_text(stem.with_name(stem.name + ".data.csv"), table))
    wrote.append(write_text(stem.with_name(stem.name + ".caption.txt"), caption + "\n"))
    return wrote


def refuse_foreign(stem: Path, table: str) -> None:
    """Raise RrdynError where a file that no figure of ours wrote has a name that one is about to take.

    A picture is ours if it says so. What lies beside one is; without a picture, a table with the same columns is.
    """
    ends = ((*PICTURES, ON_REQUEST), BESIDE)
    pictures, (numbers, caption) = ([stem.with_name(stem.name + end) for end in kind] for kind in ends)
    there = [path for path in pictures if is_file(path)]
    foreign = next((path for path in there if not MARK.search(read_bytes(path))), None)
    if not there and is_file(numbers):
        head = table.encode().partition(b"\n")[0]
        foreign = None if read_bytes(numbers).partition(b"\n")[0] == head else numbers
    elif not there and is_file(caption):
        foreign = caption
    if foreign is not None:
        raise RrdynError(
            f"{shown(foreign)} is there already and is no figure of ours",
            expected="a new name, or a figure drawn before",
            run="give another place with --out, or move it away",
        )


def origin(inputs: Iterable[Path | str], style: Style, **extra: Any) -> Meta:
    """Provenance of a figure: versions, command, the digest of each file that was read."""
    return provenance(
        inputs=inputs,
        style={"size": style.size, "dark": style.dark} | ({"sheet": style.sheet.name} if style.sheet else {}),
        **extra,
    )


def read_alt(png: Path | str) -> str:
    """The words for who cannot see the figure, kept inside a png."""
    from PIL import Image

    with Image.open(png) as image:
        return str(image.info.get("Alt", ""))


def read_origin(png: Path | str) -> Meta:
    """The provenance kept inside a png."""
    from PIL import Image

    with Image.open(png) as image:
        meta: Meta = json.loads(image.info["rrdyn"])
        return meta
