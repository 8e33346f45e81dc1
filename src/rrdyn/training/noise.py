"""Perturbations of the initial latent state: how large they are at a step, and the draws themselves."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Annotated, Literal, Self

import numpy as np
from pydantic import Field, model_validator

from rrdyn.artifacts.config import Config
from rrdyn.artifacts.errors import UsageError
from rrdyn.runtime.streams import generator

LARGE_DRAW = 1 << 22  # normals in one step above which the draws are spread over threads


class NoiseConfig(Config):
    """eps ~ Normal(0, sigma^2), added to z0 in float32; one sigma per trajectory, always centred."""

    sampling: Literal["none", "fixed", "band", "loguniform"] = "none"
    """fixed: sigma. band: sigma x LogUniform(1/(1+band), 1+band). loguniform: LogUniform(sigma_min, sigma_max)."""
    sigma: Annotated[float, Field(ge=0)] = 1e-3
    """Standard deviation for `fixed` and `band`, in units of the latent state (whose RMS is about 1)."""
    sigma_min: Annotated[float, Field(gt=0)] = 3e-5
    """Lower end of `loguniform`."""
    sigma_max: Annotated[float, Field(gt=0)] = 3e-3
    """Upper end of `loguniform`."""
    band: Annotated[float, Field(ge=0)] = 0.5
    """Relative half-width of `band`."""
    p_clean: Annotated[float, Field(ge=0, le=1)] = 0.0
    """Share of perturbed trajectories that get no noise: a mixture with a point mass at the clean start."""
    warmup_steps: Annotated[int, Field(ge=0)] = 0
    """Steps of clean training before any noise."""
    ramp_steps: Annotated[int, Field(ge=0)] = 0
    """Steps over which sigma grows linearly from 0 to its full size, after the warm-up."""
    where: str = "both"
    """Which part of the state is perturbed, by its name (z_H, z_L), or both: all of them. The draws of the parts are
    independent, sigma is shared."""

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        if self.sigma_min > self.sigma_max:
            raise UsageError(f"sigma_min {self.sigma_min} is larger than sigma_max {self.sigma_max}")
        return self

    def require_part(self, parts: Sequence[str]) -> None:
        """Raise UsageError where `where` is none of the parts of a model's state."""
        if self.where not in ("both", *parts):
            raise UsageError(
                "aug.noise.where names no part of the model's state",
                found=self.where,
                expected=", ".join(("both", *parts)),
            )

    def ramp(self, step: int) -> float:
        """The factor in [0, 1] that scales sigma at an optimiser step (the first is 1)."""
        since = step - self.warmup_steps
        if since <= 0:
            return 0.0
        return 1.0 if since >= self.ramp_steps else since / self.ramp_steps

    def describe(self) -> str:
        """Sigma in a few characters without spaces, for log headers: 0, 0.001, 3e-05..0.003."""
        if self.sampling == "none":
            return "0"
        if self.sampling == "loguniform":
            return f"{self.sigma_min:g}..{self.sigma_max:g}"
        if self.sampling == "band":
            return f"{self.sigma / (1 + self.band):g}..{self.sigma * (1 + self.band):g}"
        return f"{self.sigma:g}"


def draw(
    config: NoiseConfig,
    *,
    seed: int,
    step: int,
    examples: Sequence[int],
    copies: Sequence[int],
    shapes: Mapping[str, tuple[int, ...]],
) -> tuple[dict[str, np.ndarray], np.ndarray]:
    """Noise for each part of the state of each (example, copy), in that order of nesting: copies vary fastest.

    `shapes` names the parts, and says the shape of each for one trajectory. Returns `eps`, for every part
    (B*K, *shape) float32, and `sigma` (B*K,). Copy 0 is the clean one and gets zeros. Every draw depends on
    (seed, step, example, copy) alone, hence neither on the batch nor on the number of processes.
    """
    pairs = [(int(example), int(copy)) for example in examples for copy in copies]
    eps = {name: np.zeros((len(pairs), *shape), np.float32) for name, shape in shapes.items()}
    sigma = np.zeros(len(pairs), np.float64)
    ramp = config.ramp(step)
    if config.sampling == "none" or ramp == 0.0:
        return eps, sigma

    def fill(row: int) -> None:
        example, copy = pairs[row]
        if copy == 0:
            return
        stream = generator(seed, "z0", step, example, copy)
        sigma[row] = ramp * _sigma(config, stream)
        if sigma[row] == 0.0:
            return
        # all parts are drawn whatever `where` says, so that arms that differ in it share their noise
        for name, part in eps.items():
            one = part[row : row + 1]
            stream.standard_normal(dtype=np.float32, out=one)
            one *= np.float32(sigma[row]) if config.where in ("both", name) else np.float32(0)

    if sum(part.size for part in eps.values()) > LARGE_DRAW:
        with ThreadPoolExecutor() as pool:
            list(pool.map(fill, range(len(pairs))))
    else:
        for row in range(len(pairs)):
            fill(row)
    return eps, sigma


def _sigma(config: NoiseConfig, stream: np.random.Generator) -> float:
    """One trajectory's sigma before the ramp; two uniforms are used up whatever the config."""
    clean, place = stream.random(2)
    if clean < config.p_clean:
        return 0.0
    if config.sampling == "loguniform":
        low, high = math.log(config.sigma_min), math.log(config.sigma_max)
        return math.exp(low + place * (high - low))
    if config.sampling == "band":
        return float(config.sigma * (1 + config.band) ** (2 * place - 1))
    return config.sigma
