"""What other measurements of the same copies say of their votes: a score each, the higher the sooner believed."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from rrdyn.analysis.fates import read_fates
from rrdyn.artifacts.errors import InputError
from rrdyn.artifacts.npz import Artifact, read_npz
from rrdyn.artifacts.places import shown
from rrdyn.artifacts.record import Meta

SETTLED = ("fixed", "cycle")
LEAST = 1e-12
"""Below float32's rounding: what is nearer to a fixed point is as near as can be."""


def vote_scores(idx: np.ndarray, meta: Meta, files: Sequence[Path]) -> dict[str, np.ndarray]:
    """A score (N,) of every vote by name: residual, lambda_1 (of a diag.npz), settled (of a fate.npz).

    idx : (N,) the votes' examples in their split; meta : of their file.
    Raises InputError where a file is of another split or weights, or lacks one of them.
    """
    found: dict[str, np.ndarray] = {}
    for path in files:
        artifact = read_npz(path)
        rows = _rows(artifact, idx, meta)
        found |= {name: score[rows] for name, score in _scores(artifact)}
    return found


def _scores(artifact: Artifact) -> Iterator[tuple[str, np.ndarray]]:
    kind = artifact.meta.get("schema")
    if kind == "diag":
        if "residual" in artifact.arrays:
            yield "residual", -np.log10(np.maximum(artifact["residual"][:, -1], LEAST))
        yield "lambda_1", -artifact["lyap_spec"][:, 0]
    elif kind == "fate":
        fates = read_fates(artifact.path).meta["fates"]
        yield "settled", np.isin(artifact["fate"], [fates.index(name) for name in SETTLED]).astype(float)
    else:
        raise InputError(f"{shown(artifact.path)} says nothing of votes", found=f"a {kind} file",
                         expected="a diag.npz or fate.npz of the same copies")  # fmt: skip


def _rows(artifact: Artifact, idx: np.ndarray, meta: Meta) -> np.ndarray:
    """Where each vote stands in a file."""
    mine, other = (_measured(one) for one in (meta, artifact.meta))
    for name, value in mine.items():
        if other.get(name, value) != value:
            raise InputError(f"{shown(artifact.path)} is of other {name}", found=other[name], expected=value)
    order = np.argsort(artifact["idx"])
    places = np.searchsorted(artifact["idx"], idx, sorter=order)
    rows: np.ndarray = order[np.minimum(places, len(order) - 1)]
    missing = int((artifact["idx"][rows] != idx).sum())
    if missing:
        raise InputError(f"{shown(artifact.path)} lacks some of the copies that vote", found=f"{missing} of {len(idx)}",
                         expected="all of them", run=f"measure it with --n {meta['dataset']['puzzles']}")  # fmt: skip
    return rows


def _measured(meta: Meta) -> dict[str, object]:
    """What two files of the same votes have in common; a horizon is a fate's own."""
    dataset, settings = meta.get("dataset") or {}, meta.get("settings") or {}
    said = {
        "weights": sorted((meta.get("inputs") or {}).values()),
        "puzzles": [dataset.get("digest"), dataset.get("split")],
        "identifiers": settings.get("identifiers", "own"),
        "segments": settings.get("segments"),
    }
    return {name: value for name, value in said.items() if value is not None}
