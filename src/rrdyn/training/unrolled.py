"""Back-propagation through whole segments, several of them, beside the published gradient of a segment's end."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any, ClassVar

import torch
from pydantic import Field
from torch import Tensor

from rrdyn.artifacts.config import Config
from rrdyn.artifacts.errors import UsageError
from rrdyn.training.augmentation import AugConfig
from rrdyn.training.learner import Outcome, Rows
from rrdyn.training.objective import Cancelled, register_objective
from rrdyn.training.rollouts import ALL, Rolled, Rollouts


class UnrolledConfig(Config):
    """How far back gradients flow."""

    through: Annotated[int, Field(ge=1, le=1 << 16)] = 2
    """Segments, every sub-update of them; the state is cut loose after as many. A whole budget: none is cut."""


@register_objective("unrolled")
class Unrolled(Rollouts):
    """The fixed rollout of K copies, its gradient through `through` whole segments at a time.

    Memory: everything that autograd keeps of `through` segments, where the published gradient keeps `gradient_span`
    sub-updates of one: (through x sub-updates of a segment) / gradient_span times as much.
    """

    settings_type: ClassVar[type[Config]] = UnrolledConfig

    @classmethod
    def check(cls, aug: AugConfig) -> None:
        super().check(aug)
        if aug.update == "segment":
            raise UsageError("gradients through several segments need one update a rollout", found="update segment",
                             expected="update rollout")  # fmt: skip

    def roll(
        self, batch: Rows, copies: range, z0: Any, weights: Tensor | None, *, step: int, part: slice = ALL,
        update: Callable[[], None] | None = None,
    ) -> Rolled:  # fmt: skip
        """As the fixed rollout; a rollout without gradient is that one."""
        if weights is None:
            return super().roll(batch, copies, z0, None, step=step, part=part, update=update)
        learner, rows, z = self.learner, self.rows_of(batch, len(copies)), z0
        found: list[Outcome] = []
        for first in range(0, learner.segments, self.settings.through):
            if self.cancelled():
                raise Cancelled
            window = weights[first : first + self.settings.through]
            outcomes = learner.unrolled(z, rows, window, ends=first + len(window) == learner.segments)
            z, found = outcomes[-1].z, found + outcomes
        losses = torch.stack([outcome.loss.double() for outcome in found])
        last = found[-1]
        lengths = torch.full((losses.shape[1],), learner.segments, device=learner.device)
        return Rolled(losses, lengths, last.preds, last.correct, last.q_halt.double())
