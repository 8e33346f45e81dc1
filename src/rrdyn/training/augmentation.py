"""Trajectory augmentation: what one optimiser step rolls out, and how the losses of its copies become one."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import Field, JsonValue, model_validator

from rrdyn.artifacts.config import ARMS, Config, presets, read_preset
from rrdyn.artifacts.errors import UsageError
from rrdyn.training.noise import NoiseConfig


class AugConfig(Config):
    """The arm of a training run. Inputs and labels are never changed: only where the recurrence starts."""

    name: Annotated[str, Field(pattern=r"^[\w.+=-]{1,64}$")] = "none"
    """The arm's name in logs, figures and the run folder: letters, digits and . + = _ -"""
    rollout: str = "act"
    """The objective. act: upstream's streaming, one segment a step, halted slots reload. parallel_fixed: B*K
    trajectories through all `halt_max_steps` segments. serial_act: the K copies one after another, each until its
    first halt, nothing reloads. act_mask: the same in parallel, with a trajectory's loss masked after its halt.
    Or an objective from outside, by the name it is registered under (`rrdyn.training.register_objective`)."""
    copies: Annotated[int, Field(ge=1, le=1024)] = 1
    """K, trajectories per example."""
    clean_copy: bool = True
    """Copy 0 starts unperturbed (`multi_perturbed_ce`); without it every copy is perturbed (`single_perturbed_ce`)."""
    aggregate: Literal["mean", "min", "softmin"] = "mean"
    """How the K trajectory losses of an example become one: mean; min, where only the best copy learns; or softmin,
    weights softmax(-loss / temperature)."""
    temperature: Annotated[float, Field(gt=0)] = 0.1
    """Of softmin, in nats of the trajectory loss."""
    supervise: Literal["all", "last"] = "all"
    """Which segments of a whole rollout carry a loss: all, as ACT training does, or only the last."""
    update: Literal["rollout", "segment"] = "rollout"
    """One optimiser step per rollout, or one after every segment."""
    normalise: Literal["trajectory", "step"] = "trajectory"
    """Under serial_act and act_mask: each trajectory's loss is the mean over its own segments, or all valid
    trajectory-segments of the batch weigh the same."""
    noise: NoiseConfig = NoiseConfig()
    settings: dict[str, JsonValue] = {}
    """What an objective from outside wants to know besides."""

    @model_validator(mode="after")
    def _possible(self) -> Self:
        if self.rollout == "act" and (self.copies > 1 or self.aggregate != "mean" or self.supervise == "last"):
            raise UsageError("ACT streaming rolls out one copy and its next segment: take act_mask or parallel_fixed")
        if self.rollout == "act" and self.clean_copy and self.noise.sampling != "none":
            raise UsageError("the only copy is clean, so noise would never be used: set clean_copy to false")
        if self.update == "segment" and (self.aggregate != "mean" or self.supervise == "last"):
            raise UsageError("an update per segment needs aggregate mean and supervise all, not a whole rollout")
        if self.update == "segment" and self.rollout in ("serial_act", "act_mask"):
            raise UsageError("an update per segment needs the rollout parallel_fixed (or act, which always does it)")
        if self.normalise == "step" and self.aggregate != "mean":
            raise UsageError("normalise step weighs segments, aggregate min and softmin weigh trajectories: choose one")
        return self

    @property
    def copy_numbers(self) -> range:
        """Copy 0 is the clean one."""
        return range(self.copies) if self.clean_copy else range(1, self.copies + 1)


def read_aug(name: str, **changes: Any) -> AugConfig:
    """A preset of configs/aug or configs/stability (or a YAML file, whose arm goes by the file's name), changed."""
    arm = re.sub(r"[^\w.+=-]", "_", Path(name).stem)[:64]  # a name that folders can have, whatever the file's is
    return AugConfig(**{"name": arm, **read_preset(ARMS, name), **changes})


def aug_presets() -> list[str]:
    """Names of the arms in configs/aug."""
    return presets("aug")
