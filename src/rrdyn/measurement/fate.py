"""What becomes of each puzzle's state when it is followed past the budget, and whether its answer is right then."""

from __future__ import annotations

from typing import Annotated, Any

import numpy as np
import torch
from pydantic import Field
from torch import Tensor

from rrdyn.artifacts.errors import UsageError
from rrdyn.artifacts.schemas import FATE
from rrdyn.dynamics import protocol
from rrdyn.dynamics.cycle import find_cycle
from rrdyn.dynamics.fate import CYCLE, FATES, FIXED, Fates, classify_fate
from rrdyn.dynamics.trajectory import Step
from rrdyn.measurement.answers import Answers
from rrdyn.measurement.measurement import Cost, Measurement, OperationsConfig, register
from rrdyn.measurement.parts import Arrays
from rrdyn.measurement.perturbation import perturbed
from rrdyn.measurement.subject import Questions, Subject
from rrdyn.models import Model, build


class FateConfig(OperationsConfig):
    """How far trajectories are followed, and what is asked of those that return."""

    horizon: Annotated[int, Field(ge=1, le=1 << 24)] = 256
    """Segments followed, at most; a trajectory whose fate is decided is followed no further."""
    max_period: Annotated[int, Field(ge=1, le=4096)] = 32
    """Longest cycle looked for."""
    tolerance: Annotated[float, Field(ge=0)] = 0.0
    """Return distance that counts as 0; 0: from the noise floor of the arithmetic, puzzle by puzzle."""
    multipliers: Annotated[int, Field(ge=0, le=64)] = 6
    """Leading eigenvalues of one period, of each fixed point or cycle refined in float64; 0: none is refined."""
    restarts: Annotated[int, Field(ge=0, le=1 << 16)] = 0
    """Perturbed restarts of each puzzle that are followed too (K)."""
    sigma: Annotated[float, Field(gt=0)] = 0.3
    """Their noise, in units of the deviation of the initial z_H."""


@register
class Fate(Measurement[FateConfig]):
    """The columns of `fate.npz`."""

    name, config, schema, revision = "fate", FateConfig, FATE, 2
    following = "inspect"

    def __init__(self, subject: Subject, config: FateConfig) -> None:
        super().__init__(subject, config)
        self.wide = _in_float64(subject.model) if config.multipliers else subject.model

    def resolved(self, config: FateConfig) -> FateConfig:
        horizon = config.segments_of(self.subject.model, config.horizon)
        if horizon < self.subject.model.budget:
            raise UsageError("--horizon ends before the model's budget", found=horizon,
                             expected=f"at least {self.subject.model.budget}")  # fmt: skip
        return config.model_copy(update={"horizon": horizon, "operations_of": None})

    def told(self) -> str:
        return f"up to {self.settings.horizon} segments"

    def cost(self) -> Cost:
        model = self.subject.model
        trajectories = 1 + self.settings.restarts
        work = model.state_elements * 2 * self.settings.horizon * model.sub_updates_per_segment
        memory = model.activation_bytes(tangents=2) + 8 * self.settings.max_period * model.state_elements
        return Cost(memory=trajectories * memory, work=trajectories * work)

    @property
    def group(self) -> int:
        return self.cost().group

    def observe(self, questions: Questions) -> Arrays:
        fates, rightness = self._followed(questions, self.subject.model.initial(len(questions)))
        columns = {
            "fate": fates.fate,
            "period": fates.period,
            "settled_at": fates.settled_at,
            "return_distance": fates.return_distance,
            "lambda_late": fates.lambda_late,
            "lambda_low": fates.lambda_low,
            "lambda_high": fates.lambda_high,
            "tolerance": fates.tolerance,
            "followed": fates.segments,
            **rightness.columns(),
        }
        return {
            **{key: column.cpu().numpy() for key, column in columns.items()},
            **self._refined(questions, fates),
            **self._restarted(questions),
            "idx": questions.idx,
        }

    def _followed(self, questions: Questions, z0: Any) -> tuple[Fates, Rightness]:
        config, model = self.settings, self.subject.model
        recurrence = model.recurrence(model.embed(questions.inputs, questions.identifiers))
        rightness = Rightness(Answers(model, questions.labels, keep=()), model.budget)
        fates = classify_fate(
            recurrence, z0, config.horizon, max_period=config.max_period, tolerance=config.tolerance or None,
            seed=config.seed, keys=questions.idx.tolist(), observers=[rightness],
        )  # fmt: skip
        return fates, rightness

    def _restarted(self, questions: Questions) -> Arrays:
        """Fates of perturbed restarts (B,K), and whether they are right at the budget and at the end.

        On a CPU as many trajectories at a time as puzzles.
        """
        config, model = self.settings, self.subject.model
        if config.restarts == 0:
            return {}
        scale = config.sigma * model.initial_std
        z0, _ = perturbed(model.initial(1), questions.idx, config.restarts, scale, config.seed)
        copies = _repeated(questions, config.restarts)
        size = self.group if z0[0].device.type == "cpu" else len(copies)
        rows: list[list[Tensor]] = []
        for at in range(0, len(copies), size):
            some = slice(at, at + size)
            fates, rightness = self._followed(_rows(copies, some), protocol.take(z0, some))
            seen = rightness.columns()
            rows.append([fates.fate, fates.period, seen["right_budget"], seen["right_end"]])
        names = ("restart_fate", "restart_period", "restart_right_budget", "restart_right_end")
        return {
            name: torch.cat(column).view(len(questions), -1).cpu().numpy() for name, column in zip(names, zip(*rows))
        }

    def _refined(self, questions: Questions, fates: Fates) -> Arrays:
        """Residual and multipliers of each fixed point and cycle, refined from where its trajectory ended."""
        count, n = self.settings.multipliers, len(questions)
        if count == 0:
            return {}
        residual, values = np.full(n, np.nan), np.full((n, count), np.nan, dtype=complex)
        settled = (fates.fate == FIXED) | (fates.fate == CYCLE)
        model = self.wide
        for row in torch.nonzero(settled).flatten().tolist():
            one = slice(row, row + 1)
            recurrence = model.recurrence(model.embed(questions.inputs[one], questions.identifiers[one]))
            state = protocol.rebuild(fates.state, (part[one].double() for part in fates.state))
            found = find_cycle(recurrence, state, int(fates.period[row]), count=count, seed=self.settings.seed,
                               keys=[int(questions.idx[row])])  # fmt: skip
            residual[row] = float(found.residual[0])
            if bool(found.converged[0]):
                values[row, : found.eigenvalues.shape[1]] = found.eigenvalues[0].cpu().numpy()
        return {"refined_residual": residual, "multiplier_re": values.real, "multiplier_im": values.imag}

    def about(self, arrays: Arrays) -> dict[str, object]:
        return {"fates": list(FATES), "clock": "segment", "exponents": "nats per sub-update"}


