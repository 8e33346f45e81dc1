"""What a measurement of a checkpoint on its puzzles is, and the registry of them. A new one is one class in one file.

    @measurement.register
    class Speed(Measurement[SpeedConfig]):
        name, config, schema, revision = "speed", SpeedConfig, SPEED, 1

        def cost(self) -> Cost: ...
        def observe(self, questions) -> Arrays: ...

`rrdyn measure speed CKPT` then measures it, resumed, shared out and merged as the others are.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, ClassVar, Generic, Literal, TypeVar

import numpy as np
import torch
from pydantic import Field

from rrdyn.artifacts.config import Config
from rrdyn.artifacts.errors import UsageError
from rrdyn.artifacts.schema import Schema
from rrdyn.measurement.parts import Arrays, Parts, publish
from rrdyn.measurement.subject import Questions, Subject
from rrdyn.models.checkpoints import load
from rrdyn.models.model import Model
from rrdyn.models.work import equal_segments
from rrdyn.runtime.plugins import load_plugins, unknown


class MeasurementConfig(Config):
    """What every measurement is asked: for which puzzles, in which arithmetic."""

    n: Annotated[int, Field(ge=1)] = 512
    """Puzzles, drawn from the split without replacement; all where it has fewer."""
    dtype: Literal["float32", "float64", "bfloat16"] = "float32"
    """What the model computes in."""
    seed: Annotated[int, Field(ge=0)] = 0
    """Names the choice of puzzles, and what else is drawn."""


class OperationsConfig(MeasurementConfig):
    """What is asked of a measurement whose length may be that of another model, by operations."""

    operations_of: Annotated[Path | None, Field(exclude=True)] = None
    """Another checkpoint: the segments asked for are its own, and so many are run, and recorded, as take the same
    operations."""

    def segments_of(self, model: Model, segments: int) -> int:
        """So many segments of the model, or with `operations_of` what the operations of the other's pay for.

        0 stands for the budget of whose they are. Raises InputError as `load` does.
        """
        if self.operations_of is None:
            return segments or model.budget
        other = load(self.operations_of, dtype=model.dtype)
        return equal_segments(model, other, segments or other.budget)


class ProductsConfig(MeasurementConfig):
    """What is asked of a measurement that follows trajectories and may do so in coarser products."""

    tf32: bool = False
    """Products of float32 in TF32, on a GPU: faster and coarser."""

    def require_gpu(self, device: torch.device) -> None:
        """Raise UsageError where TF32 is asked for and there is none."""
        if self.tf32 and (device.type != "cuda" or self.dtype != "float32"):
            raise UsageError("--tf32 is for products of float32 on a GPU", found=f"{self.dtype} on {device.type}",
                             expected="--device cuda and --dtype float32", run="leave --tf32 away")  # fmt: skip


C = TypeVar("C", bound=MeasurementConfig)


TOGETHER = 8
"""Puzzles followed together on a CPU, at most; 16 are no faster."""
WORK_A_GROUP = 2e9
"""State elements times sub-updates: a group's work, at most, is about a minute of one core."""


@dataclass(frozen=True, kw_only=True)
class Cost:
    """What one puzzle takes, for the size of the parts."""

    memory: int
    """Bytes on the device while it is measured."""
    work: float
    """Elements of the state (and of tangents or copies) times sub-updates."""

    @property
    def group(self) -> int:
        """Small models are faster with several puzzles a product; of a large one, eight would be long to lose."""
        return max(1, min(TOGETHER, int(WORK_A_GROUP / self.work)))


class Measurement(ABC, Generic[C]):
    """One measurement of one subject. Every column of a puzzle depends on that puzzle alone."""

    name: ClassVar[str]
    """Of the command and of the output, NAME.npz."""
    config: ClassVar[type[MeasurementConfig]]
    schema: ClassVar[Schema]
    revision: ClassVar[int] = 1
    """Raised whenever the numbers may change: what is kept, and unfinished parts, are of one revision."""
    following: ClassVar[str | None] = None
    """The command that reads the output, for the hint after a run."""

    def __init__(self, subject: Subject, config: C) -> None:
        self.subject = subject
        if isinstance(config, ProductsConfig):
            config.require_gpu(subject.device)
        self.settings: C = self.resolved(config)

    def resolved(self, config: C) -> C:
        """The config with what the model decides filled in. Raises UsageError where they do not go together."""
        return config

    @abstractmethod
    def cost(self) -> Cost:
        """What a puzzle takes."""

    @abstractmethod
    def observe(self, questions: Questions) -> Arrays:
        """The columns of a batch of puzzles, each with a row a puzzle; `idx` among them."""

    @property
    def group(self) -> int:
        """Puzzles computed together on a CPU; with 1 their bits are the same in any company."""
        return 1

    def told(self) -> str:
        """In a few words, for the message at the start."""
        return self.name

    def choose(self) -> np.ndarray:
        """(N,) the puzzles of the whole output."""
        return self.subject.choose(self.settings.n, self.settings.seed)

    def recorded(self) -> dict[str, object]:
        """The settings as they are written, and as far as numbers depend on them."""
        return self.settings.model_dump()

    def told_apart(self) -> dict[str, object]:
        """The settings by which a result is known: `recorded`, without TF32 where it is off, which came later."""
        return {key: value for key, value in self.recorded().items() if key != "tf32" or value}

    def finish(self, arrays: Arrays) -> Arrays:
        """The output's arrays from the joined columns."""
        return arrays

    def about(self, arrays: Arrays) -> dict[str, object]:
        """What else stands in `meta`."""
        return {}

    @classmethod
    def counted(cls, arrays: Arrays) -> dict[str, object]:
        """What `meta` counts in the output's arrays; a merge counts anew."""
        return {}

    def write(self, parts: Parts, arrays: Arrays, meta: Mapping[str, object]) -> None:
        """Put the output in its place."""
        publish(parts, self.schema, arrays, meta)

    def beside(self, out: Path) -> list[Path]:
        """Files without which the output is not whole, by its name."""
        return []

    def also(self, out: Path) -> list[Path]:
        """Write what else was asked for beside a result that is there; returns the paths."""
        return []


MEASUREMENTS: dict[str, type[Measurement[Any]]] = {}
M = TypeVar("M", bound=type[Measurement[Any]])


def register(kind: M) -> M:
    """Make a measurement known by its name."""
    MEASUREMENTS[kind.name] = kind
    return kind


def measurement_named(name: str) -> type[Measurement[Any]]:
    """A registered measurement, ours or a plug-in's. Raises UsageError for an unknown name."""
    if name not in MEASUREMENTS:
        load_plugins()
    if name not in MEASUREMENTS:
        raise unknown("measurement", name, MEASUREMENTS)
    return MEASUREMENTS[name]
