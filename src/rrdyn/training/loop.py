"""The training loop: steps, log rows, evaluations, saved states, and a clean end whatever happens."""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

import torch
from torch import Tensor

from rrdyn.artifacts.errors import Interrupted, NumericalError, RrdynError
from rrdyn.artifacts.pasting import quoted
from rrdyn.artifacts.provenance import command_line
from rrdyn.artifacts.record import Meta
from rrdyn.data.sampler import Sampler
from rrdyn.runtime import devices, launch
from rrdyn.runtime.progress import duration, say
from rrdyn.training import store
from rrdyn.training.batches import Batches, on_device
from rrdyn.training.compiling import compile_nets
from rrdyn.training.config import TrainConfig
from rrdyn.training.datasets import open_training_data
from rrdyn.training.effect import Effect
from rrdyn.training.evaluation import Evaluation, evaluate
from rrdyn.training.folder import RunFolder
from rrdyn.training.learner import Rows
from rrdyn.training.log import TrainLog
from rrdyn.training.memory import fitting
from rrdyn.training.meter import Meter
from rrdyn.training.objective import Cancelled, Stats
from rrdyn.training.plan import Plan, make_plan, time_step
from rrdyn.training.stopping import Accord, StopSignal
from rrdyn.training.trainer import Trainer, computing_dtype, make_model, seed_globals

SETTLING_STEPS = 3  # steps before the step time is told: the first calls allocate and compile


@dataclass(frozen=True, kw_only=True)
class Finished:
    """How a run ended. `best` and `last` are None where nothing was evaluated."""

    folder: Path
    step: int
    best: Evaluation | None
    last: Evaluation | None
    stopped_early: bool = False
    started: int = 0
    """The step at which this call took over; `step`, where there was nothing left to do."""
    plan: Plan | None = None

    def text(self) -> str:
        """The end of the run for a person."""
        how = ", stopped early" if self.stopped_early else ""
        rows = [f"{self.folder}: {self.step} steps{how}"]
        for name, found in (("best", self.best), ("last", self.last)):
            if found is not None:
                rows.append(f"{name}: step {found.step}, {found.text()}")
        return "\n".join(rows)


def train(
    config: TrainConfig, folder: Path, *, state: Path | None = None, device: str = "auto", dry_run: bool = False
) -> Finished:
    """Run a training run in `folder`, or with `state` go on with one, as one process of the group it was started in.

    Raises Interrupted after Ctrl-C or SIGTERM, once a state is saved; NumericalError when a gradient is not finite,
    once the last good state is saved; UsageError where the folder is in use, or the config is not the saved one.
    However it ends, no process leaves before what the leading one writes is whole.
    """
    chosen = devices.resolve(device)
    group = launch.join(chosen)
    if chosen.type == "cuda" and group.world > 1:
        # a launcher may show each process its own card only, or all of them to all
        chosen = torch.device("cuda", group.local_rank % devices.visible_gpus())
        torch.cuda.set_device(chosen)
    run = Run(config, RunFolder(folder), chosen, group)
    try:
        if dry_run:
            run.prepare(state)
            return run.plan_only()
        with run.stop.listening():
            run.open_folder()
            run.prepare(state)
            return run.run()
    finally:
        run.close()
        run.folder.unlock()
        launch.leave()


