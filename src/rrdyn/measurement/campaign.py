"""The one way a measurement is carried out: a typed request, resolved once to subjects, shares and outputs, done in
batches (halved where memory runs out) and in parts that can be stopped, resumed and shared out, and published.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import torch

from rrdyn.artifacts.errors import RrdynError, UsageError, notice
from rrdyn.artifacts.files import make_folder, output_file
from rrdyn.artifacts.lock import locked
from rrdyn.artifacts.npz import BEGINS, read_npz
from rrdyn.artifacts.places import is_file, modified
from rrdyn.artifacts.record import Meta
from rrdyn.measurement import parts as part_files
from rrdyn.measurement.measurement import Measurement, MeasurementConfig, measurement_named
from rrdyn.measurement.parts import Arrays, Parts
from rrdyn.measurement.shard import Shard, fraction
from rrdyn.measurement.subject import Subject, default_outputs, open_subject
from rrdyn.models.layouts import locate
from rrdyn.runtime import devices, launch
from rrdyn.runtime.hub_address import is_address
from rrdyn.runtime.progress import Progress, detail, say
from rrdyn.runtime.threads import completed

if TYPE_CHECKING:
    import polars as pl
    import xarray

WORK_A_PART = 1e9
"""On a CPU a part is of about this many tangent elements times sub-updates: some seconds to a minute of one core."""
PARTS_A_THREAD = 4
"""On a CPU, where there is work for them: so that all threads end at about the same time."""
SHARE_OF_MEMORY = 0.7
"""Of a GPU's free memory, for the puzzles measured at a time."""


@dataclass(frozen=True, kw_only=True)
class Request:
    """What is to be measured: the fields that every measuring command has, and the measurement's own config."""

    measurement: str
    """Its registered name."""
    config: MeasurementConfig
    checkpoints: tuple[Path, ...]
    out: Path | None = None
    data: Path | None = None
    split: Literal["test", "val", "train"] = "test"
    weights: str | None = None
    batch: int | None = None
    device: str = "auto"
    devices: int = 1
    shard: str | None = None
    piece: str | None = None
    force: bool = False
    quiet: bool = False


@dataclass(frozen=True, kw_only=True)
class Measured:
    """The arrays of a measurement, and where they come from."""

    arrays: Arrays = field(repr=False)
    meta: Meta = field(repr=False)

    @property
    def budget(self) -> int:
        """Segments the model was trained for."""
        return int(self.meta["budget"])

    def to_polars(self) -> pl.DataFrame:
        """A row a puzzle; arrays of more than one axis are columns of arrays."""
        from rrdyn.artifacts.frame import to_polars

        return to_polars(self.arrays)

    def to_xarray(self) -> xarray.Dataset:
        """Arrays under the named dimensions of their schema; see `rrdyn.artifacts.frame.to_xarray`."""
        from rrdyn.artifacts.frame import to_xarray
        from rrdyn.artifacts.schemas import SCHEMAS

        return to_xarray(self.arrays, SCHEMAS.get(str(self.meta.get("schema"))), self.meta)


@dataclass(frozen=True, kw_only=True)
class Result(Measured):
    """What came of one checkpoint, in a file."""

    path: Path
    fresh: bool
    """False where the file was there already."""
    also: tuple[Path, ...] = ()
    """Further files, written beside it."""


def run(request: Request) -> list[Result]:
    """Measure the checkpoints of a request, over `devices` processes; without those whose other shares are at work."""
    if not request.checkpoints:
        raise UsageError("no checkpoint is given", run=f"rrdyn {request.measurement} CKPT")
    kind = measurement_named(request.measurement)
    outputs = output_files(request.checkpoints, request.out, request.measurement)
    for output in outputs:
        with locked(make_folder(output.parent)):  # another run may be setting a file aside
            output_file(output, begins=BEGINS)
    if request.devices == 1 or launch.given_group() is not None:
        return _run_all(request, outputs)
    _check_devices(request)
    before = [modified(output) for output in outputs]
    also = launch.start(_files_beside, (request, outputs), request.devices)
    return [
        Result(path=output, arrays=found.arrays, meta=found.meta, fresh=modified(output) != stamp, also=beside)
        for output, stamp, beside in zip(outputs, before, also)
        for found in [read_npz(output, kind.schema)]
    ]


def _files_beside(request: Request, outputs: Sequence[Path]) -> list[tuple[Path, ...]]:
    return [result.also for result in _run_all(request, outputs)]


