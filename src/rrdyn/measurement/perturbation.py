"""Restarts from perturbed initial states: z0 + sigma x unit x noise, against the clean trajectory of each puzzle.

The puzzle enters at every segment, so that this changes the initial condition and leaves the question alone. A copy's
noise is one draw keyed by (seed, puzzle, copy), scaled by sigma: larger sigmas go further in the same direction.
sigma = 0 is the clean trajectory itself: it too gets the longer budget, and is what has to be subtracted.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any

import numpy as np
import torch
import torch.nn.functional as F
from pydantic import Field
from torch import Tensor

from rrdyn.artifacts.config import Config
from rrdyn.artifacts.errors import UsageError
from rrdyn.artifacts.schemas import PERTURB
from rrdyn.dynamics import protocol
from rrdyn.dynamics.growth import Nearby
from rrdyn.dynamics.observers import Motion, distance
from rrdyn.dynamics.protocol import Recurrence
from rrdyn.dynamics.returns import Returns
from rrdyn.dynamics.trajectory import Observer, Step, follow, plain_segment
from rrdyn.measurement.answers import Answers
from rrdyn.measurement.measurement import Cost, Measurement, ProductsConfig, register
from rrdyn.measurement.parts import Arrays
from rrdyn.measurement.subject import Questions
from rrdyn.models import Readout
from rrdyn.runtime.streams import generator

LARGE = 1 << 30
"""Bytes of an output beyond which one is told first."""


class Calibration(Config):
    """A found (or not found) noise scale."""

    sigma_star: float | None
    budget: float
    """KL in nats."""
    kl_at_star: float | None
    floor: float
    """KL at the smallest scale tried."""
    ceiling: float
    """KL at the largest scale tried."""
    puzzles: int
    copies: int
    segments: int
    percentile: float
    tried: tuple[tuple[float, float], ...]
    """(sigma, KL) in the order tried."""

    @property
    def told(self) -> str:
        if self.sigma_star is not None:
            at = f"KL {self.kl_at_star:.3g} nats at the {self.percentile:g}th percentile"
            return f"sigma* = {self.sigma_star:.4g} ({at})"
        if self.floor > self.budget:
            return f"no sigma*: chaos keeps the KL at {self.floor:.3g} nats even at sigma {self.tried[0][0]:.1g}"
        return f"no sigma*: the KL only reaches {self.ceiling:.3g} nats, at sigma {self.tried[1][0]:.3g}"


class PerturbationConfig(ProductsConfig):
    """Which restarts."""

    n: Annotated[int, Field(ge=1)] = 96
    """Puzzles, drawn from the split without replacement."""
    copies: Annotated[int, Field(ge=1, le=1 << 16)] = 8
    """Restarts of each puzzle for each sigma (K)."""
    sigmas: tuple[Annotated[float, Field(ge=0)], ...] = (0.0, 0.1, 0.3, 1.0)
    """Noise scales, in units of the deviation of the initial z_H."""
    absolute: bool = False
    """Sigmas are absolute instead."""
    where: str = "both"
    """Which part of the state is perturbed, by its name (z_H, z_L); both: every part."""
    segments: Annotated[int, Field(ge=1, le=1 << 20)] = 48
    """Segments rolled out (T)."""
    readout: Annotated[int, Field(ge=0)] = 0
    """The fixed readout segment; 0: the model's budget."""
    exponent: bool = False
    """Also the leading exponent of every restart, by a finite difference: doubles the cost."""
    periods: Annotated[int, Field(ge=0, le=4096)] = 16
    """Return distances after 1 to so many segments; 0: none."""
    calibration: Calibration | None = None
    """How the sigmas were found, where they are multiples of a calibrated scale."""
    alphas: tuple[Annotated[float, Field(ge=0)], ...] = ()
    """Those multiples."""


@dataclass(frozen=True, kw_only=True)
class Run:
    """What trajectories of a batch did, segment by segment; T segments."""

    columns: dict[str, Tensor]
    """correct, q_halt, drift, residual, correct_mass (B,T), return_distance (B,T,P)."""
    log_p: Tensor
    """(B,T,L,V) log-probabilities of the answers."""
    preds: Tensor
    """(B,L) at the readout."""
    lambda_1: Tensor | None
    """(B,)"""

    def repeated(self, copies: int) -> Run:
        """Each trajectory `copies` times."""

        def often(value: Tensor) -> Tensor:
            return value.repeat_interleave(copies, 0)

        return Run(
            columns={name: often(column) for name, column in self.columns.items()}, log_p=often(self.log_p),
            preds=often(self.preds), lambda_1=None if self.lambda_1 is None else often(self.lambda_1),
        )  # fmt: skip