class Run:
    """One process's part of a run."""

    trainer: Trainer
    sampler: Sampler
    log: TrainLog
    batches: Batches | None = None

    def __init__(self, config: TrainConfig, folder: RunFolder, device: torch.device, group: launch.Group) -> None:
        self.folder, self.device, self.group = folder, device, group
        self.data = open_training_data(config.data)
        self.config = store.settled(config, self.data, group.world)
        self.best: Evaluation | None = None
        self.last: Evaluation | None = None
        self.since_best = 0
        self.transient: int | None = None
        """The step of a periodic save, which the next save replaces."""
        self.saved_at = time.monotonic()
        self.saved_step = -1
        self.stop = StopSignal(tells=group.leads)
        self.accord = Accord(group, self.stop, self._save_is_due)
        self.evaluation_seconds = 0.0
        self.effect = Effect(config.aug, self.config.steps or 1)

    def close(self) -> None:
        """End the threads that draw ahead."""
        if self.batches is not None:
            self.batches.ahead.close()
            self.trainer.objective.ahead.close()

    @property
    def position(self) -> Meta:
        """Behind the batches that steps have had."""
        return self.sampler.state_dict() if self.batches is None else self.batches.position

    def open_folder(self) -> None:
        """Take the run folder, before anything slow is done."""
        if self.group.leads:
            self.folder.lock()
        self.group.wait()

    def prepare(self, state: Path | None) -> None:
        """The model, its optimisers and its data, from the start or from a saved state."""
        config, group = self.config, self.group
        saved = None if state is None else store.read_state(state, config, self.data)
        model = make_model(config, self.device, self.data.sizes, None if saved is None else saved.model)
        inputs = (model.source.path,) if model.source is not None else ()
        self.about = store.describe(config, self.data, str(self.device), inputs)
        self.data.train.require_match(
            seq_len=model.config.seq_len, vocab_size=model.config.vocab_size, of=str(config.init or "the model")
        )
        model.require_identifiers(self.data.largest_identifier)
        seed_globals(config.seed)
        self.trainer = Trainer(config, model, group, total_steps=config.steps or 1, device=self.device)
        self.trainer.asked = self.accord.asked  # a rollout may take a minute
        self.trainer.agree = self.accord.agree
        self.sampler = Sampler(
            self.data.train, config.global_batch, config.seed, rank=group.rank, world=group.world,
            augment=config.shuffle_puzzles,
        )  # fmt: skip
        if saved is not None:
            self.trainer.load_state_dict(saved.trainer)
            self.sampler.load_state_dict(saved.sampler)
            self.best, self.last, self.since_best = saved.best, saved.last, saved.since_best
            self.saved_step = self.trainer.step
            self.transient = self.saved_step if saved.transient else None
            if not config.micro_batch and saved.world == group.world:
                self.trainer.learner.micro = saved.micro_batch

    def _choose_micro_batch(self) -> Rows:
        """Settle how many trajectories go through one pass, and return a batch of this process to measure with."""
        position = self.sampler.state_dict()
        rows = on_device(next(iter(self.sampler)), self.device)
        self.sampler.load_state_dict(position)
        learner = self.trainer.learner
        if not learner.micro:
            learner.micro = fitting(learner, self.trainer.objective, rows, world=self.group.world)
            self.trainer.discard_gradients()
        return rows

    def plan_only(self) -> Finished:
        """The plan, with a measured step; nothing is written."""
        rows = self._choose_micro_batch()
        compile_nets(self.trainer.model, self.config.compile, self.device, say)
        seconds = time_step(self.trainer, rows)
        plan = make_plan(self.trainer, rows, devices.describe(self.device), seconds)
        return Finished(folder=self.folder.path, step=self.trainer.step, best=self.best, last=self.last, plan=plan)

    def run(self) -> Finished:
        """Train to the end."""
        config, trainer = self.config, self.trainer
        plan, started = make_plan(trainer, self._choose_micro_batch(), devices.describe(self.device)), trainer.step
        if self.group.leads:
            self._tidy()
            store.write_run(self.folder, config, self.about)
            self.log = TrainLog(
                self.folder.path, heading=self._heading(plan), trackers=config.trackers,
                config=config.model_dump(mode="json"), step=trainer.step,
                facts={"arm": config.aug.name, "seed": config.seed, "task": config.task, "preset": config.preset},
            )  # fmt: skip
            self.log.rewind(trainer.step)
        compile_nets(trainer.model, config.compile, self.device, self._message)
        if config.dtype == "float64" and devices.slow_in_float64(self.device):
            self._message(f"{devices.describe(self.device)} does float64 at a small part of its rate in float32")
        if self.saved_step < 0 and config.init is not None:
            self._log_row(self._evaluate(), None)
            self._save()
        stopped_early = self._steps()
        if self.saved_step != trainer.step:
            self._save()
        return Finished(
            folder=self.folder.path,
            step=trainer.step,
            best=self.best,
            last=self.last,
            stopped_early=stopped_early,
            started=started,
            plan=plan,
        )

    def _tidy(self) -> None:
        """What a killed process left undone: half files, a periodic save that another replaced, links of the last."""
        self.folder.sweep(before=self.saved_step)
        if self.saved_step >= 0:
            self._point()

    def _steps(self) -> bool:
        """Steps until the end; returns whether patience ended them."""
        trainer, config = self.trainer, self.config
        meter = Meter(config.global_batch, trainer.objective.means)
        first = trainer.step
        self.batches = Batches(self.sampler, self.device, first + 1, trainer.objective.foresee)
        while trainer.step < trainer.total_steps:
            before = self.batches.position, trainer.objective.state_dict()
            started = time.perf_counter()
            try:
                stats = self._step(self.batches.next(), before[1])
            except NumericalError as error:
                self._go_back(before)
                if self.saved_step != trainer.step:
                    self._save()
                error.run = f"the state before it is saved: rrdyn train --resume {quoted(self.folder.path)}"
                raise
            except Cancelled:
                self._go_back(before)
                self._leave()
            meter.add(stats, time.perf_counter() - started)
            if trainer.step - first == SETTLING_STEPS:
                self._tell_time(meter)
                meter.restart_clock()
            final = trainer.step == trainer.total_steps
            results = self._evaluate() if final or trainer.step % config.eval.every == 0 else None
            if results is not None or trainer.step % config.log_every == 0:
                self._log_row(results, meter)
            if results is not None:
                self._save()
                if config.eval.patience is not None and self.since_best >= config.eval.patience:
                    self._message(f"no better accuracy in {self.since_best} evaluations: stopped early")
                    return True
            if self.accord.stop and not final:
                self._leave()
            if self.accord.due and self.saved_step != trainer.step:
                self._save(transient=True)
        return False

    def _save_is_due(self) -> bool:
        return time.monotonic() - self.saved_at > 60 * self.config.save_minutes

    def _leave(self) -> NoReturn:
        """Save and go, as all processes have agreed to."""
        step = self.trainer.step
        if self.saved_step != step:
            self._save(transient=True)
        self._message(f"stopped at step {step}, state saved")
        raise Interrupted(
            f"stopped by {self.stop.heard or 'a signal to another process'} at step {step}; the state is saved",
            run=f"rrdyn train --resume {quoted(self.folder.path)}",
        )

    def _step(self, rows: Rows, before: dict[str, Tensor]) -> Stats:
        """One training step, in smaller micro-batches where the device's memory turns out too small."""
        learner = self.trainer.learner
        while True:
            try:
                return self.trainer.train_step(rows)
            except torch.OutOfMemoryError:
                if learner.micro <= 1 or self.trainer.consented:  # then the others are past the step's gradient
                    raise RrdynError(
                        "the device has too little memory for one micro-batch",
                        found=f"micro-batches of {learner.micro} trajectories",
                        run="add --micro-batch with a smaller number, or take a smaller model",
                    ) from None
            # outside of the handler, whose traceback would hold the tensors of the step that failed
            learner.micro = -(learner.micro // -2)
            self.trainer.objective.load_state_dict(before)
            if self.device.type == "cuda":
                torch.cuda.empty_cache()
            self._message(f"out of memory: going on with micro-batches of {learner.micro} trajectories")

    def _go_back(self, before: tuple[Meta, dict[str, Tensor]]) -> None:
        """To where the data and the slots stood before a step that was given up."""
        if self.batches is not None:
            self.batches.back(before[0])
        self.trainer.objective.load_state_dict(before[1])

    def _save(self, transient: bool = False) -> None:
        """Checkpoint and state of this step; `last` (and `best`, where it is) lead to it.

        No process goes on, or leaves, before the leading one has written it.
        """
        state = store.state_of(
            self.trainer, self.position, self.data, best=self.best, last=self.last,
            since_best=self.since_best, transient=transient,
        )  # fmt: skip
        step = self.trainer.step
        self.saved_at, self.saved_step = time.monotonic(), step
        if self.group.leads:
            results = self.last if self.last is not None and self.last.step == step else None
            store.write_checkpoint(self.folder, self.trainer, self.about, state, results, transient=transient)
            self._point()
            if self.transient is not None and self.transient != step:
                self.folder.drop(self.transient)
        self.transient = step if transient else None
        self.group.wait()

    def _point(self) -> None:
        """Let `last` lead to the newest save, and `best` to the best evaluated one."""
        self.folder.point("last", self.saved_step)
        if self.best is not None:
            self.folder.point("best", self.best.step)

    def _evaluate(self) -> Evaluation:
        """Measure on the validation puzzles, and remember whether it is the best so far."""
        started = time.perf_counter()
        _, autocast = computing_dtype(self.config, self.device)
        with self.trainer.released_model() as model:
            found = evaluate(
                model, self.data.validation, self.data.examples, self.config.eval, step=self.trainer.step,
                seed=self.config.seed, group=self.group, autocast=autocast,
            )  # fmt: skip
        self.last = found
        gain = (found.acc or 0) - (self.best.acc or 0) if self.best is not None else 1.0
        self.since_best = 0 if gain > 0 else self.since_best + 1
        self.best = found if gain >= 0 else self.best  # of equal ones the later, which has seen more
        self.evaluation_seconds = time.perf_counter() - started
        return found

    def _log_row(self, results: Evaluation | None, meter: Meter | None) -> None:
        trainer = self.trainer
        means = meter.row(self.group, self.device) if meter is not None else {}
        if not self.group.leads:
            return
        epoch = trainer.step * self.config.global_batch / self.data.examples_per_epoch
        left = trainer.total_steps - trainer.step
        evaluations = -(left // -self.config.eval.every)
        known = meter is not None and meter.step_seconds  # no step of this process has been timed yet after a resume
        eta = None if meter is None or not known else left * meter.step_seconds + evaluations * self.evaluation_seconds
        row = {"step": trainer.step, "epoch": epoch, "lr": trainer.lr, "eta": eta, "grad_norm": trainer.grad_norm}
        self.log.row({**row, **means, **(results.record() if results else {})})
        if said := self.effect.add(trainer.step, means):
            self._message(said)

    def _tell_time(self, meter: Meter) -> None:
        seconds = meter.seconds / meter.steps
        left = self.trainer.total_steps - self.trainer.step
        self._message(f"plan: {seconds:.3g} s a step, about {duration(seconds * left)} to the end, without evaluations")

    def _message(self, text: str) -> None:
        if self.group.leads:
            self.log.message(text)

    def _heading(self, plan: Plan) -> list[str]:
        """What `plot dynamics` groups runs by, and the plan."""
        config = self.config
        sigma = config.aug.noise.describe()
        return [
            f"argv: {command_line()}",
            f"preset={config.preset} arm={config.aug.name} seed={config.seed} K={config.aug.copies} sigma={sigma}"
            f" task={config.task} rollout={config.aug.rollout}",
            f"data: {self.data.train.name}, {self.data.train.groups} training puzzles; validation: {self.data.how}",
            *plan.lines(),
        ]
