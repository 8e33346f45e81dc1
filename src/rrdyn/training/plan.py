"""What a run is going to do, before it does it: sizes, memory, time of a step, time to the end."""

from __future__ import annotations

import time
from dataclasses import asdict, dataclass

from rrdyn.models.description import parts
from rrdyn.runtime.devices import finish
from rrdyn.runtime.progress import duration
from rrdyn.training.learner import Rows
from rrdyn.training.memory import Need
from rrdyn.training.trainer import Trainer


@dataclass(frozen=True, kw_only=True)
class Plan:
    """The plan of a run."""

    parameters: int
    steps: int
    processes: int
    trajectories: int
    """Of one step on one process: examples x copies."""
    micro_batch: int
    segments_per_step: int
    memory_gb: float
    """Weights, optimiser, average, states, and the most that a pass holds, per process."""
    step_seconds: float | None
    """Measured after a warm-up; None before."""
    device: str

    @property
    def seconds(self) -> float | None:
        return None if self.step_seconds is None else self.step_seconds * self.steps

    def lines(self) -> list[str]:
        """The plan for a person."""
        each = "1 segment" if self.segments_per_step == 1 else f"{self.segments_per_step} segments"
        micro_batches = -(self.trajectories // -self.micro_batch)
        rows = [
            f"plan: {self.parameters:,} parameters on {self.processes} x {self.device}",
            f"plan: {self.steps:,} steps of {self.trajectories} trajectories x {each} per process"
            + (f", in {micro_batches} micro-batches of {self.micro_batch}" if micro_batches > 1 else "")
            + f"; about {self.memory_gb:.2f} GB per process",
        ]
        if self.step_seconds is not None and self.seconds is not None:
            rows.append(f"plan: {self.step_seconds:.3g} s a step, {duration(self.seconds)} to the end, and evaluations")
        return rows

    def record(self) -> dict[str, int | float | str | None]:
        return {**asdict(self), "seconds": self.seconds}


def make_plan(trainer: Trainer, rows: Rows, device: str, step_seconds: float | None = None) -> Plan:
    """The plan of a trainer, from one batch of this process."""
    aug = trainer.config.aug
    trajectories = len(rows["index"]) * aug.copies
    micro = min(trainer.learner.micro or trajectories, trajectories)
    weights = trainer.flat.vector
    copies = 3 if trainer.ema is not None else 2  # weights, gradient, average: the moments are counted with the need
    need = Need.of(trainer.learner, trainer.objective, rows, world=trainer.group.world)
    kept = need.total(micro) + copies * weights.numel() * weights.element_size()
    kept += 0 if trainer.learner.narrow is None else trainer.learner.narrow.bytes
    trainer.discard_gradients()
    return Plan(
        parameters=parts(trainer.model)["all"], steps=trainer.total_steps, processes=trainer.group.world,
        trajectories=trajectories, micro_batch=micro,
        segments_per_step=trainer.objective.segments_per_step, memory_gb=kept / 1e9,
        step_seconds=step_seconds, device=device,
    )  # fmt: skip


def time_step(trainer: Trainer, rows: Rows, repeats: int = 2) -> float:
    """Seconds of one step without its update, after one to warm up. Leaves the trainer as it was."""
    before = trainer.objective.state_dict()
    seconds = []
    for _ in range(1 + repeats):
        started = time.perf_counter()
        trainer.objective.step(rows, trainer.config.aug.noise.warmup_steps + 1, trainer.discard_gradients)
        finish(trainer.learner.device)
        seconds.append(time.perf_counter() - started)
    trainer.objective.load_state_dict(before)
    trainer.discard_gradients()
    return min(seconds[1:])
