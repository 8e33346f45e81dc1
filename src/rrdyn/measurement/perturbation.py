"""Restarts from perturbed initial states: z0 + sigma x unit x noise, against the clean trajectory of each puzzle.

The puzzle enters at every segment, so that this changes the initial condition and leaves the question alone. A copy's
noise is one draw keyed by (seed, puzzle, copy), scaled by sigma: larger sigmas go further in the same direction.
sigma = 0 is the clean trajectory itself: it too gets the longer budget, and is what has to be subtracted.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Annotated, Any, Literal

import numpy as np
import torch
import torch.nn.functional as F
from pydantic import Field
from torch import Tensor

from rrdyn.artifacts.config import Config
from rrdyn.artifacts.errors import UsageError
from rrdyn.artifacts.schemas import PERTURB
from rrdyn.dynamics.growth import follow_growth
from rrdyn.measurement import parts as part_files
from rrdyn.measurement.parts import Arrays, Shard
from rrdyn.measurement.subject import Questions, Subject
from rrdyn.models import Latent
from rrdyn.runtime import devices
from rrdyn.runtime.progress import say
from rrdyn.runtime.streams import generator

LARGE = 1 << 30
"""Bytes of an output beyond which one is told first."""


class PerturbationConfig(Config):
    """Which restarts."""

    n: Annotated[int, Field(ge=1)] = 96
    """Puzzles, drawn from the split without replacement."""
    copies: Annotated[int, Field(ge=1, le=1 << 16)] = 8
    """Restarts of each puzzle for each sigma (K)."""
    sigmas: tuple[Annotated[float, Field(ge=0)], ...] = (0.0, 0.1, 0.3, 1.0)
    """Noise scales, in units of the deviation of the initial z_H."""
    absolute: bool = False
    """Sigmas are absolute instead."""
    where: Literal["both", "z_H", "z_L"] = "both"
    """Which latents are perturbed."""
    segments: Annotated[int, Field(ge=1, le=1 << 20)] = 48
    """Segments rolled out (T)."""
    readout: Annotated[int, Field(ge=1)] = 16
    """The fixed readout segment: the model's budget."""
    exponent: bool = False
    """Also the leading exponent of every restart, by a finite difference: doubles the cost."""
    dtype: Literal["float32", "float64", "bfloat16"] = "float32"
    """What the model computes in. Noise is added in float32 at least, then rounded to this."""
    seed: Annotated[int, Field(ge=0)] = 0
    """Names the choice of puzzles and the noise."""

    def model_post_init(self, _: Any) -> None:
        if self.readout > self.segments:
            raise UsageError("the readout comes after the last segment", found=self.readout,
                             expected=f"at most {self.segments}")  # fmt: skip
        if not self.sigmas:
            raise UsageError("no sigma is given", expected="at least one")


@dataclass(frozen=True, kw_only=True)
class Clean:
    """The unperturbed trajectories of a batch, segment by segment."""

    correct: Tensor
    """(B,T)"""
    q_halt: Tensor
    drift: Tensor
    residual: Tensor
    mass: Tensor
    log_p: Tensor
    """(B,T,L,V) log-probabilities of the answers."""
    preds: Tensor
    """(B,L) at the readout."""
    lambda_1: Tensor | None


@dataclass(frozen=True, kw_only=True)
class Perturbation:
    """What came of one checkpoint."""

    path: Path
    arrays: Arrays
    meta: dict[str, Any]


def perturb(
    subject: Subject, out: Path, config: PerturbationConfig, *, batch: int | None = None, shard: Shard | None = None,
    label: str = "perturb", about: dict[str, Any] | None = None,
) -> Perturbation | None:  # fmt: skip
    """Perturb one checkpoint's initial states into `out`; stopped anywhere, it continues; finished, it is kept.

    `about` is added to meta.
    """
    shard = shard or Shard()
    idx = shard.own(subject.choose(config.n, config.seed))
    bytes_ = expected_bytes(config, len(idx), subject.split.metadata.seq_len)
    if bytes_ > LARGE and shard.rank == 0:
        say(f"{out} will hold {bytes_ / 1e9:.1f} GB (N {len(idx)}, {len(config.sigmas)} sigmas, K {config.copies}, "
            f"T {config.segments}); fewer --segments or --copies make it smaller")  # fmt: skip
    fingerprint = subject.fingerprint(idx, config.model_dump())
    there = part_files.finished(out, part_files.key_of(fingerprint))
    if there is not None:
        part_files.tell_kept(out, shard)
        return Perturbation(path=out, arrays=there.arrays, meta=there.meta)
    parts = part_files.plan(out, fingerprint, len(idx), lambda: batch or _block_size(subject, config))
    compute = partial(_compute_part, subject, config, idx)
    arrays = part_files.complete(parts, compute, shard=shard, label=label)
    if arrays is None:
        return None
    arrays["sigmas"] = np.array(config.sigmas)
    meta = subject.meta(
        seed=config.seed,
        settings=config.model_dump(),
        dtype=config.dtype,
        key=parts.key,
        noise_unit=unit(subject, config),
        readout=config.readout,
        batch=1 if subject.device.type == "cpu" else parts.block,
        **(about or {}),
    )
    part_files.publish(parts, PERTURB, arrays, meta)
    return Perturbation(path=out, arrays=arrays, meta=meta)


