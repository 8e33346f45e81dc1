"""Training: an arm rolled out, its gradient, the weights' step, exact resume.

The ladder, each rung importing only from those to its left:

    learner    <  objective  <  trainer    <  loop       <  start
    one segment   one step's    weights,      steps, log    which config,
    of a batch,   rollouts,     optimisers,   rows, saves,  which folder,
    its gradient  their weights the update    evaluations   how many processes

Beside it stand settings (`config`, `augmentation`, `noise`), what the objectives share (`halting`), and what the loop
uses (`datasets`, `batches`, `compiling`, `evaluation`, `memory`, `plan`, `log`, `folder`, `store`). The two objectives
are `streaming` and `rollouts`, which `stability`, `unrolled` and `path_noise` change in one point each; another is a
class in a plug-in.
"""

from __future__ import annotations

from importlib import import_module

TYPE_CHECKING = False
if TYPE_CHECKING:
    from rrdyn.training.learner import Learner, Outcome, Rows
    from rrdyn.training.objective import Objective, Share, Stats, perturbed, register_objective
    from rrdyn.training.path_noise import PathNoise
    from rrdyn.training.rollouts import Rollouts
    from rrdyn.training.stability import Stability
    from rrdyn.training.streaming import Streaming
    from rrdyn.training.unrolled import Unrolled

__all__ = [
    "Learner",
    "Objective",
    "Outcome",
    "PathNoise",
    "Rollouts",
    "Rows",
    "Share",
    "Stability",
    "Stats",
    "Streaming",
    "Unrolled",
    "perturbed",
    "register_objective",
]


def __getattr__(name: str) -> object:
    """The names above at first use: settings are read, and misspelled ones refused, without torch."""
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    room = "learner" if name in ("Learner", "Outcome", "Rows") else "registry"
    return getattr(import_module(f"rrdyn.training.{room}"), name)
