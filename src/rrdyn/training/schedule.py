"""Learning rate over steps."""

from __future__ import annotations

import math


def learning_rate(step: int, base: float, *, warmup: int, total: int, min_ratio: float) -> float:
    """Linear warm-up over `warmup` steps, then a cosine from `base` to `min_ratio * base` at step `total`.

    `min_ratio = 1` is a constant rate after the warm-up, as in the published recipes. The first optimiser step is
    step 1.
    """
    if step < warmup:
        return base * step / max(1, warmup)
    progress = (step - warmup) / max(1, total - warmup)
    return base * (min_ratio + (1 - min_ratio) * 0.5 * (1 + math.cos(math.pi * progress)))
