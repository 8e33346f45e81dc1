"""What a way of spending compute at inference is, and the registry of them. A new one is one class in one file.

    @measurement.register_method
    class Halved(Method):
        name, source, single = "halved", "Somebody 2026", True

        def leave(self, before, moved):
            return protocol.rebuild(moved, ((a + b) / 2 for a, b in zip(before, moved)))

`rrdyn scale CKPT --methods longer halved` then measures it beside the others, at the same compute.

A method follows particles: copies of a puzzle's trajectory, each with a number from 0 on. What it draws is keyed by
(seed, method, puzzle, particle), so that it depends on nothing else, and a broader or deeper run begins with the
narrower and shorter one.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, ClassVar, TypeVar

import numpy as np
import torch
from torch import Tensor

from rrdyn.artifacts.errors import UsageError
from rrdyn.dynamics import protocol
from rrdyn.measurement.scaling.symmetry import Maps
from rrdyn.measurement.subject import Questions
from rrdyn.models import Model, Readout
from rrdyn.runtime.plugins import load_plugins, unknown
from rrdyn.runtime.streams import generator


@dataclass(frozen=True, kw_only=True)
class Schedule:
    """When interacting particles are resampled."""

    every: int = 1
    """Segments between two looks at the weights."""
    below: float = 0.5
    """Resampled where the effective sample size is less than this share of the particles."""
    sharpness: float = 1.0
    """Power of sigmoid(q_halt) that weighs a particle."""


@dataclass(frozen=True, kw_only=True)
class Setting:
    """What all methods of one run share."""

    models: Sequence[Model]
    """The model that is measured, and further checkpoints for an ensemble."""
    symmetries: Maps | None = None
    """Maps of the task onto itself; None where it has none."""
    seed: int = 0
    where: str = "both"
    """The part of the state that noise goes into, by its name, or both."""
    schedule: Schedule = Schedule()


class Method:
    """A way of spending compute; one object follows some particles of some puzzles. As it stands: the plain rollout.

    Rows are puzzle after puzzle, and the particles of one side by side: (B*K, ...).
    """

    name: ClassVar[str]
    source: ClassVar[str] = ""
    """Where it was proposed."""
    strength: ClassVar[float | None] = None
    """What `NAME=VALUE` sets, by default; None: nothing can be set."""
    meaning: ClassVar[str] = ""
    """Of the strength, with its unit."""
    single: ClassVar[bool] = False
    """All particles would be alike: it has one, and goes deeper."""
    together: ClassVar[bool] = False
    """Particles depend on each other: a broader run does not begin with a narrower one."""
    apart: ClassVar[bool] = False
    """Particles cannot share a batch."""
    reader: ClassVar[str] = "q_halt"
    """How its source chooses among its particles: a name of `analysis/readers.py`."""

    def __init__(self, setting: Setting, questions: Questions, particles: range, strength: float | None = None) -> None:
        self.setting, self.questions, self.particles = setting, questions, particles
        self.amount = self.strength if strength is None else strength
        self.rows = [(int(idx), particle) for idx in questions.idx for particle in particles]
        self.ancestors: Tensor | None = None
        """(rows,) which row each particle goes on from in this segment, where particles take each other's place."""
        self._streams: list[np.random.Generator] | None = None

    @classmethod
    def most(cls, setting: Setting) -> int | None:
        """Particles that it can have; None for any number, 0 where it cannot be used at all."""
        return 1 if cls.single else None

    @property
    def model(self) -> Model:
        """What its particles are iterated by."""
        return self.setting.models[0]

    @cached_property
    def unit(self) -> float:
        """What a deviation of 1 is: that over the features of the initial z_H."""
        return self.model.initial_std

    def asked(self) -> Questions:
        """The questions of all rows."""
        K, q = len(self.particles), self.questions
        if K == 1:
            return q
        inputs, labels, identifiers = (part.repeat_interleave(K, 0) for part in (q.inputs, q.labels, q.identifiers))
        return Questions(inputs=inputs, labels=labels, identifiers=identifiers, idx=q.idx.repeat(K))

    def answered(self, preds: Tensor) -> Tensor:
        """Answers (rows,T,L) in the terms of the question that was put."""
        return preds

    def start(self) -> Any:
        """The states (rows,...) that its particles start in."""
        return self.model.initial(len(self.rows))

    def enter(self, state: Any, number: int) -> Any:
        """The state that goes into segment `number`, from 1, once the answer before it has been read."""
        return state

    def leave(self, before: Any, moved: Any) -> Any:
        """The state after a segment that took `before` to `moved`: linear in both, as tangents go through it too."""
        return moved

    def read(self, readout: Readout) -> None:
        """What was read of the last state."""

    def shaken(self, state: Any, scale: float, first: int = 1) -> Any:
        """Noise of deviation `scale` on the state, added in float32 or wider; particles before `first` have none."""
        if scale == 0:
            return state
        if self._streams is None:
            self._streams = [generator(self.setting.seed, "scale", self.name, idx, k) for idx, k in self.rows]
        where = self.setting.where
        names = getattr(state, "_fields", tuple(map(str, range(len(state)))))
        parts = []
        for name, part in zip(names, state):
            if where not in ("both", name):
                parts.append(part)
                continue
            wide = torch.float64 if part.dtype == torch.float64 else torch.float32
            shape = tuple(part.shape[1:])
            drawn = [
                stream.standard_normal(shape, dtype=np.float32) if k >= first else np.zeros(shape, dtype=np.float32)
                for stream, (_, k) in zip(self._streams, self.rows)
            ]
            noise = torch.from_numpy(np.stack(drawn)).to(part.device, wide)
            parts.append(noise.mul_(scale).add_(part).to(part.dtype))
        return protocol.rebuild(state, parts)


METHODS: dict[str, type[Method]] = {}
K = TypeVar("K", bound=type[Method])


def register_method(kind: K) -> K:
    """Make a method known by its name."""
    METHODS[kind.name] = kind
    return kind


def method_named(words: str) -> tuple[type[Method], float | None]:
    """A registered method and its strength from NAME or NAME=VALUE. Raises UsageError for what is neither."""
    name, given, value = words.partition("=")
    if name not in METHODS:
        load_plugins()
    if name not in METHODS:
        raise unknown("method", name, METHODS)
    kind = METHODS[name]
    if not given:
        return kind, kind.strength
    if kind.strength is None:
        raise UsageError(f"{name} has nothing to set", found=words, expected=name)
    try:
        return kind, float(value)
    except ValueError:
        raise UsageError(f"{name} has no such strength", found=value, expected=kind.meaning) from None
