"""Inference compute on one axis: what each way of spending it answers, on the same puzzles at the same evaluations.

A method is run once, at its largest budget, and everything that its particles read is kept; what any reader makes of
any smaller budget is a matter of the analysis (`analysis/scaling.py`). Budgets are counted in evaluations of
sub-updates, those of particles that are thrown away too.
"""

from __future__ import annotations

from functools import cached_property
from pathlib import Path
from typing import Annotated

import numpy as np
import torch
from pydantic import Field
from torch import Tensor

from rrdyn.artifacts.errors import InputError, UsageError
from rrdyn.artifacts.files import sha256
from rrdyn.artifacts.schemas import SCALE
from rrdyn.measurement.measurement import Cost, Measurement, MeasurementConfig, register
from rrdyn.measurement.parts import Arrays
from rrdyn.measurement.scaling.longer import Longer
from rrdyn.measurement.scaling.method import METHODS, Schedule, Setting, method_named
from rrdyn.measurement.scaling.particles import Piece, follow_particles, layout
from rrdyn.measurement.scaling.symmetry import maps_of
from rrdyn.measurement.subject import Questions, Subject, open_subject
from rrdyn.models.layouts import locate
from rrdyn.models.work import segment_work
from rrdyn.runtime.plugins import load_plugins


class ScaleConfig(MeasurementConfig):
    """Which methods, how much compute, on which puzzles."""

    n: Annotated[int, Field(ge=1)] = 128
    """Puzzles, drawn from the split without replacement."""
    budget: Annotated[int, Field(ge=1, le=1 << 16)] = 16
    """Largest compute of a method, in units of the model's own: a power of two."""
    depth: Annotated[int, Field(ge=1, le=1 << 16)] = 1
    """Longest run of one of several particles, in units of the model's own: above 1 also depth x breadth."""
    methods: tuple[str, ...] = ()
    """Methods, each as NAME or NAME=VALUE with its strength; default all that this checkpoint and task allow."""
    where: str = "both"
    """Part of the state that noise goes into: z_H, z_L or both."""
    periods: Annotated[int, Field(ge=1, le=256)] = 8
    """Return distances after 1 to so many segments, of which the smallest is kept."""
    resample_every: Annotated[int, Field(ge=1)] = 1
    """smc: segments between two looks at the weights."""
    resample_below: Annotated[float, Field(ge=0, le=1)] = 0.5
    """smc: resampled where the effective sample size is less than this share of the particles."""
    sharpness: Annotated[float, Field(ge=0)] = 1.0
    """smc: power of sigmoid(q_halt) that weighs a particle."""
    members: tuple[Path, ...] = ()
    """ensemble: further checkpoints of the same task."""
    exponents: bool = False
    """A tangent goes with every particle, which doubles the evaluations, for the reader lambda_1."""


