"""The settings of a training run: frozen, unknown keys refused, saved resolved in the run folder."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from rrdyn.artifacts.config import Config
from rrdyn.artifacts.errors import UsageError
from rrdyn.training.augmentation import AugConfig

Positive = Annotated[int, Field(ge=1)]
Rate = Annotated[float, Field(gt=0)]


class OptimConfig(Config):
    """AdamATan2 on the weights, sparse SignSGD on the puzzle embeddings, a weight average beside them."""

    lr: Rate = 1e-4
    """Peak learning rate of the weights."""
    lr_min_ratio: Annotated[float, Field(ge=0, le=1)] = 1.0
    """Last learning rate as a share of the peak; 1 keeps it constant after the warm-up."""
    lr_warmup_steps: Annotated[int, Field(ge=0)] = 2000
    """Steps of linear warm-up."""
    weight_decay: Annotated[float, Field(ge=0)] = 1.0
    """Decoupled weight decay: weights shrink by 1 - lr * weight_decay a step."""
    beta1: Annotated[float, Field(ge=0, lt=1)] = 0.9
    """Decay of the gradient's average."""
    beta2: Annotated[float, Field(ge=0, lt=1)] = 0.95
    """Decay of the squared gradient's average."""
    puzzle_emb_lr: Rate = 1e-4
    """Step of the sparse SignSGD on puzzle embeddings; follows the same schedule."""
    puzzle_emb_weight_decay: Annotated[float, Field(ge=0)] = 1.0
    """Decoupled decay of touched puzzle embeddings."""
    ema_rate: Annotated[float, Field(ge=0, lt=1)] = 0.999
    """Rate of the weights' exponential average, which checkpoints then hold; 0 keeps the raw weights."""
    max_grad_norm: Annotated[float, Field(gt=0)] | None = None
    """Stop when the gradient's L2 norm passes this; non-finite gradients stop the run in any case."""


class EvalConfig(Config):
    """What is measured on the validation split, and how often."""

    every: Positive = 2500
    """Optimiser steps between evaluations; each is saved as a checkpoint."""
    n: Positive = 1024
    """Puzzles of the validation split, at most."""
    perturbed_n: Annotated[int, Field(ge=0)] = 256
    """How many of them are also started from a perturbed z0."""
    sigma: Annotated[float, Field(ge=0)] = 0.3
    """Noise of that perturbed start in units of std(H_init), the same for every arm."""
    lyapunov_n: Annotated[int, Field(ge=0)] = 8
    """How many of them also get their leading exponent lambda_1; 0 for none."""
    batch: Positive = 128
    """Puzzles at a time."""
    patience: Annotated[int, Field(ge=1)] | None = None
    """Stop after this many evaluations without a better accuracy."""


class TrainConfig(Config):
    """One training run. `preset` and `aug.name` are labels; everything that acts stands spelled out."""

    task: str = "custom"
    """The task's name in the run folder: sudoku, maze, or the dataset folder's name."""
    preset: str = "custom"
    """The preset the settings came from."""
    data: Path
    """The dataset folder."""
    model: dict[str, object] = {}
    """The architecture in upstream's field names; with `init` the checkpoint's."""
    aug: AugConfig = AugConfig()
    optim: OptimConfig = OptimConfig()
    eval: EvalConfig = EvalConfig()
    init: Path | None = None
    """Start from the weights of this checkpoint, of any public layout."""
    seed: Annotated[int, Field(ge=0)] = 0
    """Names every random stream of the run: weights, batches, shuffles, exploration, noise."""
    global_batch: Positive = 768
    """Examples per optimiser step over all processes; copies come on top."""
    micro_batch: Annotated[int, Field(ge=0)] = 0
    """Trajectories of one forward and backward pass on a device; 0 takes what fits the free memory."""
    steps: Annotated[int, Field(ge=1)] | None = None
    """Optimiser steps; without it they follow from `epochs`."""
    epochs: Annotated[float, Field(gt=0)] = 1.0
    """Passes over the dataset, counted as upstream does: epochs * groups * mean examples / global batch."""
    shuffle_puzzles: bool = False
    """Draw a fresh symmetry of the puzzle each time it is seen, instead of augmented copies on disk."""
    stagger: bool = False
    """Under ACT streaming, let slots begin at different segments. Otherwise all of them take new examples in the same
    step for as long as none halts early, and a small batch learns one handful of examples for 16 steps running."""
    loss: Literal["stablemax", "softmax"] = "stablemax"
    """Cross entropy on stablemax (upstream's, in float64) or softmax probabilities."""
    dtype: Literal["auto", "float32", "bfloat16", "bfloat16-state", "float64"] = "auto"
    """bfloat16 runs matrix products in bfloat16 and keeps the latent state in float32, so that small noise survives.
    bfloat16-state rounds the state too, as upstream does. auto: bfloat16 on CUDA, float32 on a CPU."""
    compile: Literal["auto", "on", "off"] = "auto"
    """torch.compile of the segment: auto is on for CUDA, off on a CPU."""
    log_every: Positive = 50
    """Optimiser steps between two rows of the log."""
    save_minutes: Annotated[float, Field(gt=0)] = 15.0
    """A state to resume from is saved at least this often, besides at every evaluation."""
    trackers: tuple[Literal["wandb", "tensorboard", "trackio"], ...] = ()
    """Also send the log rows there."""

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        from rrdyn.training.registry import find_objective  # loads torch

        find_objective(self.aug.rollout).check(self.aug)
        if self.aug.noise.sampling != "none" and self.dtype == "bfloat16-state":
            raise UsageError("dtype bfloat16-state rounds small noise away: take bfloat16, whose state is float32")
        return self

    def comparable(self) -> dict[str, object]:
        """What has to be equal for an exact resume: everything but the length of the run and where things lie."""
        content = self.model_dump(mode="json", exclude={"steps", "epochs", "save_minutes", "trackers", "micro_batch"})
        content["eval"].pop("patience")
        if self.optim.lr_min_ratio < 1:  # the learning rate of every step depends on the last one
            content["steps"] = self.steps
        return content
