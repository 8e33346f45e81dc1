"""Objectives by name: ours, all imported here, and those that plug-ins register."""

from __future__ import annotations

from rrdyn.artifacts.errors import UsageError
from rrdyn.runtime.plugins import load_plugins
from rrdyn.training.objective import OBJECTIVES, Objective, Share, Stats, perturbed, register_objective
from rrdyn.training.path_noise import PathNoise
from rrdyn.training.rollouts import Rollouts
from rrdyn.training.stability import Stability
from rrdyn.training.streaming import Streaming
from rrdyn.training.unrolled import Unrolled

__all__ = [
    "OBJECTIVES",
    "Objective",
    "PathNoise",
    "Rollouts",
    "Share",
    "Stability",
    "Stats",
    "Streaming",
    "Unrolled",
    "find_objective",
    "perturbed",
    "register_objective",
]


def find_objective(name: str) -> type[Objective]:
    """The objective of that name, of ours or a plug-in's; UsageError where there is none."""
    if name not in OBJECTIVES:
        load_plugins()
    if name not in OBJECTIVES:
        raise UsageError(
            "aug.rollout is not one of its choices",
            found=name,
            expected=", ".join(OBJECTIVES),
            run="RRDYN_PLUGINS=MODULE, the module that registers the objective, on the Python path",
        )
    return OBJECTIVES[name]
