"""Long measurements in parts: each part a file, so that one can be stopped anywhere, resumed, and shared out.

Beside the output OUT lies OUT.parts/KEY/ with plan.json (what the parts depend on, and their size, chosen once) and
a file per part. KEY names the settings, checkpoint and puzzles, so that parts of two measurements never mix. Parts
are written atomically and read back at the end; their contents do not depend on which process made them, or when.
The folder goes when OUT is written.
"""

from __future__ import annotations

import os
import shutil
import time
import zipfile
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from itertools import count
from pathlib import Path
from typing import Annotated

import numpy as np
from pydantic import BaseModel, Field, ValidationError

from rrdyn.artifacts.errors import InputError, Interrupted, RrdynError, notice
from rrdyn.artifacts.files import make_folder, output_file, read_json, write_json
from rrdyn.artifacts.lock import locked
from rrdyn.artifacts.npz import BEGINS, Artifact, read_npz, write_npz
from rrdyn.artifacts.places import is_file
from rrdyn.artifacts.provenance import digest
from rrdyn.artifacts.schema import Schema
from rrdyn.measurement.shard import Shard
from rrdyn.runtime.progress import Progress, say
from rrdyn.runtime.threads import completed

PART = Schema(name="part", version=1, doc="part of an unfinished measurement", arrays={})
PLAN = "plan.json"
PATIENCE = 24 * 3600.0
"""Seconds the first process waits for a part of another before it gives up."""

Arrays = dict[str, np.ndarray]


class Plan(BaseModel):
    """plan.json: what the parts depend on, and their size."""

    total: Annotated[int, Field(ge=1)]
    block: Annotated[int, Field(ge=1)]
    fingerprint: Mapping[str, object]


