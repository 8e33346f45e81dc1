"""The recurrence far past its budget: whether each puzzle is right, and how far z_H moved, after every segment.

Memory does not grow with the number of segments. A rollout can be extended from the state it ended in.
"""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Annotated, Any, Literal

import numpy as np
import torch
from pydantic import Field
from torch import Tensor

from rrdyn.artifacts.config import Config
from rrdyn.artifacts.errors import InputError, UsageError
from rrdyn.artifacts.npz import read_npz, write_npz
from rrdyn.artifacts.schemas import ROLLOUT, STATES
from rrdyn.measurement import parts as part_files
from rrdyn.measurement.parts import Arrays, Shard
from rrdyn.measurement.subject import Questions, Subject
from rrdyn.models import Latent
from rrdyn.runtime import devices


class RolloutConfig(Config):
    """How far, and for which puzzles."""

    n: Annotated[int, Field(ge=1)] = 256
    """Puzzles, drawn from the split without replacement."""
    segments: Annotated[int, Field(ge=1, le=1 << 24)] = 128
    """Segments rolled out."""
    dtype: Literal["float32", "float64", "bfloat16"] = "float32"
    """What the model computes in."""
    stop_after: Annotated[int, Field(ge=0)] = 0
    """Stop a puzzle once it was right this many segments in a row; 0: never."""
    seed: Annotated[int, Field(ge=0)] = 0
    """Names the choice of puzzles."""


@dataclass(frozen=True, kw_only=True)
class Rollout:
    """What came of one checkpoint."""

    path: Path
    arrays: Arrays
    meta: dict[str, Any]
    state: Path | None = None
    """File of the last states, where it was asked for."""


@dataclass(frozen=True, kw_only=True)
class Before:
    """A rollout to go on from."""

    arrays: Arrays
    z_H: np.ndarray = field(repr=False)
    z_L: np.ndarray = field(repr=False)

    @property
    def segments(self) -> int:
        return self.arrays["exact"].shape[1]


def state_file(path: Path) -> Path:
    """Where a rollout keeps the states it ended in."""
    return path.with_name(f"{path.stem}_state.npz")


def rollout(
    subject: Subject, out: Path, config: RolloutConfig, *, batch: int | None = None, shard: Shard | None = None,
    extend: Path | None = None, keep_state: bool = False, label: str = "rollout",
) -> Rollout | None:  # fmt: skip
    """Roll one checkpoint out into `out`; stopped anywhere, it continues; finished, it is kept.

    extend : an earlier rollout of the same checkpoint that kept its state; its segments come first.
    keep_state : write the last states beside `out`, so that it can be extended.
    """
    shard = shard or Shard()
    before = None if extend is None else read_before(extend, subject, config)
    if before is not None and shard.piece[1] > 1:
        raise UsageError("--piece cannot be cut from a rollout that is extended", run="extend a file that is a piece")
    idx = shard.own(subject.choose(config.n, config.seed)) if before is None else before.arrays["idx"]
    settings = {**config.model_dump(), "from": 0 if before is None else before.segments, "keep_state": keep_state}
    fingerprint = subject.fingerprint(idx, settings)
    key, state = part_files.key_of(fingerprint), state_file(out) if keep_state else None
    there = part_files.finished(out, key)
    if there is not None and (state is None or part_files.finished(state, key) is not None):
        part_files.tell_kept(out, shard)
        return Rollout(path=out, arrays=there.arrays, meta=there.meta, state=state)
    parts = part_files.plan(out, fingerprint, len(idx), lambda: batch or _block_size(subject))
    compute = partial(_compute_part, subject, config, idx, before)
    arrays = part_files.complete(parts, compute, shard=shard, label=label)
    if arrays is None:
        return None
    z_H, z_L = arrays.pop("z_H"), arrays.pop("z_L")
    valid = subject.path_valid(idx, arrays.pop("preds"))
    if valid is not None:
        arrays["path_valid"] = valid
    if before is not None:
        for key in arrays.keys() & before.arrays.keys() - {"idx"}:
            arrays[key] = np.concatenate([before.arrays[key], arrays[key]], axis=1)
    batched = 1 if subject.device.type == "cpu" else parts.block
    meta = subject.meta(seed=config.seed, settings=settings, dtype=config.dtype, key=parts.key, batch=batched)
    set_aside(out, parts.key)
    if state is not None:
        part_files.set_aside(state, parts.key)
        write_npz(state, STATES, {"z_H": z_H[:, None], "z_L": z_L[:, None], "idx": idx}, {**meta, "of": out.name})
    part_files.publish(parts, ROLLOUT, arrays, meta)
    return Rollout(path=out, arrays=arrays, meta=meta, state=state)


