"""A model with everything that changes while it learns: one optimiser step, and the state an exact resume needs."""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, TypedDict

import numpy as np
import torch
from torch import Tensor

from rrdyn.artifacts.errors import NumericalError
from rrdyn.models import Model, build, load
from rrdyn.runtime.launch import Group
from rrdyn.runtime.streams import generator
from rrdyn.training.config import TrainConfig
from rrdyn.training.learner import Learner, Rows
from rrdyn.training.objective import Cancelled, Share, Stats
from rrdyn.training.optim import AdamATan2, ExponentialAverage, FlatParameters, learning_rate, step_rows_
from rrdyn.training.registry import find_objective


def computing_dtype(config: TrainConfig, device: torch.device) -> tuple[torch.dtype, torch.dtype | None]:
    """The dtype of the latent state, and of matrix products where that is another."""
    name = config.dtype
    if name == "auto":
        name = "bfloat16" if device.type == "cuda" else "float32"
    if name == "bfloat16":
        return torch.float32, torch.bfloat16
    return {"float32": torch.float32, "float64": torch.float64, "bfloat16-state": torch.bfloat16}[name], None


def make_model(
    config: TrainConfig, device: torch.device, sizes: dict[str, int], architecture: Mapping[str, object] | None = None
) -> Model:
    """The model to start from: the checkpoint of `init`, or fresh weights drawn from the run's seed.

    With `architecture` (of a saved state, whose weights come later) no checkpoint is needed.
    """
    dtype, _ = computing_dtype(config, device)
    if architecture is not None:
        model = build(architecture, dtype)
    elif config.init is not None:
        model = load(config.init, dtype=dtype)
    else:
        torch.manual_seed(int(generator(config.seed, "weights").integers(1 << 62)))
        kept = str(dtype).removeprefix("torch.")
        model = build({**config.model, **sizes, "forward_dtype": kept}, dtype)
    if dtype == torch.float64:
        model = model.double()
    return model.to(device).train()


class RandomState(TypedDict):
    """Every global generator: of torch, of each CUDA device, of numpy and of Python."""

    torch: Tensor
    cuda: list[Tensor]
    numpy: list[Any]
    python: list[Any]


class TrainerState(TypedDict):
    """Everything that changes while a model learns, on the CPU."""

    step: int
    weights: Tensor
    average: Tensor | None
    """Of the weights, where one is kept."""
    optimizer: dict[str, Tensor | float]
    """Its moments by name."""
    puzzle_vectors: Tensor | None
    initial: list[Tensor]
    slots: dict[str, Tensor]
    """What the objective keeps of every slot of the global batch."""
    random: RandomState


