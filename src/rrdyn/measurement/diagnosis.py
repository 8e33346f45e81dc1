"""What `diag.npz` holds of a checkpoint: per puzzle how the state moved, how fast nearby states spread, when it would
have halted, and whether it was right, over the budgeted segments. Halting is recorded and never applied.
"""

from __future__ import annotations

from functools import cached_property
from pathlib import Path
from typing import Annotated, Any, Literal

import numpy as np
import torch
from pydantic import Field
from torch import Tensor

from rrdyn.artifacts.errors import UsageError
from rrdyn.artifacts.npz import write_npz
from rrdyn.artifacts.schemas import DIAG, STATES
from rrdyn.dynamics.exponents import of_each
from rrdyn.dynamics.growth import Nearby
from rrdyn.dynamics.lyapunov import Tangents, first_frame
from rrdyn.dynamics.metric import in_norm
from rrdyn.dynamics.observers import Motion
from rrdyn.dynamics.protocol import Recurrence
from rrdyn.dynamics.qr import clipped
from rrdyn.dynamics.returns import Returns
from rrdyn.dynamics.trajectory import Carrier, Observer, Step, follow, plain_segment
from rrdyn.measurement.answers import Answers
from rrdyn.measurement.measurement import Cost, Measurement, ProductsConfig, register
from rrdyn.measurement.parts import Arrays
from rrdyn.measurement.subject import Questions
from rrdyn.models.contraction import Certificate
from rrdyn.models.description import contraction_of
from rrdyn.runtime.threads import one_thread


class DiagnosisConfig(ProductsConfig):
    """What is measured, and how."""

    k: Annotated[int, Field(ge=1, le=4096)] = 8
    """Leading exponents."""
    segments: Annotated[int, Field(ge=0, le=1 << 20)] = 0
    """Segments followed; 0: the model's own budget."""
    qr_every: Literal["substep", "cycle", "segment", "auto"] = "substep"
    """When tangents are orthonormalised."""
    align: Annotated[int, Field(ge=0)] = 0
    """First segments left out of the averages while the tangents align."""
    estimator: Literal["tangents", "growth"] = "tangents"
    """tangents: exact derivatives; growth: one nearby trajectory, cheap, the leading exponent only."""
    tangent_dtype: Literal["auto", "float32", "float64"] = "auto"
    """What the tangents are carried in; auto: as the model, and float32 for a bfloat16 one."""
    periods: Annotated[int, Field(ge=0, le=4096)] = 16
    """Return distances after 1 to so many segments; 0: none."""
    save_states: tuple[int, ...] = ()
    """Indices of puzzles whose full states are written beside the output."""

    @property
    def width(self) -> torch.dtype:
        """The dtype of the tangents."""
        if self.tangent_dtype == "auto":
            return torch.float64 if self.dtype == "float64" else torch.float32
        dtype: torch.dtype = getattr(torch, self.tangent_dtype)
        return dtype

    @property
    def exponents(self) -> int:
        return self.k if self.estimator == "tangents" else 1


