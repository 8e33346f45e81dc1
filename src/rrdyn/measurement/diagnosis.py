"""Diagnosis of a checkpoint: per puzzle how the state moved, how fast nearby states spread, when it would have
halted, and whether it was right, over the budgeted segments. Halting is recorded and never applied.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Annotated, Any, Literal

import numpy as np
import torch
from pydantic import Field
from torch import Tensor

from rrdyn.artifacts.config import Config
from rrdyn.artifacts.errors import UsageError
from rrdyn.artifacts.npz import write_npz
from rrdyn.artifacts.schemas import DIAG, STATES
from rrdyn.dynamics.exponents import of_each
from rrdyn.dynamics.growth import follow_growth
from rrdyn.dynamics.lyapunov import Segment, first_frame, follow, plain_segment
from rrdyn.measurement import parts as part_files
from rrdyn.measurement.parts import Arrays, Parts, Shard
from rrdyn.measurement.subject import Questions, Subject
from rrdyn.models import Latent
from rrdyn.models.layers import inner_size
from rrdyn.runtime import devices
from rrdyn.runtime.threads import one_thread

WORK_A_PART = 1e9
"""On a CPU a part is of about this many tangent elements times sub-updates: some seconds to a minute of one core."""


class DiagnosisConfig(Config):
    """What is measured, and how."""

    n: Annotated[int, Field(ge=1)] = 512
    """Puzzles, drawn from the split without replacement."""
    k: Annotated[int, Field(ge=1, le=4096)] = 8
    """Leading exponents."""
    segments: Annotated[int, Field(ge=1, le=1 << 20)] = 16
    """Segments followed: the budget."""
    qr_every: Literal["substep", "cycle", "segment", "auto"] = "substep"
    """When tangents are orthonormalised."""
    align: Annotated[int, Field(ge=0)] = 0
    """First segments left out of the averages while the tangents align."""
    estimator: Literal["tangents", "growth"] = "tangents"
    """tangents: exact derivatives; growth: one nearby trajectory, cheap, the leading exponent only."""
    dtype: Literal["float32", "float64", "bfloat16"] = "float32"
    """What the model computes in."""
    tangent_dtype: Literal["auto", "float32", "float64"] = "auto"
    """What the tangents are carried in; auto: as the model, and float32 for a bfloat16 one."""
    seed: Annotated[int, Field(ge=0)] = 0
    """Names the choice of puzzles and the first tangents."""

    @property
    def width(self) -> torch.dtype:
        """The dtype of the tangents."""
        if self.tangent_dtype == "auto":
            return torch.float64 if self.dtype == "float64" else torch.float32
        return getattr(torch, self.tangent_dtype)

    @property
    def exponents(self) -> int:
        return self.k if self.estimator == "tangents" else 1

    def model_post_init(self, _: Any) -> None:
        if self.align >= self.segments:
            raise UsageError(
                "no segment is left to average over",
                found=f"align {self.align} of {self.segments} segments",
                expected="align less than segments",
            )


@dataclass(frozen=True, kw_only=True)
class Diagnosis:
    """What came of one checkpoint."""

    path: Path
    arrays: Arrays
    meta: dict[str, Any]
    fresh: bool
    """False where the file was there already."""
    states: list[Path] = field(default_factory=list)
    """Files of full states written beside it."""

    @property
    def diverged(self) -> np.ndarray:
        """Indices (of the split) of puzzles whose state or exponents are not finite."""
        return self.arrays["idx"][~finite_rows(self.arrays)]


def diagnose(
    subject: Subject, out: Path, config: DiagnosisConfig, *, batch: int | None = None, shard: Shard | None = None,
    label: str = "diagnose",
) -> Diagnosis | None:  # fmt: skip
    """Diagnose one checkpoint into `out`, continuing where an earlier run of the same settings stopped.

    batch : puzzles at a time on a GPU, puzzles a part on a CPU (where each is computed alone); default by memory.
    shard : this process's share of the work; None is returned where others still work or will join the parts.
    """
    shard = shard or Shard()
    idx = shard.own(subject.choose(config.n, config.seed))
    fingerprint = subject.fingerprint(idx, config.model_dump())
    parts = part_files.plan(out, fingerprint, len(idx), lambda: batch or block_size(subject, config))
    compute = partial(_compute_part, subject, config, idx)
    arrays = part_files.complete(parts, compute, shard=shard, label=label)
    if arrays is None:
        return None
    sub_updates = estimator(subject, config)["sub_updates_per_segment"]
    beyond = of_each(arrays["log_r"][:, config.align :], sub_updates)
    arrays = {**arrays, **_from_split(subject, idx, arrays["preds"]), **beyond}
    meta = meta_of(subject, config, parts, arrays)
    part_files.publish(parts, DIAG, arrays, meta)
    return Diagnosis(path=out, arrays=arrays, meta=meta, fresh=True)


def measure(subject: Subject, config: DiagnosisConfig, questions: Questions) -> Arrays:
    """The arrays of `diag.npz` for one batch of puzzles, without those that come from the dataset alone."""
    model = subject.model
    e = model.embed(questions.inputs, questions.identifiers)
    recurrence = model.recurrence(e)
    before = z = model.initial(len(questions))
    columns: dict[str, list[Tensor]] = {}
    readout = None
    for segment in _segments(recurrence, z, config, questions.idx):
        z = Latent(*segment.state)
        readout = model.read(z)
        preds, exact, accuracy = subject.judge(readout.logits, questions.labels)
        row = {
            "drift_zH": _norm(z.z_H, before.z_H),
            "drift_zL": _norm(z.z_L, before.z_L),
            "q_halt": readout.q_halt,
            "q_continue": readout.q_continue,
            "log_r": segment.log_r.sum(0),
            "preds": preds,
            "size": _norm(z.z_H, None).hypot(_norm(z.z_L, None)),
        }
        for key, value in row.items():
            columns.setdefault(key, []).append(value)
        before = Latent(*(part.clone() for part in z))  # z is a view of memory that the next segment overwrites
    after = plain_segment(recurrence, before)
    last_step = _norm(after.z_H, before.z_H).hypot(_norm(after.z_L, before.z_L))
    table = {key: torch.stack(values, dim=1) for key, values in columns.items()}
    size = table.pop("size")
    step = torch.cat((table["drift_zH"].hypot(table["drift_zL"])[:, 1:], last_step[:, None]), dim=1)
    steps = (config.segments - config.align) * len(recurrence.sub_updates)
    exponents = table["log_r"][:, config.align :].sum(1) / steps
    halts = table["q_halt"] > 0
    first_halt = torch.where(halts.any(1), halts.int().argmax(1) + 1, config.segments)
    return {
        **{key: value.cpu().numpy() for key, value in table.items()},
        "lyap_spec": exponents.sort(-1, descending=True).values.cpu().numpy(),
        "exact_correct": exact.cpu().numpy(),
        "token_acc": accuracy.cpu().numpy(),
        "halted_at": first_halt.cpu().numpy().astype(np.int64),
        "idx": questions.idx,
        "residual": (step / size).cpu().numpy(),
    }


def save_states(subject: Subject, config: DiagnosisConfig, idx: np.ndarray, out: Path) -> Path:
    """Follow chosen puzzles again and write their full states (N,1+segments,S,D), the initial one first."""
    rows: list[tuple[np.ndarray, np.ndarray]] = []
    check_indices(subject, idx)
    with torch.no_grad(), one_thread():
        for index in idx:
            questions = subject.questions(np.array([index]))
            recurrence = subject.model.recurrence(subject.model.embed(questions.inputs, questions.identifiers))
            z = subject.model.initial(1)
            states = [[part.cpu().float().numpy().copy() for part in z]]
            for segment in _segments(recurrence, z, config, questions.idx):
                states.append([part.cpu().float().numpy().copy() for part in segment.state])
            rows.append((np.stack([s[0] for s in states], axis=1), np.stack([s[1] for s in states], axis=1)))
    arrays = {
        "z_H": np.concatenate([row[0] for row in rows]),
        "z_L": np.concatenate([row[1] for row in rows]),
        "idx": idx.astype(np.int64),
    }
    return write_npz(
        out, STATES, arrays, subject.meta(seed=config.seed, settings=config.model_dump(), dtype=config.dtype)
    )


def check_indices(subject: Subject, idx: np.ndarray) -> None:
    """Raise UsageError where a wanted puzzle is not in the split."""
    for index in idx.tolist():
        if not 0 <= index < len(subject.split):
            raise UsageError("--save-states names no puzzle", found=index, expected=f"0 to {len(subject.split) - 1}")


def finite_rows(arrays: Arrays) -> np.ndarray:
    """(N,) whether every number of a puzzle is finite."""
    keys = ("drift_zH", "drift_zL", "q_halt", "lyap_spec")
    return np.logical_and.reduce([np.isfinite(arrays[key]).reshape(len(arrays["idx"]), -1).all(1) for key in keys])


def estimator(subject: Subject, config: DiagnosisConfig) -> dict[str, Any]:
    """What the exponents are: files whose estimators differ must not be compared."""
    recurrence = subject.model.config
    return {
        "method": config.estimator,
        "clock": "sub-update",
        "sub_updates_per_segment": recurrence.H_cycles * (recurrence.L_cycles + 1),
        "segments": config.segments,
        "k": config.exponents,
        "qr_every": config.qr_every if config.estimator == "tangents" else "segment",
        "dtype": str(config.width).removeprefix("torch."),
        "warmup": config.align,
    }


def meta_of(subject: Subject, config: DiagnosisConfig, parts: Parts, arrays: Arrays) -> dict[str, Any]:
    """Provenance of a diagnosis: settings, estimator, key, batch, how many puzzles diverged."""
    return subject.meta(
        seed=config.seed,
        settings=config.model_dump(),
        dtype=config.dtype,
        estimator=estimator(subject, config),
        key=parts.key,
        batch=1 if subject.device.type == "cpu" else parts.block,
        n=len(arrays["idx"]),
        diverged=int((~finite_rows(arrays)).sum()),
    )


def block_size(subject: Subject, config: DiagnosisConfig) -> int:
    """Puzzles a part: by free memory on a GPU, by work on a CPU."""
    model = subject.model.config
    slots = 1 + config.exponents
    state = 2 * model.positions * model.hidden_size
    if subject.device.type == "cpu":
        substeps = config.segments * model.H_cycles * (model.L_cycles + 1)
        return max(1, min(16, int(WORK_A_PART / (state * slots * substeps))))
    widest = max(2 * inner_size(model.hidden_size, model.expansion), 3 * model.hidden_size)
    scores = 0 if model.mlp_t else 3 * model.num_heads * model.positions**2
    a_puzzle = slots * (3 * state + 2 * model.positions * widest + scores) * (8 if config.width == torch.float64 else 4)
    return max(1, int(0.6 * devices.free_memory(subject.device) / a_puzzle))


def _compute_part(subject: Subject, config: DiagnosisConfig, idx: np.ndarray, positions: range) -> Arrays:
    """On a CPU one puzzle at a time: its bits are then the same in any company."""
    alone = subject.device.type == "cpu"
    groups = [idx[i : i + 1] for i in positions] if alone else [idx[positions.start : positions.stop]]
    return part_files.join([measure(subject, config, subject.questions(group)) for group in groups])


def _segments(recurrence: Any, z: Latent, config: DiagnosisConfig, keys: np.ndarray) -> Iterator[Segment]:
    names = [int(key) for key in keys]
    if config.estimator == "growth":
        return follow_growth(recurrence, z, config.segments, seed=config.seed, keys=names)
    tangents = first_frame(z, config.k, config.width, config.seed, names)
    return follow(recurrence, z, tangents, config.segments, config.qr_every)


def _from_split(subject: Subject, idx: np.ndarray, preds: np.ndarray) -> Arrays:
    arrays: Arrays = {}
    if subject.split.difficulty is not None:
        arrays["difficulty"] = np.asarray(subject.split.difficulty[idx], dtype=np.float64)
    valid = subject.path_valid(idx, preds[:, -1])
    if valid is not None:
        arrays["path_valid"] = valid
    return arrays


def _norm(a: Tensor, b: Tensor | None) -> Tensor:
    """(B,) L2 norm of a - b over positions and features, in float64."""
    difference = a.double() if b is None else a.double() - b.double()
    return difference.flatten(1).norm(dim=1)