@register
class Perturbation(Measurement[PerturbationConfig]):
    """The columns of `perturb.npz`."""

    name, config, schema, revision = "perturb", PerturbationConfig, PERTURB, 2
    following = "select"

    def resolved(self, config: PerturbationConfig) -> PerturbationConfig:
        readout = config.readout or min(self.subject.model.budget, config.segments)
        if readout > config.segments:
            raise UsageError("the readout comes after the last segment", found=readout,
                             expected=f"at most {config.segments}")  # fmt: skip
        if not config.sigmas:
            raise UsageError("no sigma is given", expected="at least one")
        parts = self.subject.model.initial(1)._fields
        if config.where not in ("both", *parts):
            raise UsageError("--where names no part of the state", found=config.where,
                             expected="both, " + ", ".join(parts))  # fmt: skip
        return config.model_copy(update={"readout": readout})

    def told(self) -> str:
        config = self.settings
        size = self._expected_bytes()
        large = f", which will be {size / 1e9:.1f} GB (fewer --segments or --copies make it smaller)"
        return (f"{len(config.sigmas)} sigmas, {config.copies} copies, {config.segments} segments"
                + (large if size > LARGE else ""))  # fmt: skip

    def _expected_bytes(self) -> int:
        """Size of the output: 5 + P float32 series and one of flags, and the predictions, for every restart."""
        config, cells = self.settings, self.subject.split.metadata.seq_len
        n = min(config.n, len(self.subject.split))
        return n * len(config.sigmas) * config.copies * (config.segments * (25 + 4 * config.periods) + cells + 32)

    def recorded(self) -> dict[str, object]:
        return self.settings.model_dump(exclude={"calibration", "alphas"})

    def cost(self) -> Cost:
        config, model = self.settings, self.subject.model
        kept = 8 * config.segments * model.config.seq_len * model.config.vocab_size
        restarts = config.copies * len([sigma for sigma in config.sigmas if sigma > 0]) + 1
        return Cost(
            memory=config.copies * (model.activation_bytes() + 8 * config.periods * model.state_elements + kept),
            work=model.state_elements * restarts * config.segments * model.sub_updates_per_segment,
        )

    @property
    def unit(self) -> float:
        """What a sigma of 1 is: the deviation over features of the initial z_H, or 1."""
        return 1.0 if self.settings.absolute else self.subject.model.initial_std

    def finish(self, arrays: Arrays) -> Arrays:
        return {**arrays, "sigmas": np.array(self.settings.sigmas)}

    def about(self, arrays: Arrays) -> dict[str, object]:
        found = self.settings.calibration
        calibrated: dict[str, object] = {}
        if found is not None:
            calibrated = {"calibration": found.model_dump(), "sigma_star": found.sigma_star}
            calibrated |= {"alphas": self.settings.alphas} if found.sigma_star is not None else {}
        return {"noise_unit": self.unit, "readout": self.settings.readout, **calibrated}

    def observe(self, questions: Questions) -> Arrays:
        model, config, B = self.subject.model, self.settings, len(questions)
        e = model.embed(questions.inputs, questions.identifiers)
        clean = self._run(model.recurrence(e), model.initial(B), questions.labels, questions.idx)
        labels, keys = questions.labels.repeat_interleave(config.copies, 0), questions.idx.repeat(config.copies)
        repeated = model.recurrence(e.repeat_interleave(config.copies, 0))
        rows: list[dict[str, Tensor]] = []
        for sigma in config.sigmas:
            norm = torch.zeros(B, config.copies, dtype=torch.float64)
            if sigma == 0:
                run = clean.repeated(config.copies)
            else:
                z0, norm = self._perturbed(questions.idx, sigma)
                run = self._run(repeated, z0, labels, keys)
            moved = self._against(run, clean.repeated(config.copies), labels)
            rows.append({**{key: value.unflatten(0, (B, config.copies)).cpu() for key, value in moved.items()},
                         "noise_norm": norm})  # fmt: skip
        return {
            **{key: torch.stack([row[key] for row in rows], dim=1).numpy() for key in rows[0]},
            "base": clean.columns["correct"][:, config.readout - 1].cpu().numpy(),
            "idx": questions.idx,
        }

    def _against(self, run: Run, clean: Run, labels: Tensor) -> dict[str, Tensor]:
        """The columns of restarts beside the clean trajectories of the same puzzles."""
        return {
            "solve": run.columns["correct"].any(1),
            **run.columns,
            "kl": divergence(run.log_p, clean.log_p, (labels >= 0)[:, None]),
            "preds": run.preds,
            **({} if run.lambda_1 is None else {"lambda_1": run.lambda_1}),
        }

    def _run(self, recurrence: Recurrence, z0: Any, labels: Tensor, keys: np.ndarray) -> Run:
        """Roll a batch out and keep what its answers were."""
        config, motion = self.settings, Motion(len(labels))
        answers = Answers(self.subject.model, labels, keep=("exact", "q_halt", "preds"), extra=_mass)
        nearby = Nearby(seed=config.seed, keys=keys.tolist()) if config.exponent else None
        growth = _Growth(len(labels), labels.device)
        returns = [Returns(z0, config.periods, series=True)] if config.periods else []
        observers: list[Observer] = [motion, answers, *returns, *([growth] if config.exponent else [])]
        end = follow(recurrence, z0, config.segments, observers, nearby)
        table = answers.table.columns()
        steps = config.segments * len(recurrence.sub_updates)
        return Run(
            columns={
                "correct": table["exact"],
                "q_halt": table["q_halt"].float(),
                "drift": motion.drift(0).float(),
                "residual": motion.residual(plain_segment(recurrence, end)).float(),
                "correct_mass": table["mass"].float(),
                **({"return_distance": returns[0].distances().float()} if returns else {}),
            },
            log_p=table["log_p"],
            preds=table["preds"][:, config.readout - 1],
            lambda_1=growth.total / steps if config.exponent else None,
        )

    def _perturbed(self, idx: np.ndarray, sigma: float) -> tuple[Any, Tensor]:
        """Perturbed states (B*K,S,D), added in float32 or wider, and the norm (B,K) that is left after rounding."""
        config = self.settings
        return perturbed(
            self.subject.model.initial(1), idx, config.copies, sigma * self.unit, config.seed, config.where
        )