def set_aside(out: Path, key: str) -> None:
    """Rename a file that is there and is not the result named `key`; the states it ended in stay beside it."""
    aside = part_files.set_aside(out, key)
    if aside is not None and state_file(out).exists():
        os.rename(state_file(out), state_file(aside))


def read_before(path: Path, subject: Subject, config: RolloutConfig) -> Before:
    """An earlier rollout and its state; raises InputError where it is of another checkpoint or kept no state."""
    earlier = read_npz(path, ROLLOUT)
    state = state_file(Path(path))
    if not state.is_file():
        raise InputError(
            f"{path} kept no state to go on from", expected=str(state), run="rrdyn rollout CKPT --keep-state"
        )
    ends = read_npz(state, STATES)
    weights = subject.fingerprint(earlier["idx"], {})["weights"]
    if ends.meta.get("key") != earlier.meta.get("key"):
        raise InputError(f"{state} is not the state in which {path} ended", found="a state of other settings",
                         run="rrdyn rollout CKPT --keep-state")  # fmt: skip
    if weights not in earlier.meta.get("inputs", {}).values() or not np.array_equal(ends["idx"], earlier["idx"]):
        raise InputError(f"{path} is a rollout of another checkpoint", found=earlier.meta.get("inputs"))
    segments = earlier["exact"].shape[1]
    if segments >= config.segments:
        raise UsageError("nothing to extend", found=f"{segments} segments are there", expected="more --segments")
    if earlier.meta.get("dtype") != config.dtype:
        raise UsageError("--dtype differs from the rollout to extend", found=config.dtype,
                         expected=earlier.meta.get("dtype"))  # fmt: skip
    return Before(arrays=earlier.arrays, z_H=ends["z_H"][:, -1], z_L=ends["z_L"][:, -1])


def roll(subject: Subject, config: RolloutConfig, questions: Questions, z: Latent, segments: int) -> Arrays:
    """The arrays of `rollout.npz` for one batch from state z, with the state it ends in."""
    model = subject.model
    recurrence = model.recurrence(model.embed(questions.inputs, questions.identifiers))
    maze = subject.split.puzzle.validity == "path_valid"
    exact, drift, preds = [], [], []
    in_a_row = torch.zeros(len(questions), dtype=torch.int32, device=z.z_H.device)
    stopped = torch.zeros_like(in_a_row, dtype=torch.bool)
    for _ in range(segments):
        after = recurrence.segment(z)
        moved = (after.z_H.double() - z.z_H.double()).flatten(1).norm(dim=1)
        if config.stop_after:
            hold = stopped.view(-1, 1, 1)
            after = Latent(torch.where(hold, z.z_H, after.z_H), torch.where(hold, z.z_L, after.z_L))
            moved = torch.where(stopped, torch.nan, moved)
        z = after
        answer, right, _ = subject.judge(model.read(z).logits, questions.labels)
        exact.append(right)
        drift.append(moved)
        if maze:
            preds.append(answer)
        in_a_row = torch.where(right, in_a_row + 1, 0)
        stopped = stopped | (in_a_row >= config.stop_after if config.stop_after else stopped)
        if bool(stopped.all()):
            break

    def table(rows: list[Tensor], fill: Tensor) -> np.ndarray:
        return torch.stack(rows + [fill] * (segments - len(rows)), dim=1).cpu().numpy()

    nothing = torch.full_like(drift[0], torch.nan)
    return {
        "exact": table(exact, exact[-1]),
        "drift": table(drift, nothing),
        "preds": table(preds, preds[-1]) if maze else np.zeros((len(questions), 1, 1), dtype=np.uint8),
        "idx": questions.idx,
        "z_H": z.z_H.float().cpu().numpy() if config.dtype != "float64" else z.z_H.numpy(),
        "z_L": z.z_L.float().cpu().numpy() if config.dtype != "float64" else z.z_L.numpy(),
    }


def _compute_part(
    subject: Subject, config: RolloutConfig, idx: np.ndarray, before: Before | None, positions: range
) -> Arrays:
    """On a CPU one puzzle at a time, as in a diagnosis."""
    step = 1 if subject.device.type == "cpu" else len(positions)
    pieces = []
    for start in range(positions.start, positions.stop, step):
        rows = slice(start, start + step)
        questions = subject.questions(idx[rows])
        z = subject.model.initial(len(questions))
        if before is not None:
            z = Latent(*(torch.from_numpy(part[rows]).to(z.z_H) for part in (before.z_H, before.z_L)))
        pieces.append(roll(subject, config, questions, z, config.segments - (before.segments if before else 0)))
    return part_files.join(pieces)


def _block_size(subject: Subject) -> int:
    model = subject.model.config
    if subject.device.type == "cpu":
        return 4
    a_puzzle = 32 * model.positions * model.hidden_size * 4 + 4 * model.num_heads * model.positions**2 * 4
    return max(1, int(0.5 * devices.free_memory(subject.device) / a_puzzle))