def unit(subject: Subject, config: PerturbationConfig) -> float:
    """What a sigma of 1 is: the deviation over features of the initial z_H, or 1."""
    return 1.0 if config.absolute else subject.model.initial_std


def noise(idx: int, copies: int, shape: tuple[int, ...], seed: int) -> tuple[Tensor, Tensor]:
    """Standard normal noise (K,S,D) float32 for z_H and for z_L of one puzzle."""
    drawn = []
    for latent in ("z_H", "z_L"):
        rows = [generator(seed, "z0", latent, idx, k).standard_normal(shape, dtype=np.float32) for k in range(copies)]
        drawn.append(torch.from_numpy(np.stack(rows)))
    return drawn[0], drawn[1]


def measure(subject: Subject, config: PerturbationConfig, questions: Questions) -> Arrays:
    """The arrays of `perturb.npz` for one batch of puzzles."""
    model, B, K = subject.model, len(questions), config.copies
    e = model.embed(questions.inputs, questions.identifiers)
    clean = _run(subject, config, model.recurrence(e), model.initial(B), questions.labels, questions.idx)
    labels = questions.labels.repeat_interleave(K, 0)
    keys = questions.idx.repeat(K)
    repeated = model.recurrence(e.repeat_interleave(K, 0))
    columns: dict[str, list[Tensor]] = {}
    for sigma in config.sigmas:
        norm = torch.zeros(B, K, dtype=torch.float64)
        if sigma == 0:
            run = _copied(clean, K)
        else:
            z, norm = _perturbed(subject, config, questions.idx, sigma)
            run = _run(subject, config, repeated, z, labels, keys)
        reference = clean.log_p.repeat_interleave(K, 0)
        asked = (labels > 0)[:, None]
        row = {
            "solve": run.correct.any(1),
            "correct": run.correct,
            "q_halt": run.q_halt,
            "drift": run.drift,
            "residual": run.residual,
            "kl": divergence(run.log_p, reference, asked),
            "correct_mass": run.mass,
            "preds": run.preds,
            **({} if run.lambda_1 is None else {"lambda_1": run.lambda_1}),
        }
        for key, value in row.items():
            columns.setdefault(key, []).append(value.unflatten(0, (B, K)).cpu())
        columns.setdefault("noise_norm", []).append(norm)
    return {
        **{key: torch.stack(values, dim=1).numpy() for key, values in columns.items()},
        "base": clean.correct[:, config.readout - 1].cpu().numpy(),
        "idx": questions.idx,
    }


def divergence(log_p: Tensor, log_clean: Tensor, asked: Tensor) -> Tensor:
    """KL(perturbed || clean) (B,T) in nats: of the answers (B,T,L,V), mean over the asked cells (B,1,L)."""
    cells = (log_p.exp() * (log_p - log_clean)).sum(-1).clamp_min(0)
    return (cells * asked).sum(-1) / asked.sum(-1).clamp_min(1)