@register
class Diagnosis(Measurement[DiagnosisConfig]):
    """The columns of `diag.npz`."""

    name, config, schema, revision = "diag", DiagnosisConfig, DIAG, 3
    following = "analyze-2x2"

    def resolved(self, config: DiagnosisConfig) -> DiagnosisConfig:
        if config.tf32 and config.estimator == "tangents":
            raise UsageError("--tf32 is too coarse for tangents", expected="--estimator growth with it",
                             run="leave --tf32 away")  # fmt: skip
        segments = config.segments or self.subject.model.budget
        if config.align >= segments:
            raise UsageError(
                "no segment is left to average over",
                found=f"align {config.align} of {segments} segments",
                expected="align less than segments",
            )
        for index in config.save_states:
            if not 0 <= index < len(self.subject.split):
                raise UsageError("--save-states names no puzzle", found=index,
                                 expected=f"0 to {len(self.subject.split) - 1}")  # fmt: skip
        return config.model_copy(update={"segments": segments})

    def told(self) -> str:
        return f"{self.settings.segments} segments, {self.settings.exponents} exponents"

    def cost(self) -> Cost:
        config, model = self.settings, self.subject.model
        return Cost(
            memory=model.activation_bytes(tangents=config.exponents, width=8 if config.width == torch.float64 else 4)
            + 8 * config.periods * model.state_elements,
            work=model.state_elements
            * (1 + config.exponents)
            * config.segments
            * self.subject.model.sub_updates_per_segment,
        )

    def recorded(self) -> dict[str, object]:
        return self.settings.model_dump(exclude={"save_states"})

    def observe(self, questions: Questions) -> Arrays:
        config, model = self.settings, self.subject.model
        recurrence = model.recurrence(model.embed(questions.inputs, questions.identifiers))
        z0 = model.initial(len(questions))
        motion = Motion(len(questions))
        answers = Answers(model, questions.labels, keep=("q_halt", "q_continue", "preds", "exact", "token_acc"))
        spreads = _Spreads()
        returns = [Returns(z0, config.periods, series=True)] if config.periods else []
        observers: list[Observer] = [motion, answers, spreads, *returns]
        end = follow(recurrence, z0, config.segments, observers, self._carrier(z0, questions.idx))
        table = answers.table.columns()
        log_r = torch.stack(spreads.log_r, dim=1)
        steps = (config.segments - config.align) * len(recurrence.sub_updates)
        exponents = log_r[:, config.align :].sum(1) / steps
        columns = {
            **{f"drift_{part}": motion.drift(i) for i, part in enumerate(self._part_names(z0))},
            "q_halt": table["q_halt"],
            "q_continue": table["q_continue"],
            "log_r": log_r,
            "preds": table["preds"],
            "lyap_spec": exponents.sort(-1, descending=True).values,
            "exact_correct": table["exact"][:, -1],
            "token_acc": table["token_acc"][:, -1],
            "halted_at": answers.halted_at(config.segments),
            "q_halt_positive_at": _first(table["q_halt"] > 0),
            "residual": motion.residual(plain_segment(recurrence, end)),
            "clipped": torch.as_tensor(spreads.clipped).expand(len(questions)),
            **({"return_distance": returns[0].distances().float()} if returns else {}),
            **({"lambda_certified": self._in_its_norm(recurrence, z0, questions.idx)} if self.certificate else {}),
        }
        return {**{key: value.cpu().numpy() for key, value in columns.items()}, "idx": questions.idx}

    @cached_property
    def certificate(self) -> Certificate | None:
        """The proof that the model contracts, where it has one, of its weights as they are measured."""
        return self.subject.model.certificate()

    def _in_its_norm(self, recurrence: Recurrence, z0: Any, idx: np.ndarray) -> Tensor:
        """(B,) lambda_1 in the norm of the certificate."""
        assert self.certificate is not None
        config, spreads = self.settings, _Spreads()
        moved, start = in_norm(recurrence, z0, self.certificate.metric)
        first = first_frame(start, 1, config.width, config.seed, [int(key) for key in idx])
        follow(moved, start, config.segments, [spreads], Tangents(first, config.qr_every))
        steps = (config.segments - config.align) * len(recurrence.sub_updates)
        return torch.stack(spreads.log_r, dim=1)[:, config.align :, 0].sum(1) / steps

    def _carrier(self, z0: Any, keys: np.ndarray) -> Carrier:
        config, names = self.settings, [int(key) for key in keys]
        if config.estimator == "growth":
            return Nearby(seed=config.seed, keys=names)
        return Tangents(first_frame(z0, config.k, config.width, config.seed, names), config.qr_every)

    def _part_names(self, z0: Any) -> list[str]:
        """Of the drift columns: zH and zL for the first two parts, whatever they are called, as published."""
        return ["zH", "zL", *z0._fields[2:]][: len(z0)]

    def finish(self, arrays: Arrays) -> Arrays:
        beyond = of_each(
            arrays["log_r"][:, self.settings.align :], self.subject.model.sub_updates_per_segment,
            self.subject.model.state_elements,
        )  # fmt: skip
        idx, rated = arrays["idx"], self.subject.split.difficulty
        rating = {} if rated is None else {"difficulty": np.asarray(rated[idx], dtype=np.float64)}
        return {**arrays, **rating, **self.subject.validity(idx, arrays["preds"][:, -1]), **beyond}

    def about(self, arrays: Arrays) -> dict[str, object]:
        told: dict[str, object] = {
            "estimator": self._estimator(),
            "state_parts": list(self.subject.model.initial(1)._fields),
        }
        if self.certificate is not None:
            told["contraction"] = contraction_of(self.certificate).model_dump()
        return told

    @classmethod
    def counted(cls, arrays: Arrays) -> dict[str, object]:
        return {"diverged": int((~finite_rows(arrays)).sum())}

    def _estimator(self) -> dict[str, object]:
        """What the exponents are: files whose estimators differ must not be compared."""
        config = self.settings
        return {
            "method": config.estimator,
            "clock": "sub-update",
            "sub_updates_per_segment": self.subject.model.sub_updates_per_segment,
            "segments": config.segments,
            "k": config.exponents,
            "qr_every": config.qr_every if config.estimator == "tangents" else "segment",
            "dtype": str(config.width).removeprefix("torch."),
            "warmup": config.align,
        }

    def also(self, out: Path) -> list[Path]:
        """Follow chosen puzzles again and write their full states (N,1+segments,S,D), the initial one first."""
        chosen = np.array(self.settings.save_states, dtype=np.int64)
        if len(chosen) == 0:
            return []
        with torch.no_grad(), one_thread():
            rows = [self._states_of(int(index)) for index in chosen]
        name = out.name.replace("diag", "states", 1) if "diag" in out.name else f"states_{out.name}"
        arrays = {"z_H": np.concatenate([row[0] for row in rows]), "z_L": np.concatenate([row[1] for row in rows])}
        meta = self.subject.meta(seed=self.settings.seed, settings=self.told_apart(), dtype=self.settings.dtype)
        return [write_npz(out.with_name(name), STATES, {**arrays, "idx": chosen}, meta)]

    def _states_of(self, index: int) -> list[np.ndarray]:
        """Of each part of the state, (1,1+segments,S,D)."""
        model, questions = self.subject.model, self.subject.questions(np.array([index]))
        recurrence = model.recurrence(model.embed(questions.inputs, questions.identifiers))
        z0 = model.initial(1)
        seen = _States(z0)
        follow(recurrence, z0, self.settings.segments, [seen], self._carrier(z0, questions.idx))
        return [np.stack(part, axis=1) for part in zip(*seen.states)]


