"""Arms that hold the dynamics down beside the loss: a fixed rollout with one more term on the states it visits.

    flossing          mean_i lambda_i^2: exponents toward 0 (Engelken 2023, arXiv:2312.17306)
    leading           max(0, lambda_1 - target)^2: one-sided, the leading exponent alone
    spectrum          mean_i max(0, lambda_i - target)^2
    volume            max(0, mean_i lambda_i - target)^2: the growth of a K-volume
    jacobian          max(0, |J|_F^2 / n - target) of a segment by Hutchinson's estimate
    radius            max(0, rho - target)^2 of a segment's Jacobian by power iteration
    fixed_point       |F(z) - z|^2 / |z|^2

The states are those of a clean rollout of the first `examples` of a step's examples, without gradient up to `after`.
Exponents and Jacobians are differentiated exactly from there (`dynamics/stability.py`).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any, ClassVar, Literal

import numpy as np
import torch
from pydantic import Field
from torch import Tensor

from rrdyn.artifacts.config import Config
from rrdyn.artifacts.errors import UsageError
from rrdyn.dynamics import protocol
from rrdyn.dynamics.lyapunov import first_frame
from rrdyn.dynamics.stability import exponents, jacobian_square, residual, spectral_radius
from rrdyn.dynamics.trajectory import follow
from rrdyn.runtime.devices import moved
from rrdyn.runtime.streams import generator
from rrdyn.training.augmentation import AugConfig
from rrdyn.training.learner import Rows
from rrdyn.training.objective import Stats, register_objective
from rrdyn.training.rollouts import Rollouts

Term = Literal["flossing", "leading", "spectrum", "volume", "jacobian", "radius", "fixed_point"]
OF_EXPONENTS = ("flossing", "leading", "spectrum", "volume")


class StabilityConfig(Config):
    """What is held down, and where."""

    term: Term
    """Which of the terms above."""
    weight: Annotated[float, Field(ge=0)] = 1.0
    """Of the term beside the loss of an example."""
    target: float = 0.0
    """What a one-sided term leaves alone: nats per sub-update, or the value of |J|_F^2 / n or rho."""
    k: Annotated[int, Field(ge=1, le=256)] = 4
    """Leading exponents, or probes of a Jacobian."""
    after: Annotated[int, Field(ge=0)] | None = None
    """Segments before the one where the term is measured; default those of the budget but its last `segments`."""
    segments: Annotated[int, Field(ge=1, le=64)] = 1
    """Segments over which exponents are followed."""
    iterations: Annotated[int, Field(ge=1, le=64)] = 4
    """Differentiated products of a power iteration; as many turn its vector before."""
    examples: Annotated[int, Field(ge=1)] = 4
    """Of a process's examples, how many are measured at a step: what bounds the memory."""


@register_objective("stability")
class Stability(Rollouts):
    """The fixed rollout, and a term on the dynamics.

    Memory beside the rollout's: 2 k x `examples` trajectories (k is 1 for a radius, times its iterations) through
    `segments` segments with everything that autograd keeps of them.
    """

    settings_type: ClassVar[type[Config]] = StabilityConfig
    means: ClassVar[tuple[str, ...]] = ("penalty", "measured")

    @classmethod
    def check(cls, aug: AugConfig) -> None:
        super().check(aug)
        if aug.update == "segment":
            raise UsageError("a term on the dynamics is added once a rollout", found="update segment",
                             expected="update rollout")  # fmt: skip

    def step(self, batch: Rows, step: int, update: Callable[[], None]) -> Stats:
        held: Stats = {}

        def with_term() -> None:
            held.update(self._hold(batch, step))
            update()

        return {**super().step(batch, step, with_term), **held}

    def _hold(self, batch: Rows, step: int) -> Stats:
        """Add the term's gradient; the sums of weight x term and of what it is made of."""
        settings, learner = self.settings, self.learner
        count = min(settings.examples, len(batch["index"]))
        rows = {name: column[:count] for name, column in batch.items()}
        z = self._state(rows)
        recurrence = learner.model.recurrence(learner.model.embed(rows["inputs"], rows["puzzle_identifiers"]))
        penalty, measured = self._term(recurrence, z, [int(index) for index in rows["index"]], step)
        processes = self.share.global_batch // len(batch["index"])
        (settings.weight * penalty.sum() / (count * processes)).backward()
        n = torch.tensor(count)
        return {
            "penalty": settings.weight * penalty.detach().sum(), "penalty_n": n,
            "measured": measured.detach().sum(), "measured_n": n,
        }  # fmt: skip

    @torch.no_grad()
    def _state(self, rows: Rows) -> Any:
        """Where the term is measured: a state of the clean rollout."""
        model, settings = self.learner.model, self.settings
        after = self.learner.segments - settings.segments if settings.after is None else settings.after
        e = model.embed(rows["inputs"], rows["puzzle_identifiers"])
        return follow(model.recurrence(e), model.initial(len(rows["index"])), max(0, after))

    def _term(self, recurrence: Any, z: Any, keys: list[int], step: int) -> tuple[Tensor, Tensor]:
        """(B,) the term, and what it is made of: lambda_1, |J|_F^2 / n, rho, or the relative residual."""
        settings = self.settings
        if settings.term in OF_EXPONENTS:
            seed = int(generator(self.seed, "first tangents", step).integers(1 << 62))
            frame = first_frame(z, settings.k, z[0].dtype, seed, keys)
            spectrum, _ = exponents(recurrence, z, frame, settings.segments)
            return self._of(spectrum), spectrum[:, 0]
        if settings.term == "jacobian":
            found = jacobian_square(recurrence, z, self._probes(z, settings.k, keys, step))
            return torch.relu(found - settings.target), found
        if settings.term == "radius":
            start = self._probes(z, 1, keys, step)
            found = spectral_radius(recurrence, z, start, iterations=settings.iterations, burn=settings.iterations)
            return torch.relu(found - settings.target).square(), found
        found = residual(recurrence, z)
        return found, found.detach().sqrt()

    def _of(self, spectrum: Tensor) -> Tensor:
        above = torch.relu(spectrum - self.settings.target)
        return {
            "flossing": lambda: spectrum.square().mean(1),
            "leading": lambda: above[:, 0].square(),
            "spectrum": lambda: above.square().mean(1),
            "volume": lambda: torch.relu(spectrum.mean(1) - self.settings.target).square(),
        }[self.settings.term]()

    def _probes(self, z: Any, k: int, keys: list[int], step: int) -> Any:
        """Tangents (B,k,...) of independent normals, a stream a puzzle and a step."""
        drawn = [
            [generator(self.seed, "probes", step, key).standard_normal((k, *part.shape[1:]), dtype=np.float32)
             for part in z]
            for key in keys
        ]  # fmt: skip
        columns = (torch.from_numpy(np.stack(column)) for column in zip(*drawn))
        return protocol.rebuild(z, (moved(c, p.device).to(p.dtype) for c, p in zip(columns, z)))
