"""What an objective is: one optimiser step's worth of trajectories, their losses and gradients; and where it starts.

The arms of `configs/aug` choose one by name (`rollout`). Another is a class of its own, in a plug-in:

    from rrdyn import training

    @training.register_objective("anchored")
    class Anchored(training.Objective):
        def step(self, batch, step, update): ...
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any, ClassVar, TypeVar

import numpy as np
import torch
from torch import Tensor

from rrdyn.artifacts.config import Config
from rrdyn.dynamics.protocol import rebuild
from rrdyn.runtime.devices import moved, pinned
from rrdyn.training.ahead import Ahead
from rrdyn.training.augmentation import AugConfig
from rrdyn.training.learner import Learner, Rows
from rrdyn.training.noise import draw

Stats = dict[str, Tensor]
"""Sums over this process's examples of one step; `*_n` count what was summed."""


@dataclass(frozen=True, kw_only=True)
class Share:
    """The part of the global batch that this process holds."""

    global_batch: int
    slots: slice

    @classmethod
    def of(cls, global_batch: int, rank: int = 0, world: int = 1) -> Share:
        size = global_batch // world
        return cls(global_batch=global_batch, slots=slice(rank * size, (rank + 1) * size))


class Cancelled(Exception):
    """A step was given up before its update; nothing has changed but gradients."""


class NoSettings(Config):
    """An objective without settings of its own."""


class Objective(ABC):
    """What one training step learns from. The trainer owns the weights, the update and what is saved."""

    settings_type: ClassVar[type[Config]] = NoSettings
    """What an arm may write under `settings`."""
    means: ClassVar[tuple[str, ...]] = ()
    """Stats of its own, beside those every run logs: a mean NAME is the sum NAME over the count NAME_n."""

    def __init__(self, learner: Learner, aug: AugConfig, share: Share, seed: int, *, stagger: bool = False) -> None:
        """`stagger`: under ACT streaming, let the first example of slot i begin i segments under way."""
        self.learner, self.aug, self.share, self.seed, self.stagger = learner, aug, share, seed, stagger
        one = learner.initial(1)._asdict()
        aug.noise.require_part(tuple(one))
        self.shapes = {name: tuple(part.shape[1:]) for name, part in one.items()}
        self.ahead = Ahead(learner.device)
        """Noise that is drawn before it is needed."""
        self.settings: Any = self.settings_type(**aug.settings)
        self.reduce: Callable[[Tensor], Tensor] = lambda total: total
        """Sums a number over the processes; set by the trainer."""
        self.cancelled: Callable[[], bool] = lambda: False
        """Whether to give the step up, which then raises Cancelled; set by the loop, asked once a segment."""

    @classmethod
    def check(cls, aug: AugConfig) -> None:
        """Raise UsageError for an arm that this objective cannot follow."""
        cls.settings_type(**aug.settings)

    @abstractmethod
    def step(self, batch: Rows, step: int, update: Callable[[], None]) -> Stats:
        """Add the gradients of optimiser step `step` (the first is 1), and call `update` once they are whole."""

    def foresee(self, examples: list[int], step: int) -> None:  # noqa: B027
        """Told which examples a step will have while another is under way: what is drawn for it may be expected."""

    def expect_noise(self, examples: list[int], copies: range, step: int) -> None:
        """Let the noise that `perturbed` will ask for be drawn ahead."""
        if self.aug.noise.sampling != "none":
            self.ahead.expect((step, copies, tuple(examples)), partial(self._noise, examples, copies, step))

    def perturbed(self, rows: Rows, copies: range, step: int) -> tuple[Any, Stats]:
        """z0 of every (example, copy), copies varying fastest, and the realised size of the noise."""
        clean = self.learner.initial(len(rows["index"]) * len(copies))
        if self.aug.noise.sampling == "none":
            return clean, {}
        examples = rows["index"].tolist()
        noise = self.ahead.take((step, copies, tuple(examples)), partial(self._noise, examples, copies, step))
        return added(clean, *noise)

    def _noise(self, examples: list[int], copies: range, step: int) -> tuple[dict[str, Tensor], np.ndarray]:
        return drawn(self.aug, examples, copies, self.shapes, self.learner.device, seed=self.seed, step=step)

    @property
    def segments_per_step(self) -> int:
        """Segments of a trajectory that a step follows, for the plan."""
        return self.learner.segments

    def states_held(self, micro: int, trajectories: int) -> int:
        """Whole states held beside a pass of `micro` of the process's trajectories, for the plan."""
        return 3 * trajectories

    def state_dict(self) -> dict[str, Tensor]:
        """What is carried from one step to the next, a row a slot of this process."""
        return {}

    def load_state_dict(self, state: dict[str, Tensor]) -> None:
        """Take up what `state_dict` gave; {} is the beginning."""
        assert not state, "an objective that carries something takes it up itself"


OBJECTIVES: dict[str, type[Objective]] = {}
T = TypeVar("T", bound=type[Objective])


def register_objective(*names: str) -> Callable[[T], T]:
    """Class decorator: the objective that arms with one of these names as `rollout` learn from."""

    def registered(objective: T) -> T:
        OBJECTIVES.update(dict.fromkeys(names, objective))
        return objective

    return registered


def perturbed(
    learner: Learner, aug: AugConfig, rows: Rows, copies: range, *, seed: int, step: int
) -> tuple[Any, Stats]:
    """z0 of every (example, copy), copies varying fastest, and the realised size of the noise, drawn now.

    For whoever has no objective at hand; see `Objective.perturbed`.
    """
    clean = learner.initial(len(rows["index"]) * len(copies))
    if aug.noise.sampling == "none":
        return clean, {}
    shapes = {name: tuple(part.shape[1:]) for name, part in clean._asdict().items()}
    return added(clean, *drawn(aug, rows["index"].tolist(), copies, shapes, learner.device, seed=seed, step=step))


def drawn(
    aug: AugConfig, examples: list[int], copies: range, shapes: Mapping[str, tuple[int, ...]], device: torch.device, *,
    seed: int, step: int,
) -> tuple[dict[str, Tensor], np.ndarray]:  # fmt: skip
    """The noise of each part of the starts (R,...), where the device can fetch it, {} for none; sigma (R,)."""
    eps, sigma = draw(aug.noise, seed=seed, step=step, examples=examples, copies=copies, shapes=shapes)
    names = list(eps) if sigma.any() else []
    return {name: pinned(torch.from_numpy(eps.pop(name)), device) for name in names}, sigma


def added(clean: Any, eps: dict[str, Tensor], sigma: np.ndarray) -> tuple[Any, Stats]:
    """Starts (R,...) with the noise of each added, and its realised size.

    The noise is added in float32 or wider. `noise` is ||stored z0 - clean z0|| / ||clean z0|| over all parts.
    """
    if not sigma.any():
        return clean, {}
    noisy = rebuild(clean, (z + moved(eps.pop(name), z.device) for name, z in clean._asdict().items()))
    apart = torch.sqrt(sum(_squares(new - old) for new, old in zip(noisy, clean)))  # type: ignore[arg-type]
    size = torch.sqrt(sum(_squares(old) for old in clean))  # type: ignore[arg-type]
    hit = moved(torch.from_numpy(np.flatnonzero(sigma > 0)), apart.device)
    return noisy, {"noise": (apart / size)[hit].sum(), "noise_n": torch.tensor(len(hit))}


def _squares(part: Tensor) -> Tensor:
    """(R,) sum of squares of each row, in float64."""
    return (part.double() ** 2).sum(tuple(range(1, part.ndim)))