def _run_all(request: Request, outputs: Sequence[Path]) -> list[Result]:
    shard, device = place(request)
    if request.config.dtype == "float64" and devices.slow_in_float64(device):
        notice(f"{devices.describe(device)} does float64 at a small part of its rate in float32: "
               "expect this to take many times longer")  # fmt: skip
    detail(f"device: {devices.describe(device)}; torch {torch.__version__}")
    results = []
    for number, (checkpoint, out) in enumerate(zip(request.checkpoints, outputs)):
        subject = opened(request, checkpoint, device)
        name = request.measurement
        label = name if len(outputs) == 1 else f"{name} {number + 1}/{len(outputs)}"
        measurement = measurement_named(name)(subject, request.config)
        result = carry_out(measurement, out, shard=shard, batch=request.batch, force=request.force, label=label,
                           quiet=request.quiet)  # fmt: skip
        results += [] if result is None else [result]
    return results


def carry_out(
    measurement: Measurement[Any], out: Path, *, shard: Shard | None = None, batch: int | None = None,
    force: bool = False, label: str | None = None, quiet: bool = True,
) -> Result | None:  # fmt: skip
    """Measure into `out`, continuing where an earlier run of the same settings stopped; a finished result is kept.

    batch : puzzles at a time on a GPU, puzzles a part on a CPU; default by memory and work.
    shard : this process's share; None is returned where others still work or will join the parts.
    """
    shard, subject = shard or Shard(), measurement.subject
    together = measurement.group if _on_cpu(subject) else 1  # no part and no piece may cut between these
    idx = shard.own(measurement.choose(), together)
    settings = measurement.told_apart()
    fingerprint = subject.fingerprint(idx, settings, measurement=measurement.name, revision=measurement.revision)
    key = part_files.key_of(fingerprint)
    if shard.rank == 0 and not quiet:
        _announce(measurement, idx, out)
    there = None if force else part_files.finished(out, key)
    if there is not None and all(part_files.is_finished(path, key) for path in measurement.beside(out)):
        part_files.tell_kept(out, shard)
        result = Result(path=out, arrays=there.arrays, meta=there.meta, fresh=False)
    else:
        parts = part_files.plan(out, fingerprint, len(idx), lambda: block_size(measurement, len(idx), shard.world),
                                wanted=batch and -(batch // -together) * together)  # fmt: skip
        joined = part_files.complete(parts, partial(_compute_part, measurement, idx), shard=shard,
                                     label=label or measurement.name, parallel=_on_cpu(subject))  # fmt: skip
        if joined is None:
            return None
        result = _finish(measurement, parts, joined, settings)
    return Result(**{**vars(result), "also": tuple(measurement.also(out))})


def _finish(measurement: Measurement[Any], parts: Parts, joined: Arrays, settings: Mapping[str, object]) -> Result:
    batch = 1 if _on_cpu(measurement.subject) else parts.block
    arrays, meta = _told(measurement, joined, settings, key=parts.key, batch=batch)
    measurement.write(parts, arrays, meta)
    with locked(parts.out.parent):  # another run may be setting it aside, to put its own there
        there = is_file(parts.out)
    if not there:
        raise RrdynError(f"{parts.out} is not there", found="another process took it away",
                         run="the same command again")  # fmt: skip
    return Result(path=parts.out, arrays=arrays, meta=meta, fresh=True)


def _told(
    measurement: Measurement[Any], joined: Arrays, settings: Mapping[str, object], **more: Any
) -> tuple[Arrays, Meta]:
    """The output's arrays, and where they come from."""
    subject = measurement.subject
    arrays = {**measurement.finish(joined), "asked": subject.asked(joined["idx"])}
    meta = subject.meta(
        seed=measurement.settings.seed, settings=settings, dtype=measurement.settings.dtype,
        measurement=measurement.name, revision=measurement.revision, budget=subject.model.budget,
        sub_updates_per_segment=subject.model.sub_updates_per_segment, n=len(joined["idx"]), **more,
        **measurement.about(arrays),
        **measurement.counted(arrays),
    )  # fmt: skip
    return arrays, meta


def in_memory(measurement: Measurement[Any], *, label: str | None = None) -> Measured:
    """Measure without files; the arrays are those that a file would hold."""
    joined = columns_of(measurement, measurement.choose(), label=label)
    arrays, meta = _told(measurement, joined, measurement.told_apart())
    return Measured(arrays=arrays, meta=meta)


def _announce(measurement: Measurement[Any], idx: np.ndarray, out: Path) -> None:
    subject = measurement.subject
    say(f"{subject.weights}: {len(idx)} of {len(subject.split)} puzzles of {subject.split.path} "
        f"({subject.split.split}), {measurement.told()}, {devices.describe(subject.device)} -> {out}")  # fmt: skip


def columns_of(
    measurement: Measurement[Any], idx: np.ndarray, *, label: str | None = None, batch: int | None = None
) -> Arrays:
    """The joined columns of some puzzles, of a measurement that is not kept; `batch` of them at a time on a GPU."""
    parallel = _on_cpu(measurement.subject)
    size = measurement.group if parallel else batch or block_size(measurement)
    starts = range(0, len(idx), size)
    done: dict[int, Arrays] = {}
    with Progress(len(idx), label or measurement.name) if label else nullcontext() as progress:
        for start, columns in completed(lambda at: _observed(measurement, idx[at : at + size]), starts,
                                        parallel=parallel):  # fmt: skip
            done[start] = columns
            if progress is not None:
                progress.advance(len(columns["idx"]))
    return part_files.join([done[start] for start in starts])


def block_size(measurement: Measurement[Any], puzzles: int = 1, world: int = 1) -> int:
    """Puzzles a part: by free memory on a GPU, by work on a CPU, where every thread of `world` processes gets a few."""
    cost, subject = measurement.cost(), measurement.subject
    if _on_cpu(subject):
        fair = -(puzzles // -(PARTS_A_THREAD * world * torch.get_num_threads()))
        groups = min(fair, int(WORK_A_PART / max(cost.work, 1))) // measurement.group
        return max(1, groups) * measurement.group  # whole groups: their bits do not depend on the size of a part
    return max(1, int(SHARE_OF_MEMORY * devices.free_memory(subject.device) / max(cost.memory, 1)))


def _compute_part(measurement: Measurement[Any], idx: np.ndarray, positions: range) -> Arrays:
    size = measurement.group if _on_cpu(measurement.subject) else len(positions)
    starts = range(positions.start, positions.stop, size)
    groups = [idx[at : min(at + size, positions.stop)] for at in starts]
    return part_files.join([_observed(measurement, group) for group in groups])


def _observed(measurement: Measurement[Any], idx: np.ndarray) -> Arrays:
    """One batch; where it does not fit the device's memory, in halves."""
    try:
        with torch.no_grad(), devices.products_in_tf32(bool(getattr(measurement.settings, "tf32", False))):
            return measurement.observe(measurement.subject.questions(idx))
    except torch.OutOfMemoryError:
        if len(idx) == 1:
            raise
    devices.release_memory(measurement.subject.device)
    half = (len(idx) + 1) // 2
    say(f"{len(idx)} puzzles do not fit the device's memory: {half} at a time")
    return part_files.join([_observed(measurement, idx[:half]), _observed(measurement, idx[half:])])


def _on_cpu(subject: Subject) -> bool:
    return subject.device.type == "cpu"


def place(request: Request) -> tuple[Shard, torch.device]:
    """This process's share of the work, and its device."""
    group = launch.given_group()
    piece = _piece(request)
    device = devices.resolve(request.device)
    if group is not None and group.world > 1:
        if device.type == "cuda" and device.index is None:
            device = torch.device("cuda", group.local_rank % max(1, devices.visible_gpus()))  # one card bound to each
        if device.type == "cpu":
            torch.set_num_threads(max(1, torch.get_num_threads() // request.devices))
        return Shard(rank=group.rank, world=group.world, together=True, piece=piece), device
    rank, world = fraction(request.shard, "--shard is not a share of the work")
    return Shard(rank=rank, world=world, piece=piece), device


def _piece(request: Request) -> tuple[int, int]:
    return fraction(request.piece, "--piece is not a piece of the puzzles")


def pieces(request: Request) -> int:
    """How many files hold the puzzles of a request together."""
    return _piece(request)[1]


def opened(request: Request, checkpoint: Path, device: torch.device) -> Subject:
    """The subject of one checkpoint of a request."""
    dtype = devices.resolve_dtype(request.config.dtype)
    return open_subject(checkpoint, data=request.data, split=request.split, dtype=dtype, device=device,
                        weights=request.weights)  # fmt: skip


def _check_devices(request: Request) -> None:
    """More processes than GPUs are refused; on a CPU any number goes."""
    gpus = devices.visible_gpus()
    if devices.resolve(request.device).type == "cuda" and request.devices > gpus:
        raise UsageError("--devices is more than there are", found=request.devices, expected=f"at most {gpus}")


def output_files(checkpoints: Sequence[Path], out: Path | None, kind: str) -> list[Path]:
    """One output per checkpoint: `out` itself, files in the folder `out`, or the default places."""
    weights = [locate(path).weights if is_address(path) else Path(path) for path in checkpoints]
    if out is None:
        return default_outputs(weights, kind)
    if len(checkpoints) == 1 and out.suffix == ".npz":
        return [out]
    if len(checkpoints) == 1:
        return [out / f"{kind}.npz"]
    if out.suffix == ".npz":
        raise UsageError("--out is one file for several checkpoints", found=out, expected="a folder")
    names = [path.stem if path.suffix in (".pt", ".safetensors") else path.name for path in checkpoints]
    if len(set(names)) < len(names):  # step_10 of two runs: tell them apart by the run
        names = [f"{path.resolve().parent.parent.name}_{name}" for path, name in zip(checkpoints, names)]
    return [out / f"{kind}_{name}.npz" for name in names]
