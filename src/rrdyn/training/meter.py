"""Keeping count while steps run: the means of a log row, and how long a step takes."""

from __future__ import annotations

from collections.abc import Sequence

import torch

from rrdyn.runtime.launch import Group
from rrdyn.training.objective import Stats

RATIOS = {
    "loss": "loss_n",
    "answer_loss": "loss_n",
    "train_exact": "exact_n",
    "train_q_acc": "exact_n",
    "segments": "exact_n",
    "noise": "noise_n",
    "changed": "changed_n",
}
"""Mean of a log row -> the count it is a mean over."""
SUMS = {"train_exact": "exact", "train_q_acc": "q_right"}


class Meter:
    """Means over the steps since the last log row, and how long steps take."""

    def __init__(self, examples_per_step: int, means: Sequence[str] = ()) -> None:
        """`means`: what an objective measures beside the usual: a mean NAME is the sum NAME over the count NAME_n."""
        self.examples_per_step = examples_per_step
        self.ratios = {**RATIOS, **{name: f"{name}_n" for name in means}}
        self.total: Stats = {}
        self.steps, self.seconds = 0, 0.0
        self.step_seconds = 0.0
        """Of the last row's steps; evaluations and saves are not counted."""

    def add(self, stats: Stats, seconds: float) -> None:
        for name, value in stats.items():
            self.total[name] = self.total[name] + value if name in self.total else value
        self.steps += 1
        self.seconds += seconds

    def restart_clock(self) -> None:
        """Forget the time of the steps so far, not what they measured."""
        self.steps, self.seconds = 0, 0.0

    def row(self, group: Group, device: torch.device) -> dict[str, float | None]:
        """The means over all processes since the last call; what did not occur is None."""
        names = sorted({*self.ratios.values(), *(SUMS.get(name, name) for name in self.ratios)})
        values = [torch.as_tensor(self.total.get(name, 0)).to(device, torch.float64) for name in names]
        total = dict(zip(names, group.sum_(torch.stack(values)).tolist()))
        row: dict[str, float | None] = {}
        for name, count in self.ratios.items():
            key = SUMS.get(name, name)
            row[name] = total[key] / total[count] if key in self.total and total[count] else None
        if self.steps:
            self.step_seconds = self.seconds / self.steps
        row["sps"] = self.examples_per_step / self.step_seconds if self.step_seconds else None
        self.total = {}
        self.restart_clock()
        return row