class Rightness:
    """When each answer is right: at the budget, at the end, and from which segment on it stays right."""

    def __init__(self, answers: Answers, budget: int) -> None:
        self.answers, self.budget = answers, budget
        batch, device = len(answers.labels), answers.labels.device
        self.right = torch.zeros(batch, dtype=torch.bool, device=device)
        self.right_budget = torch.zeros_like(self.right)
        self.right_at = torch.full((batch,), -1, dtype=torch.int64, device=device)

    def see(self, step: Step) -> None:
        self.answers.see(step)
        rows = slice(None) if step.rows is None else step.rows
        exact, since = self.answers.exact, self.right_at[rows]
        begins = torch.where(exact, torch.where(since < 0, step.number, since), -1)
        self.right_at[rows] = begins
        self.right[rows] = exact
        if step.number <= self.budget:  # one that is left before stays as it was
            self.right_budget[rows] = exact

    def columns(self) -> dict[str, Tensor]:
        """right_budget, right_end, lost (B,) bool, right_at (B,): -1 where wrong at the end."""
        return {"right_budget": self.right_budget, "right_end": self.right, "right_at": self.right_at,
                "lost": self.right_budget & ~self.right}  # fmt: skip


def _repeated(questions: Questions, copies: int) -> Questions:
    """Each puzzle `copies` times."""
    inputs, labels, identifiers = (part.repeat_interleave(copies, 0) for part in
                                   (questions.inputs, questions.labels, questions.identifiers))  # fmt: skip
    return Questions(inputs=inputs, labels=labels, identifiers=identifiers, idx=questions.idx.repeat(copies))


def _rows(questions: Questions, rows: slice) -> Questions:
    return Questions(inputs=questions.inputs[rows], labels=questions.labels[rows],
                     identifiers=questions.identifiers[rows], idx=questions.idx[rows])  # fmt: skip


def _in_float64(model: Model) -> Model:
    """The same weights, computing in float64."""
    if model.dtype == torch.float64:
        return model
    wide = build(model.config, dtype=torch.float64)
    wide.load_state_dict(model.state_dict())
    return wide.to(model.device).eval()