@register
class Scale(Measurement[ScaleConfig]):
    """The columns of `scale.npz`."""

    name, config, schema, revision = "scale", ScaleConfig, SCALE, 2
    following = "analyze-scale"

    def __init__(self, subject: Subject, config: ScaleConfig) -> None:
        model = subject.model
        others = [_member(path, subject) for path in config.members]
        self.setting = Setting(
            models=[model, *(other.model for other in others)],
            symmetries=maps_of(subject.split.puzzle, config.seed),
            seed=config.seed,
            where=config.where,
            schedule=Schedule(every=config.resample_every, below=config.resample_below, sharpness=config.sharpness),
        )
        super().__init__(subject, config)
        self.chosen = {words: method_named(words) for words in self.settings.methods}

    def resolved(self, config: ScaleConfig) -> ScaleConfig:
        if config.budget & (config.budget - 1):
            raise UsageError("--budget is no power of two", found=config.budget, expected="1, 2, 4, 8, ...")
        start = self.subject.model.initial(1)
        if config.exponents and start[0].dtype not in (torch.float32, torch.float64):
            raise UsageError("--exponents needs states of float32 or float64", found=str(start[0].dtype),
                             expected="--dtype float32")  # fmt: skip
        parts = start._fields
        if config.where not in ("both", *parts):
            raise UsageError("--where names no part of the state", found=config.where,
                             expected="both, " + ", ".join(parts))  # fmt: skip
        load_plugins()
        names = config.methods or tuple(
            sorted((name for name, kind in METHODS.items() if kind.most(self.setting) != 0), key=_plain_first)
        )
        for words in names:
            kind, _ = method_named(words)
            if kind.most(self.setting) == 0:
                raise UsageError(f"{kind.name} cannot be used here", expected=NEEDS.get(kind.name, "another method"))
        return config.model_copy(update={"methods": tuple(dict.fromkeys(names))})

    def told(self) -> str:
        return f"{len(self.chosen)} methods, up to {self.settings.budget} times the model's own compute"

    def recorded(self) -> dict[str, object]:
        members = [sha256(path) for path in map(_weights, self.settings.members)]
        unsaid = {"members"} if self.settings.exponents else {"members", "exponents"}
        return {**self.settings.model_dump(exclude=unsaid), "members": members}

    @property
    def kept(self) -> tuple[str, ...]:
        """Columns of what every particle reads."""
        return (*KEPT, "lambda_1") if self.settings.exponents else KEPT

    @cached_property
    def pieces(self) -> dict[str, list[Piece]]:
        """By method: which particles are followed together, how far."""
        budget, depth = self.settings.budget, self.settings.depth
        return {words: layout(kind, budget, depth, kind.most(self.setting)) for words, (kind, _) in self.chosen.items()}

    def cost(self) -> Cost:
        model = self.subject.model
        all_pieces = [piece for pieces in self.pieces.values() for piece in pieces]
        segments = model.budget * sum(len(piece.particles) * piece.depth for piece in all_pieces)
        rows = max(len(piece.particles) for piece in all_pieces)
        deepest = model.budget * max(len(piece.particles) * piece.depth for piece in all_pieces)
        times = 2 if self.settings.exponents else 1
        return Cost(
            memory=rows * times * (model.activation_bytes() + 8 * self.settings.periods * model.state_elements)
            + deepest * (model.config.seq_len + 32),
            work=times * model.state_elements * segments * model.sub_updates_per_segment,
        )

    @property
    def group(self) -> int:
        return self.cost().group

    def observe(self, questions: Questions) -> Arrays:
        known = _Answers(questions)
        columns: dict[str, list[np.ndarray]] = {name: [] for name in self.kept}
        evaluations = []
        for words, (kind, strength) in self.chosen.items():
            spent = 0
            for piece in self.pieces[words]:
                method = kind(self.setting, questions, piece.particles, strength)
                read = follow_particles(method, piece.depth * self.subject.model.budget, self.settings.periods,
                                        exponents=self.settings.exponents)  # fmt: skip
                spent += read.evaluations
                for name in self.kept:
                    if name == "answer":
                        continue
                    columns[name].append(getattr(read, name).flatten(1).cpu().numpy())
                columns["answer"].append(known.numbers(read.preds))
            evaluations.append(spent)
        return {
            **{name: np.concatenate(found, axis=1) for name, found in columns.items()},
            "evaluations": np.tile(np.array(evaluations, dtype=np.int64), (len(questions), 1)),
            "idx": questions.idx,
        }

    def finish(self, arrays: Arrays) -> Arrays:
        S = self.subject.model.budget
        rows = [
            (code, piece.population, particle, segment)
            for code, pieces in enumerate(self.pieces.values())
            for piece in pieces
            for particle in piece.particles
            for segment in range(1, piece.depth * S + 1)
        ]
        told = zip(("method", "population", "particle", "segment"), np.array(rows, dtype=np.int64).T)
        return {**arrays, **dict(told)}

    def about(self, arrays: Arrays) -> dict[str, object]:
        return {
            "methods": list(self.chosen),
            "singles": [words for words, (kind, _) in self.chosen.items() if kind.single],
            "readers": {words: kind.reader for words, (kind, _) in self.chosen.items()},
            "sources": {words: kind.source for words, (kind, _) in self.chosen.items()},
            "flops_per_segment": segment_work(self.subject.model).operations,
            "noise_unit": self.subject.model.initial_std,
            "clock": "sub-updates evaluated",
        }


KEPT = ("right", "q_halt", "residual", "return_distance", "answer")
NEEDS = {
    "permute": "a task with symmetries",
    "ensemble": "further checkpoints, with --members",
}


def _plain_first(name: str) -> tuple[bool, str]:
    return name != Longer.name, name


class _Answers:
    """The distinct answers that were given to each puzzle, numbered in the order in which they are first met."""

    def __init__(self, questions: Questions) -> None:
        asked = (questions.labels >= 0).cpu().numpy()
        asked[~asked.any(1)] = True  # without labels all cells make the answer
        self.asked = asked
        self.met: list[dict[bytes, int]] = [{} for _ in asked]

    def numbers(self, preds: Tensor) -> np.ndarray:
        """(B,K*T) int32 of predictions (B,K,T,L)."""
        rows = preds.flatten(1, 2).cpu().numpy()
        found = np.empty(rows.shape[:2], dtype=np.int32)
        for at, (mask, met) in enumerate(zip(self.asked, self.met)):
            cells = np.ascontiguousarray(rows[at][:, mask])
            found[at] = [met.setdefault(row.tobytes(), len(met)) for row in cells]
        return found


def _weights(path: Path) -> Path:
    return Path(locate(path).weights)


def _member(path: Path, subject: Subject) -> Subject:
    """Another checkpoint, on the puzzles of the subject. Raises InputError where it is of another task or budget."""
    other = open_subject(path, data=subject.split.path, split=subject.split.split, dtype=subject.model.dtype,
                         device=subject.device)  # fmt: skip
    mine, its = subject.model, other.model
    for words, a, b in (("budget", mine.budget, its.budget),
                        ("sub-updates", mine.sub_updates_per_segment, its.sub_updates_per_segment)):  # fmt: skip
        if a != b:
            raise InputError(f"{path} does not go with {subject.weights}: its {words} are others", found=b, expected=a)
    return other
