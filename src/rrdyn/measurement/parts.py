"""Long measurements in parts: each part a file, so that one can be stopped anywhere, resumed, and shared out.

Beside the output OUT lies OUT.parts/KEY/ with plan.json (what the parts depend on, and their size, chosen once) and
a file per part. KEY names the settings, checkpoint and puzzles, so that parts of two measurements never mix. Parts
are written atomically and read back at the end; their contents do not depend on which process made them, or when.
Processes that run together begin with parts of their own and then take what the others have not begun.
The folder goes when OUT is written.
"""

from __future__ import annotations

import os
import shutil
import time
import zipfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, nullcontext, suppress
from dataclasses import dataclass, replace
from itertools import count
from pathlib import Path
from typing import Annotated

import numpy as np
from pydantic import BaseModel, Field, ValidationError

from rrdyn.artifacts.errors import InputError, Interrupted, RrdynError, notice
from rrdyn.artifacts.files import make_folder, output_file, read_json, write_json
from rrdyn.artifacts.lock import claimed, locked
from rrdyn.artifacts.npz import BEGINS, Artifact, read_meta, read_npz, unfinished, write_npz
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
        return unfinished(self.out) / self.key[:16]

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

    @contextmanager
    def claimed(self, part: int) -> Iterator[bool]:
        """Whether a part is this process's to make inside: not made, and in nobody else's hands."""
        if not is_file(self.folder / PLAN):  # joined meanwhile, and gone
            yield False
            return
        with claimed(self.folder / f".part_{part:06d}.lock") as ours:
            yield ours and is_file(self.folder / PLAN) and not self.whole(part)
        if not is_file(self.folder / PLAN):
            with suppress(OSError):  # a lock makes the folder that it is to lie in
                self.folder.rmdir()
                self.folder.parent.rmdir()

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
    """Compute and write the missing parts of this shard, and then those that others of its group have not begun.

    parallel : several at once, one thread each; on a GPU one at a time, since each is sized for most of its memory.

    Raises Interrupted on Ctrl-C, after the parts in hand are written.
    """
    missing = [part for part in shard.order(parts.count) if not parts.whole(part)]

    def make(part: int) -> int:
        with parts.claimed(part) if shard.together else nullcontext(True) as ours:
            if not ours:
                return 0
            write_npz(parts.path(part), PART, compute(parts.positions(part)), {"key": parts.key})
            return len(parts.positions(part))

    try:
        with Progress(sum(len(parts.positions(part)) for part in missing), label) as progress:
            for part, made in completed(make, missing, parallel=parallel):
                progress.advance(made if made else len(parts.positions(part)))
    except KeyboardInterrupt:
        raise Interrupted(
            f"stopped: {len(parts.present())} of {parts.count} parts are kept in {parts.folder}",
            run="the same command again, which continues",
        ) from None


def gather(parts: Parts) -> Arrays | None:
    """All parts joined in order; None where some are still missing.

    One part is held at a time, beside the whole. One that turns out damaged is removed, and so missing.
    """
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

    def do() -> None:
        work(parts, compute, shard=shard, label=label, parallel=parallel)

    do()
    if shard.together and shard.rank > 0:
        return None
    deadline = time.monotonic() + PATIENCE
    while shard.together and len(parts.present()) < parts.count:
        if time.monotonic() > deadline:
            raise RrdynError(f"{parts.folder}: other processes did not deliver their parts", found=len(parts.present()))
        time.sleep(0.5)
        do()  # what a process had in hand that is gone
    joined = gather(parts)
    if joined is None and (shard.world == 1 or shard.together):  # a part was there by its name, and was damaged
        do()
        joined = gather(parts)
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
    if not os.path.lexists(out) or is_finished(out, key):
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
        return read_npz(out) if is_finished(out, key) else None
    except InputError:
        return None


def is_finished(out: Path, key: str) -> bool:
    """Whether `out` is the result of this measurement, by its directory and what it says of itself: no array is read.

    One of another key need not be read either, however large it is.
    """
    try:
        return is_file(out) and read_meta(out).get("key") == key
    except InputError:
        return False


def tell_kept(out: Path, shard: Shard) -> None:
    """Say once that a finished result is not measured again."""
    if shard.rank == 0:
        say(f"{out} is there already, of the same measurement: kept (delete it to measure again)")
