"""What a segment of a model costs: its floating point operations, and how many layers it applies."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch.utils.flop_counter import FlopCounterMode, sdpa_flop_count

from rrdyn.artifacts.evaluation import WorkRecord
from rrdyn.models.model import Model


def _attended(
    query: tuple[int, ...], key: tuple[int, ...], value: tuple[int, ...], *_: Any, out_shape: Any = None, **__: Any
) -> int:
    return int(sdpa_flop_count(query, key, value))


UNCOUNTED = {torch.ops.aten._scaled_dot_product_flash_attention_for_cpu: _attended}
"""What torch's counter leaves out: attention's kernel on a CPU."""


@dataclass(frozen=True, kw_only=True)
class Work:
    """Of one segment of one puzzle."""

    operations: int
    """Floating point operations of its matrix products and attentions; a multiplication and an addition are two."""
    sub_updates: int
    layers: int | None
    """Layers applied by all sub-updates; None where a family's sub-updates do not say (`layers`)."""

    def record(self) -> WorkRecord:
        """As data."""
        return WorkRecord(operations=self.operations, sub_updates=self.sub_updates, layers=self.layers)


def segment_work(model: Model) -> Work:
    """Count what one segment takes, by running it on one puzzle of zeros."""
    recurrence = model.blank_recurrence()
    with torch.no_grad(), FlopCounterMode(display=False, custom_mapping=UNCOUNTED) as counter:
        recurrence.segment(model.initial(1))
    layers = [getattr(update, "layers", None) for update in recurrence.sub_updates]
    known = [count for count in layers if count is not None]
    return Work(
        operations=int(counter.get_total_flops()), sub_updates=len(layers),
        layers=sum(known) if len(known) == len(layers) else None,
    )  # fmt: skip


def training_passes(continues: bool, supervised: float) -> float:
    """Segments' worth of operations that a step of training takes a puzzle: the segment, the one more that the target
    of a continue head takes, and two for what of it is differentiated (a share from 0 to 1)."""
    return 1 + continues + 2 * supervised


def equal_segments(model: Model, other: Model, segments: int) -> int:
    """How many segments of a model cost at most the operations of so many of another; at least 1."""
    return max(1, segments * segment_work(other).operations // segment_work(model).operations)