class Trainer:
    """The learning of one process. Gradients are summed over the group once per optimiser step, as one vector."""

    def __init__(
        self, config: TrainConfig, model: Model, group: Group, *, total_steps: int, device: torch.device
    ) -> None:
        self.config, self.model, self.group, self.total_steps = config, model, group, total_steps
        optim = config.optim
        self.flat = FlatParameters(model)
        self.optimizer = AdamATan2(
            [self.flat.vector], lr=optim.lr, betas=(optim.beta1, optim.beta2), weight_decay=optim.weight_decay
        )
        self.ema = ExponentialAverage(self.flat.vector, optim.ema_rate) if optim.ema_rate else None
        _, autocast = computing_dtype(config, device)
        self.learner = Learner(model, loss=config.loss, micro=config.micro_batch, autocast=autocast)
        share = Share.of(config.global_batch, group.rank, group.world)
        objective = find_objective(config.aug.rollout)
        self.objective = objective(self.learner, config.aug, share, config.seed, stagger=config.stagger)
        self.objective.reduce = self._reduce
        self.objective.cancelled = lambda: not self.consented and self.asked()
        self.step = 0
        self.grad_norm = 0.0
        self.consented = False
        """Whether the processes have agreed that the step under way is done to its end."""
        self.asked: Callable[[], bool] = lambda: False
        """Whether this process has been asked to stop; set by the loop."""
        self.agree: Callable[[bool], bool] = lambda gives_up: gives_up
        """Whether any process gives the step up, told by each of them whether it does; set by the loop."""

    @property
    def lr(self) -> float:
        """The learning rate of the step under way."""
        return self._scheduled(self.config.optim.lr)

    def _scheduled(self, base: float) -> float:
        optim = self.config.optim
        return learning_rate(
            self.step, base, warmup=optim.lr_warmup_steps, total=self.total_steps, min_ratio=optim.lr_min_ratio
        )

    def train_step(self, batch: Rows) -> Stats:
        """One step of the objective: gradients, and the update or updates that go with it.

        Raises, with the weights as they were, NumericalError where the gradient is not finite or too large, and
        Cancelled where some process gives the step up: then all of them do.
        """
        self.step, self.consented = self.step + 1, False
        try:
            return self.objective.step(batch, self.step, self.update)
        except BaseException as error:
            self.step -= 1
            self.discard_gradients()
            if isinstance(error, Cancelled) and not self.consented:
                self.agree(True)  # the others learn of it where they would have gone on
            raise

    def update(self) -> None:
        """Sum the gradients over the processes, check them, move the weights, and forget the gradients."""
        self._consent()
        grad = self.group.sum_(self.flat.grad)
        self._check(grad)
        self.optimizer.param_groups[0]["lr"] = self.lr
        self.optimizer.step()
        self.learner.weights_changed()
        self._update_puzzle_vectors()
        if self.ema is not None:
            self.ema.update(self.flat.vector)
        self.discard_gradients()

    def _consent(self) -> None:
        """Before the first thing that the processes do together in a step: go on with it, or give it up, as one."""
        if not self.consented:
            self.consented = True
            if self.agree(False):
                raise Cancelled

    def _reduce(self, total: Tensor) -> Tensor:
        self._consent()
        return self.group.sum_(total)

    def discard_gradients(self) -> None:
        self.flat.zero_grad()
        self.learner.zero_puzzle_grad()

    def _check(self, grad: Tensor) -> None:
        self.grad_norm = float(grad.norm())
        limit = self.config.optim.max_grad_norm
        if not math.isfinite(self.grad_norm):
            raise NumericalError(
                f"the gradient of step {self.step} is not finite",
                found=f"{int((~grad.isfinite()).sum())} of {grad.numel()} values are infinite or NaN",
                expected="finite gradients; a smaller learning rate or float32 may help",
            )
        if limit is not None and self.grad_norm > limit:
            raise NumericalError(
                f"the gradient of step {self.step} is too large", found=f"L2 norm {self.grad_norm:g}",
                expected=f"at most optim.max_grad_norm = {limit:g}",
            )  # fmt: skip

    def _update_puzzle_vectors(self) -> None:
        table, grad, touched = self.model.puzzle_table, self.learner.puzzle_grad, self.learner.touched
        if table is None or grad is None or touched is None:
            return
        self.group.sum_(grad)
        counted = self.group.sum_(touched.to(torch.int32))
        # every example of the batch names one row: so many at most, which saves the device from being asked how many
        rows = torch.nonzero_static(counted, size=min(len(table), self.config.global_batch))[:, 0]
        rows = torch.where(rows < 0, rows[0], rows)
        optim = self.config.optim
        step_rows_(
            table, rows, grad[rows], lr=self._scheduled(optim.puzzle_emb_lr),
            weight_decay=optim.puzzle_emb_weight_decay,
        )  # fmt: skip

    @contextmanager
    def released_model(self) -> Iterator[Model]:
        """The model as it is evaluated and saved: in eval mode, with the averaged weights where there is an average."""
        self.model.eval()
        try:
            if self.ema is None:
                yield self.model
            else:
                with self.ema.in_place_of(self.flat.vector):
                    yield self.model
        finally:
            self.model.train()

    def state_dict(self) -> TrainerState:
        """Everything but the data's position. Slots are gathered, so that any number of processes can go on."""
        slots = {name: self.group.gather(column).cpu() for name, column in self.objective.state_dict().items()}
        optimizer = self.optimizer.state[self.flat.vector]
        puzzle = self.model.puzzle_table
        return {
            "step": self.step,
            "weights": self.flat.vector.detach().cpu().clone(),
            "average": None if self.ema is None else self.ema.average.cpu().clone(),
            "optimizer": {name: value.cpu() if torch.is_tensor(value) else value for name, value in optimizer.items()},
            "puzzle_vectors": None if puzzle is None else puzzle.cpu().clone(),
            "initial": [buffer.cpu() for buffer in self._buffers()],
            "slots": slots,
            "random": random_state(),
        }

    def load_state_dict(self, state: TrainerState) -> None:
        device = self.flat.vector.device
        self.step = state["step"]
        with torch.no_grad():
            self.flat.vector.copy_(state["weights"])
            self.learner.weights_changed()
            if self.ema is not None and state["average"] is not None:
                self.ema.average.copy_(state["average"])
            if (table := self.model.puzzle_table) is not None and state["puzzle_vectors"] is not None:
                table.copy_(state["puzzle_vectors"])
            for buffer, value in zip(self._buffers(), state["initial"], strict=True):
                buffer.copy_(value)
        moments = {name: v.to(device) if torch.is_tensor(v) else v for name, v in state["optimizer"].items()}
        self.optimizer.state[self.flat.vector] = moments
        if state["slots"]:
            mine = {name: column[self.objective.share.slots].to(device) for name, column in state["slots"].items()}
            self.objective.load_state_dict(mine)
        set_random_state(state["random"])

    def _buffers(self) -> list[Tensor]:
        """What a model keeps beside parameters and puzzle vectors: the initial state of TRM and HRM."""
        kept = self.model.state_dict(keep_vars=True)
        own = {id(self.model.puzzle_table), *map(id, self.flat.parameters.values())}
        return [tensor for tensor in kept.values() if id(tensor) not in own]


def seed_globals(seed: int) -> None:
    """Put every global generator where the run's seed says, so that equal runs save equal states."""
    word = int(generator(seed, "globals").integers(1 << 32))
    random.seed(word)
    np.random.seed(word)
    torch.manual_seed(word)


def random_state() -> RandomState:
    """Every global generator. Ours are keyed and have no state; these are kept for whatever else draws from them."""
    kind, words, position, has_gauss, gauss = np.random.get_state(legacy=True)
    version, python, python_gauss = random.getstate()
    return {
        "torch": torch.get_rng_state(),
        "cuda": torch.cuda.get_rng_state_all() if torch.cuda.is_available() else [],
        "numpy": [str(kind), np.asarray(words).tolist(), int(position), int(has_gauss), float(gauss)],
        "python": [version, list(python), python_gauss],
    }


def set_random_state(state: RandomState) -> None:
    """Put every global generator (torch, CUDA, numpy, Python) back to a saved state."""
    torch.set_rng_state(state["torch"])
    if torch.cuda.is_available() and len(state["cuda"]) == torch.cuda.device_count():
        torch.cuda.set_rng_state_all(state["cuda"])
    kind, words, position, has_gauss, gauss = state["numpy"]
    np.random.set_state((kind, np.array(words, dtype=np.uint32), position, has_gauss, gauss))
    version, python, python_gauss = state["python"]
    random.setstate((version, tuple(python), python_gauss))