def _run(
    subject: Subject, config: PerturbationConfig, recurrence: Any, z: Latent, labels: Tensor, keys: np.ndarray
) -> Clean:
    """Roll a batch out and keep what its answers were."""
    model = subject.model
    asked = labels > 0
    columns: dict[str, list[Tensor]] = {}
    preds_at_readout = None
    growth = follow_growth(recurrence, z, config.segments, seed=config.seed, keys=keys.tolist())
    total = torch.zeros(len(labels), dtype=torch.float64, device=labels.device)
    for t in range(1, config.segments + 1):
        if config.exponent:
            followed = next(growth)
            after = Latent(*(part.to(z.z_H.dtype) for part in followed.state))
            total = total + followed.log_r[0, :, 0]
        else:
            after = recurrence.segment(z)
        readout = model.read(after)
        answer, right, _ = subject.judge(readout.logits, labels)
        log_p = F.log_softmax(readout.logits.double(), dim=-1)
        mass = log_p.gather(-1, labels[..., None]).squeeze(-1).exp()
        step_H, step_L = (_norm(a, b) for a, b in zip(after, z))
        row = {
            "correct": right,
            "q_halt": readout.q_halt,
            "drift": step_H,
            "step": step_H.hypot(step_L),
            "size": _norm(z.z_H, None).hypot(_norm(z.z_L, None)),
            "mass": (mass * asked).sum(-1) / asked.sum(-1).clamp_min(1),
            "log_p": log_p.float(),
        }
        for key, value in row.items():
            columns.setdefault(key, []).append(value)
        if t == config.readout:
            preds_at_readout = answer
        z = after
    after = recurrence.segment(z)
    last = _norm(after.z_H, z.z_H).hypot(_norm(after.z_L, z.z_L)) / _norm(z.z_H, None).hypot(_norm(z.z_L, None))
    table = {key: torch.stack(values, dim=1) for key, values in columns.items()}
    residual = torch.cat((table["step"][:, 1:] / table["size"][:, 1:], last[:, None]), dim=1)
    assert preds_at_readout is not None
    return Clean(
        correct=table["correct"],
        q_halt=table["q_halt"].float(),
        drift=table["drift"].float(),
        residual=residual.float(),
        mass=table["mass"].float(),
        log_p=table["log_p"],
        preds=preds_at_readout,
        lambda_1=total / (config.segments * len(recurrence.sub_updates)) if config.exponent else None,
    )


def _copied(clean: Clean, copies: int) -> Clean:
    fields: dict[str, Any] = {
        name: None if (value := getattr(clean, name)) is None else value.repeat_interleave(copies, 0)
        for name in Clean.__dataclass_fields__
    }
    return Clean(**fields)


def _perturbed(subject: Subject, config: PerturbationConfig, idx: np.ndarray, sigma: float) -> tuple[Latent, Tensor]:
    """Perturbed states (B*K,S,D), added in float32 or wider, and the norm (B,K) that is left after rounding."""
    start = subject.model.initial(1)
    wide = torch.float64 if start.z_H.dtype == torch.float64 else torch.float32
    scale = sigma * unit(subject, config)
    drawn = [noise(int(i), config.copies, tuple(start.z_H.shape[1:]), config.seed) for i in idx]
    parts, squared = [], torch.zeros(len(idx) * config.copies, dtype=torch.float64)
    for name, clean, eps in zip(("z_H", "z_L"), start, zip(*drawn)):
        added = torch.cat(eps).to(clean.device, wide) * scale
        if config.where not in ("both", name):
            added = torch.zeros_like(added)
        state = (clean.to(wide) + added).to(clean.dtype)
        parts.append(state)
        squared += _norm(state, clean.expand_as(state)).square().cpu()
    return Latent(*parts), squared.sqrt().view(len(idx), config.copies)


def _norm(a: Tensor, b: Tensor | None) -> Tensor:
    difference = a.double() if b is None else a.double() - b.double()
    return difference.flatten(1).norm(dim=1)


def expected_bytes(config: PerturbationConfig, n: int, cells: int) -> int:
    """Size of the output: five float32 series and one of flags, and the predictions, for every restart."""
    return n * len(config.sigmas) * config.copies * (config.segments * 25 + cells + 32)


def _compute_part(subject: Subject, config: PerturbationConfig, idx: np.ndarray, positions: range) -> Arrays:
    """On a CPU one puzzle at a time, with all its copies."""
    step = 1 if subject.device.type == "cpu" else len(positions)
    starts = range(positions.start, positions.stop, step)
    return part_files.join([measure(subject, config, subject.questions(idx[i : i + step])) for i in starts])


def _block_size(subject: Subject, config: PerturbationConfig) -> int:
    if subject.device.type == "cpu":
        return 1
    model = subject.model.config
    a_copy = 32 * model.positions * model.hidden_size * 4 + 4 * model.num_heads * model.positions**2 * 4
    a_copy += 8 * config.segments * model.seq_len * model.vocab_size
    return max(1, int(0.4 * devices.free_memory(subject.device) / (a_copy * config.copies)))