class _Spreads:
    """The log growth of every segment, (B,k) each, and how many of its logs were clipped (B,)."""

    def __init__(self) -> None:
        self.log_r: list[Tensor] = []
        self.clipped: Tensor | int = 0

    def see(self, step: Step) -> None:
        assert step.spread is not None
        self.clipped = self.clipped + clipped(step.spread.triangles)
        self.log_r.append(step.spread.log_r.sum(0))


class _States:
    """Copies of the whole state, the first one too."""

    def __init__(self, z0: Any) -> None:
        self.states = [self._copy(z0)]

    def see(self, step: Step) -> None:
        self.states.append(self._copy(step.state))

    def _copy(self, state: Any) -> list[np.ndarray]:
        return [part.cpu().float().numpy().copy() for part in state]


def _first(flags: Tensor) -> Tensor:
    """(B,) the first of S segments, from 1, where a flag (B,S) is set; S where none is."""
    return torch.where(flags.any(1), flags.int().argmax(1) + 1, flags.shape[1])


def finite_rows(arrays: Arrays) -> np.ndarray:
    """(N,) whether every number of a puzzle is finite."""
    keys = [key for key in arrays if key.startswith("drift_")] + ["q_halt", "lyap_spec"]
    return np.asarray(
        np.logical_and.reduce([np.isfinite(arrays[key]).reshape(len(arrays["idx"]), -1).all(1) for key in keys])
    )


def diverged(arrays: Arrays) -> np.ndarray:
    """Indices (of the split) of puzzles whose state or exponents are not finite."""
    return np.asarray(arrays["idx"][~finite_rows(arrays)])
