"""One file from several of disjoint puzzles: what machines without a shared disk measured, piece by piece."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from rrdyn.artifacts.errors import InputError, UsageError, notice
from rrdyn.artifacts.files import sha256
from rrdyn.artifacts.npz import Artifact, read_npz, write_npz
from rrdyn.artifacts.provenance import digest, provenance
from rrdyn.artifacts.record import Meta
from rrdyn.artifacts.schema import Schema
from rrdyn.measurement.measurement import MEASUREMENTS, Measurement, measurement_named
from rrdyn.measurement.parts import Arrays, join, set_aside

ALIKE_ENOUGH = ("device", "rrdyn_version", "libraries")
"""What a difference in is told of, and harms nothing beyond rounding."""
OWN = ("command", "git_commit", "inputs", "key", "n", "batch", "diverged", "merged", "model", "dataset", "settings",
       "config_hash", "schema", "schema_version", *ALIKE_ENOUGH)  # fmt: skip
"""What may differ in `meta` between pieces of one measurement, or is compared in another way."""
OWN_SETTINGS = ("n", "keep_state")
"""The same of `settings`: states stay with the pieces that kept them."""


def merge(files: Sequence[Path], out: Path) -> Artifact:
    """Join files of one measurement of one checkpoint, dataset and settings into `out`, rows sorted by idx.

    A puzzle in two files is kept once where its rows are equal. Raises InputError, naming what differs, for files that
    do not belong together or disagree on a puzzle, UsageError for fewer than two files, and RrdynError where `out` is
    something else than an npz file.
    """
    if len(set(files)) < 2:
        raise UsageError("nothing to merge", found=f"{len(set(files))} different file", expected="two or more")
    pieces = [read_npz(path) for path in files]
    kind = _measurement_of(pieces[0])
    for piece in pieces:
        _check(piece, pieces[0])
    arrays = _rows_of_all(pieces, kind.schema)
    merged = {str(path): sha256(path) for path in files}
    meta: dict[str, Any] = {
        **pieces[0].meta,
        **{key: value for key, value in provenance().items() if key in ("command", "git_commit", "rrdyn_version")},
        "n": len(arrays["idx"]),
        "merged": merged,
    }
    meta |= kind.counted(arrays)
    if "keep_state" in (meta.get("settings") or {}):
        meta["settings"] = {**meta["settings"], "keep_state": False}
    meta["key"] = digest({"merged": sorted(merged.values())})
    set_aside(out, meta["key"])
    write_npz(out, kind.schema, arrays, meta)
    return Artifact(path=out, schema=kind.schema, arrays=arrays, meta=meta)


def _measurement_of(piece: Artifact) -> type[Measurement[Any]]:
    try:
        return measurement_named(str(piece.meta.get("schema")))
    except UsageError:
        raise _unmergeable(piece) from None


def _unmergeable(piece: Artifact) -> InputError:
    return InputError(
        f"{piece.path} cannot be merged",
        found=f"a {piece.meta['schema']} file" if piece.meta.get("schema") else "no word of where it came from",
        expected="files of one measurement: " + ", ".join(sorted(MEASUREMENTS)),
    )


def identity(meta: Meta) -> dict[str, object]:
    """What has to be equal: checkpoint, dataset, and every setting but OWN_SETTINGS."""
    dataset = meta.get("dataset") or {}
    return {
        "the kind of file": meta.get("schema"),
        "the checkpoint": sorted(meta.get("inputs", {}).values()),
        "the dataset": [dataset.get("digest"), dataset.get("split")],
        **{key: value for key, value in (meta.get("settings") or {}).items() if key not in OWN_SETTINGS},
        **{key: value for key, value in meta.items() if key not in OWN},
    }


def _check(piece: Artifact, first: Artifact) -> None:
    if not piece.meta.get("inputs") or "idx" not in piece:
        raise _unmergeable(piece)
    mine, other = identity(piece.meta), identity(first.meta)
    for key in {**mine, **other}:
        if mine.get(key) != other.get(key):
            raise InputError(
                f"{piece.path} and {first.path} do not belong together: {key.replace('_', ' ')} differs",
                found=mine.get(key),
                expected=other.get(key),
            )
    for key in ALIKE_ENOUGH:
        here, there = piece.meta.get(key), first.meta.get(key)
        if here != there:
            notice(f"{piece.path} and {first.path} differ in {key.replace('_', ' ')}: {here}, {there}")


def _rows_of_all(pieces: list[Artifact], schema: Schema) -> Arrays:
    """Arrays of all puzzles, sorted by idx; those that not every file has are left out.

    Arrays that the schema does not know are by puzzle where in every file they have a row a puzzle.
    """
    common = set.intersection(*(set(piece) for piece in pieces))
    if lost := sorted(set().union(*pieces) - common):
        notice(f"not every file has {', '.join(lost)}: left out")
    whole = [key for key in common if not _by_puzzle(key, schema, pieces)]
    for piece in pieces:
        for key in whole:
            if not np.array_equal(piece[key], pieces[0][key]):
                raise InputError(f"{piece.path} and {pieces[0].path} do not belong together: {key} differs",
                                 found=piece[key], expected=pieces[0][key])  # fmt: skip
    by_puzzle = [key for key in pieces[0] if key in common and key not in whole]
    for piece in pieces:
        for key in by_puzzle:
            if piece[key].shape[1:] != pieces[0][key].shape[1:]:
                raise InputError(
                    f"{piece.path} and {pieces[0].path} do not belong together: the shape of {key} differs",
                    found=piece[key].shape,
                    expected=pieces[0][key].shape,
                )
    joined = join([{key: piece[key] for key in by_puzzle} for piece in pieces])
    idx, file = joined["idx"], np.repeat(np.arange(len(pieces)), [len(piece["idx"]) for piece in pieces])
    order = np.argsort(idx, kind="stable")
    twice = np.flatnonzero(np.diff(idx[order]) == 0)
    for at in twice:
        a, b = order[at], order[at + 1]
        for key in by_puzzle:
            if joined[key][a].tobytes() != joined[key][b].tobytes():
                raise InputError(
                    f"puzzle {idx[a]} is in {pieces[file[a]].path} and in {pieces[file[b]].path}, and {key} differs",
                    expected="disjoint puzzles, or equal rows",
                )
    kept = np.delete(order, twice + 1)
    return {key: pieces[0][key] if key in whole else joined[key][kept] for key in pieces[0] if key in common}


def _by_puzzle(key: str, schema: Schema, pieces: list[Artifact]) -> bool:
    if key in schema.arrays:
        return schema.arrays[key].dims.startswith("N")
    return all(piece[key].shape[:1] == piece["idx"].shape for piece in pieces)
