"""What the explorer shows, packed small: every puzzle's point, its drift, its q_halt and its answers."""

from __future__ import annotations

import base64
import zlib
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.colors import to_rgb

from rrdyn.artifacts.errors import RrdynError, notice
from rrdyn.artifacts.npz import Artifact, read_npz
from rrdyn.artifacts.places import is_file
from rrdyn.artifacts.record import Count, Number, Written
from rrdyn.artifacts.schemas import DIAG
from rrdyn.plotting.filmstrip import NUMBERED
from rrdyn.plotting.study import read_points
from rrdyn.plotting.style import ink_on
from rrdyn.studies.page.inventory import Inventory

NOT_ASKED = 255
"""Stands in a packed label for a cell of which nothing is asked."""
BUDGET = 6_000_000
"""Bytes of packed answers on one page: with the charting library and the figures it stays under 15 MB."""


class Boards(Written):
    """Questions, solutions and answers, packed by `pack`."""

    height: Count
    width: Count
    box_height: Count
    box_width: Count
    tokens: str | tuple[str, ...]
    shades: dict[str, str]
    """By token: the class of its cell in page.css, or the number of a colour."""
    colours: dict[str, tuple[str, str]]
    """Of these numbers: the colour of the cell, and of what is written in it."""
    unwritten: str
    given: str
    label: str
    changes: str


class Model(Written):
    """One analysed file as the page's script reads it; arrays are packed by `pack`."""

    tag: str
    tau: Number
    segments: Count
    idx: list[int]
    cell: str
    x: list[Number | None]
    y: list[Number | None]
    drift: str
    q_halt: str
    boards: Boards | None


def models(stock: Inventory) -> list[Model]:
    """One entry for each analysed file whose diag.npz is there; arrays are packed by `pack`."""
    found: list[Model] = []
    left = BUDGET
    for source in stock.results:
        tag, diag = source.tag, stock.diag_of(source.record)
        points = source.path.with_name(f"points_{tag}.csv")
        if diag is None or not is_file(points):
            continue
        try:
            artifact = read_npz(diag, DIAG)
            shown = read_points(points)
            rows, kept = _matched(artifact, shown)
            boards = _boards(artifact, rows, diag)
        except RrdynError as error:
            notice(f"{tag} is left out of the explorer: {error.problem}")
            continue
        size = len(boards.given) + len(boards.label) + len(boards.changes) if boards else 0
        if size > left:
            notice(
                f"the answers of {tag} are left out of the explorer: {size / 1e6:.1f} MB would make the page too large"
            )
            boards = None
        left -= size if boards else 0
        found.append(_model(tag, artifact, shown, source.record.tau, rows, kept, boards))
    return found


def _matched(artifact: Artifact, points: dict[str, np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
    """Rows of the diagnosis and of the table that are of one puzzle."""
    place = {int(idx): row for row, idx in enumerate(artifact["idx"])}
    kept = [row for row, idx in enumerate(points["idx"]) if np.isfinite(idx) and int(idx) in place]
    rows = np.array([place[int(points["idx"][row])] for row in kept], dtype=int)
    return rows, np.array(kept, dtype=int)


def _model(
    tag: str, artifact: Artifact, points: dict[str, np.ndarray], tau: float, rows: np.ndarray, kept: np.ndarray,
    boards: Boards | None,
) -> Model:  # fmt: skip
    return Model(
        tag=tag,
        tau=tau,
        segments=int(artifact["drift_zH"].shape[1]),
        idx=points["idx"][kept].astype(int).tolist(),
        cell="".join(points["cell"][kept].tolist()),
        x=_rounded(points["log10_late_drift"][kept]),
        y=_rounded(points["lambda_1"][kept]),
        drift=pack(artifact["drift_zH"][rows].astype("<f4")),
        q_halt=pack(artifact["q_halt"][rows].astype("<f4")),
        boards=boards,
    )


def _colours(shades: Iterable[str]) -> dict[str, tuple[str, str]]:
    known = {str(number): colour for number, colour in enumerate(NUMBERED)}
    return {shade: (known[shade], ink_on(to_rgb(known[shade]))) for shade in shades if shade in known}


def _boards(artifact: Artifact, rows: np.ndarray, diag: Path) -> Boards | None:
    """Question, solution and answers of the rows; None where the file has no answers or its dataset is not here."""
    from rrdyn.data.folder import open_split

    named = artifact.meta.get("dataset")
    if "preds" not in artifact or not isinstance(named, dict) or not named.get("path"):
        return None
    try:
        split = open_split(str(named["path"]), str(named.get("split") or "test"))
    except RrdynError as error:
        notice(f"no answers of {diag.name} in the explorer: {error.problem}")
        return None
    idx = artifact["idx"][rows].astype(int)
    answers = artifact["preds"][rows].astype(np.uint8)
    if idx.min(initial=0) < 0 or idx.max(initial=-1) >= len(split) or answers.shape[2] != split.inputs.shape[1]:
        notice(f"no answers of {diag.name} in the explorer: {named['path']} is another dataset")
        return None
    changes = answers.copy()
    changes[:, 1:] ^= answers[:, :-1]  # what changed since the segment before: mostly zeros, which pack well
    boxes = split.puzzle.boxes or (0, 0)
    return Boards(
        height=int(split.puzzle.height),
        width=int(split.puzzle.width),
        box_height=boxes[0],
        box_width=boxes[1],
        tokens=tuple(split.puzzle.tokens),
        shades=split.puzzle.shades,
        colours=_colours(split.puzzle.shades.values()),
        unwritten=split.puzzle.unwritten,
        given=pack(np.asarray(split.inputs[idx], dtype=np.uint8)),
        label=pack(np.where(split.answers(idx) < 0, NOT_ASKED, split.answers(idx)).astype(np.uint8)),
        changes=pack(changes),
    )


def pack(array: np.ndarray) -> str:
    """zlib over the bytes in C order, as base64; the page unpacks it with DecompressionStream("deflate")."""
    return packed(np.ascontiguousarray(array).tobytes())


def packed(content: bytes) -> str:
    """zlib, as base64."""
    return base64.b64encode(zlib.compress(content, 9)).decode()


def unpack(text: str, dtype: Any, shape: Iterable[int]) -> np.ndarray:
    """The inverse of `pack`."""
    return np.frombuffer(zlib.decompress(base64.b64decode(text)), dtype=dtype).reshape(tuple(shape))


def _rounded(values: np.ndarray) -> list[float | None]:
    return [round(float(value), 5) if np.isfinite(value) else None for value in values]