@dataclass(frozen=True, kw_only=True)
class Parts:
    """The parts of one output file."""

    out: Path
    fingerprint: Mapping[str, object]
    total: int
    block: int
    """Puzzles a part."""

    @property
    def folder(self) -> Path:
        return self.out.with_name(self.out.name + ".parts") / self.key[:16]

    @property
    def count(self) -> int:
        return -(self.total // -self.block)

    @property
    def key(self) -> str:
        return key_of(self.fingerprint)

    def positions(self, part: int) -> range:
        return range(part * self.block, min((part + 1) * self.block, self.total))

    def path(self, part: int) -> Path:
        return self.folder / f"part_{part:06d}.npz"

    def read(self, part: int) -> Arrays | None:
        """The arrays of a part; None where it is missing, damaged or of another measurement."""
        if not is_file(self.path(part)):
            return None
        try:
            artifact = read_npz(self.path(part), PART)
        except InputError:
            return None
        return artifact.arrays if artifact.meta.get("key") == self.key else None

    def present(self) -> list[int]:
        return [part for part in range(self.count) if is_file(self.path(part))]

    def whole(self, part: int) -> bool:
        """Whether a part is there to its end, by the directory of its file: its arrays are not read."""
        path = self.path(part)
        return is_file(path) and zipfile.is_zipfile(path)


def key_of(fingerprint: Mapping[str, object]) -> str:
    """The digest that names a measurement in its parts and in its output."""
    return digest(fingerprint)


def plan(out: Path, fingerprint: Mapping[str, object], total: int, choose_block: Callable[[], int], *,
         wanted: int | None = None) -> Parts:  # fmt: skip
    """The parts of `out`: those of an unfinished run with the same fingerprint, or new ones of a newly chosen size.

    wanted : puzzles a part, if one was asked for; it counts as long as no part is done.
    """
    block = max(1, min(wanted or choose_block(), total))
    parts = Parts(out=out, fingerprint=fingerprint, total=total, block=block)
    make_folder(parts.folder)
    mine = Plan(total=total, block=block, fingerprint=fingerprint)
    with locked(parts.folder):
        there = _read_plan(parts.folder / PLAN, total)
        if there is None or (wanted is not None and there.block != block and not any(parts.folder.glob("part_*.npz"))):
            write_json(parts.folder / PLAN, mine.model_dump())
            there = mine
    parts = replace(parts, block=there.block)  # an earlier or another process chose
    if parts.present():
        say(f"continuing {out}: {len(parts.present())} of {parts.count} parts are there")
    return parts


def _read_plan(path: Path, total: int) -> Plan | None:
    """The plan of an unfinished run; None where there is none, or none that can be read."""
    try:
        found = Plan.model_validate(read_json(path))
    except (InputError, ValidationError):
        return None
    return found if found.total == total else None


def work(parts: Parts, compute: Callable[[range], Arrays], *, shard: Shard, label: str, parallel: bool) -> None:
    """Compute and write the missing parts of this shard. `parallel`: several at once, one thread each; on a GPU one
    at a time, since each is sized for most of its memory.

    Raises Interrupted on Ctrl-C, after the parts in hand are written.
    """
    missing = [p for p in range(parts.count) if p % shard.world == shard.rank and not parts.whole(p)]

    def make(part: int) -> None:
        write_npz(parts.path(part), PART, compute(parts.positions(part)), {"key": parts.key})

    try:
        with Progress(sum(len(parts.positions(p)) for p in missing), label) as progress:
            for part, _ in completed(make, missing, parallel=parallel):
                progress.advance(len(parts.positions(part)))
    except KeyboardInterrupt:
        raise Interrupted(
            f"stopped: {len(parts.present())} of {parts.count} parts are kept in {parts.folder}",
            run="the same command again, which continues",
        ) from None


def gather(parts: Parts, *, wait: bool) -> Arrays | None:
    """All parts joined in order; None where some are still missing. `wait` for those that other processes make.

    One part is held at a time, beside the whole. One that turns out damaged is removed, and so missing.
    """
    deadline = time.monotonic() + PATIENCE
    while wait and len(parts.present()) < parts.count:
        if time.monotonic() > deadline:
            raise RrdynError(f"{parts.folder}: other processes did not deliver their parts", found=len(parts.present()))
        time.sleep(0.2)
    if len(parts.present()) < parts.count:
        return None
    joined: Arrays = {}
    for part in range(parts.count):
        arrays = parts.read(part)
        if arrays is None:
            parts.path(part).unlink(missing_ok=True)
            return None
        at = parts.positions(part)
        for key, piece in arrays.items():
            if part == 0:
                joined[key] = np.empty((parts.total, *piece.shape[1:]), piece.dtype)
            elif piece.dtype != joined[key].dtype:  # texts, say, of which a later one is longer
                joined[key] = joined[key].astype(np.promote_types(piece.dtype, joined[key].dtype))
            joined[key][at.start : at.stop] = piece
    return joined


def join(pieces: list[Arrays]) -> Arrays:
    """Arrays of consecutive puzzles, one after the other."""
    return {key: np.concatenate([piece[key] for piece in pieces]) for key in pieces[0]}


def complete(
    parts: Parts, compute: Callable[[range], Arrays], *, shard: Shard, label: str, parallel: bool
) -> Arrays | None:
    """Do this shard's missing parts and join all; None where others still work or will join them."""
    work(parts, compute, shard=shard, label=label, parallel=parallel)
    if shard.together and shard.rank > 0:
        return None
    joined = gather(parts, wait=shard.together)
    if joined is None and shard.world == 1:  # a part was there by its name, and was damaged
        work(parts, compute, shard=shard, label=label, parallel=parallel)
        joined = gather(parts, wait=False)
    return joined


def publish(
    parts: Parts,
    schema: Schema,
    arrays: Arrays,
    meta: Mapping[str, object],
    *,
    state: tuple[Schema, Arrays] | None = None,
) -> None:
    """Write the whole and remove the parts. A result of other settings under the same name is set aside first.

    state : what is written before it, as `state_file` of the output.
    """
    with locked(parts.out.parent):
        set_aside(parts.out, parts.key)
        if state is not None:
            set_aside(state_file(parts.out), parts.key)
            write_npz(state_file(parts.out), *state, {**meta, "of": parts.out.name})
        write_npz(parts.out, schema, arrays, meta)
    discard(parts)


def set_aside(out: Path, key: str) -> Path | None:
    """Rename a file that is there and is not the result named `key`; returns its new place, if any.

    The state it ended in (`state_file`) goes along. Raises RrdynError where something else than a file is there.
    """
    if not os.path.lexists(out) or finished(out, key) is not None:
        return None
    output_file(out, begins=BEGINS)
    kept = next(path for i in count(1) if not (path := out.with_name(f"{out.stem}.{i}{out.suffix}")).exists())
    os.rename(out, kept)
    if is_file(state_file(out)):
        os.rename(state_file(out), state_file(kept))
    notice(f"{out} held a result of other settings: it is now {kept}")
    return kept


def state_file(out: Path) -> Path:
    """Where a result keeps the states its trajectories ended in, if it does."""
    return out.with_name(f"{out.stem}_state.npz")


def discard(parts: Parts) -> None:
    """Remove the parts; those of other settings for the same output may be another process's at work."""
    shutil.rmtree(parts.folder, ignore_errors=True)
    with suppress(OSError):  # others are in it
        parts.folder.parent.rmdir()


def finished(out: Path, key: str) -> Artifact | None:
    """What is in `out`, if that is already the result of this measurement."""
    try:
        found = read_npz(out) if is_file(out) else None
    except InputError:
        return None
    return found if found is not None and found.meta.get("key") == key else None


def tell_kept(out: Path, shard: Shard) -> None:
    """Say once that a finished result is not measured again."""
    if shard.rank == 0:
        say(f"{out} is there already, of the same measurement: kept (delete it to measure again)")
