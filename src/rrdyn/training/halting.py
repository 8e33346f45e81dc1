"""When a trajectory stops in training: the budget is used, or the model says so and exploration allows it."""

from __future__ import annotations

import numpy as np
from torch import Tensor

from rrdyn.runtime.streams import generator


def stops(wants: Tensor, steps: Tensor | int, last: Tensor, min_steps: Tensor) -> Tensor:
    """(R,) whether a trajectory stops after its `steps`-th segment; `last` (R,): its budget ends here."""
    return last | (wants & (min_steps <= steps))


def exploration(
    *,
    seed: int,
    step: int,
    segment: int,
    probability: float,
    max_steps: int,
    slots: slice,
    global_batch: int,
    copies: int,
) -> np.ndarray:
    """(slots, copies) earliest segment at which a trajectory may halt: mostly 0, else uniform on 2..max_steps.

    Drawn for the whole global batch, so that a slot's draw does not depend on the number of processes.
    """
    stream = generator(seed, "explore", step, segment)
    explores = stream.random((global_batch, copies)) < probability
    earliest = stream.integers(2, max(2, max_steps) + 1, (global_batch, copies))
    return np.where(explores, earliest, 0)[slots]