class _Growth:
    """The log growth of a nearby trajectory, summed."""

    def __init__(self, batch: int, device: torch.device) -> None:
        self.total = torch.zeros(batch, dtype=torch.float64, device=device)

    def see(self, step: Step) -> None:
        assert step.spread is not None
        self.total = self.total + step.spread.log_r[0, :, 0]


def _mass(readout: Readout, labels: Tensor) -> dict[str, Tensor]:
    """log_p (B,L,V) float32, and the mean mass (B,) on the right tokens of the asked cells."""
    asked = labels >= 0
    log_p = F.log_softmax(readout.logits.double(), dim=-1)
    mass = log_p.gather(-1, labels.clamp_min(0)[..., None]).squeeze(-1).exp()
    return {"mass": (mass * asked).sum(-1) / asked.sum(-1).clamp_min(1), "log_p": log_p.float()}


def perturbed(
    start: Any, idx: np.ndarray, copies: int, scale: float, seed: int, where: str = "both"
) -> tuple[Any, Tensor]:
    """Copies (B*K,S,D) of the initial state (1,S,D) of puzzles `idx` (B,) with noise of deviation `scale`, added in
    float32 or wider to one part, by its name, or both; and the norm (B,K) that is left after rounding."""
    wide = torch.float64 if start[0].dtype == torch.float64 else torch.float32
    shapes = {name: tuple(part.shape[1:]) for name, part in zip(start._fields, start)}
    drawn = [noise(int(i), copies, shapes, seed) for i in idx]
    parts, squared = [], torch.zeros(len(idx) * copies, dtype=torch.float64)
    for name, clean, eps in zip(start._fields, start, zip(*drawn)):
        added = torch.cat(eps).to(clean.device, wide) * scale
        if where not in ("both", name):
            added = torch.zeros_like(added)
        state = (clean.to(wide) + added).to(clean.dtype)
        parts.append(state)
        squared += distance(state, clean.expand_as(state)).square().cpu()
    return protocol.rebuild(start, parts), squared.sqrt().view(len(idx), copies)


def noise(idx: int, copies: int, shapes: dict[str, tuple[int, ...]], seed: int) -> list[Tensor]:
    """Standard normal noise (K,S,D) float32 for each part of the state of one puzzle, by its name and shape (S,D)."""
    return [
        torch.from_numpy(np.stack([generator(seed, "z0", part, idx, k).standard_normal(shape, dtype=np.float32)
                                   for k in range(copies)]))
        for part, shape in shapes.items()
    ]  # fmt: skip


def divergence(log_p: Tensor, log_clean: Tensor, asked: Tensor) -> Tensor:
    """KL(perturbed || clean) (B,T) in nats: of the answers (B,T,L,V), mean over the asked cells (B,1,L)."""
    cells = (log_p.exp() * (log_p - log_clean)).sum(-1).clamp_min(0)
    return (cells * asked).sum(-1) / asked.sum(-1).clamp_min(1)
