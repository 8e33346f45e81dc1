"""What a run keeps on disk: its settled config, its checkpoints, and the state an exact resume needs."""

from __future__ import annotations

import json
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import torch
import yaml

from rrdyn.artifacts.errors import InputError, UsageError
from rrdyn.artifacts.files import cannot_write, dump_json, replacing_folder, write_json, write_text
from rrdyn.artifacts.places import META, STATE, regular, said
from rrdyn.artifacts.provenance import provenance
from rrdyn.artifacts.reading import read_yaml
from rrdyn.artifacts.record import Meta, Settings
from rrdyn.models import save
from rrdyn.training.config import TrainConfig
from rrdyn.training.datasets import TrainingData
from rrdyn.training.evaluation import Evaluation
from rrdyn.training.folder import CONFIG, TRANSIENT, RunFolder
from rrdyn.training.trainer import Trainer, TrainerState

STATE_VERSION = 1


def settled(config: TrainConfig, data: TrainingData, world: int) -> TrainConfig:
    """The config with its number of steps; UsageError where the batch does not split over the processes."""
    require_split(config.global_batch, world)
    if config.steps is not None:
        return config
    steps = int(config.epochs * data.examples_per_epoch / config.global_batch)
    return config.model_copy(update={"steps": max(1, steps)})


def require_split(global_batch: int, processes: int) -> None:
    """Raise UsageError where a batch does not split over the processes."""
    if global_batch % processes:
        raise UsageError(
            f"a global batch of {global_batch} does not split over {processes} processes",
            expected=f"a multiple of {processes}", run=f"--batch {processes * max(1, global_batch // processes)}",
        )  # fmt: skip


def write_run(folder: RunFolder, config: TrainConfig, about: Meta) -> None:
    """`config.yaml` and `meta.json` of the run."""
    write_text(folder.path / CONFIG, yaml.safe_dump(config.model_dump(mode="json"), sort_keys=False))
    write_json(folder.path / META, {"schema": "run", "schema_version": 1, **about})


def describe(config: TrainConfig, data: TrainingData, device: str, inputs: tuple[Path, ...] = ()) -> Meta:
    """What a run and each of its checkpoints say about where they come from; `inputs` are files it began with."""
    return {
        **provenance(seed=config.seed, config=config.comparable(), inputs=inputs, device=device, dtype=config.dtype),
        "task": config.task, "preset": config.preset, "arm": config.aug.name, "init": config.init,
        "dataset": {"path": str(config.data), "name": data.train.name, "digest": data.train.digest},
        "validation": data.how,
    }  # fmt: skip


def read_config(folder: Path) -> TrainConfig:
    """The config of a run folder."""
    return read_yaml(folder / CONFIG, TrainConfig)


def write_checkpoint(
    folder: RunFolder,
    trainer: Trainer,
    about: Meta,
    state: Meta,
    results: Evaluation | None,
    *,
    transient: bool,
) -> Path:
    """`step_N/{model.safetensors,meta.json,state.pt}`, complete or not at all; `transient`: until the next save."""
    with replacing_folder(folder.step_folder(trainer.step)) as partial:
        try:
            torch.save({"version": STATE_VERSION, **state}, partial / STATE)
        except RuntimeError as error:  # how torch reports a full disk
            raise cannot_write(folder.step_folder(trainer.step) / STATE, OSError(28, str(error))) from None
        with trainer.released_model() as model:
            evaluation = None if results is None else results.record()
            ema = trainer.ema is not None
            told = {**about, "step": trainer.step, "ema": ema, "evaluation": evaluation}
            save(model, partial, {**told, TRANSIENT: True} if transient else told)
    return folder.step_folder(trainer.step)


@dataclass(frozen=True, kw_only=True)
class Saved:
    """A state to go on from."""

    trainer: TrainerState
    """What the trainer takes up."""
    model: Settings
    """The architecture."""
    sampler: Meta
    """The data's position."""
    world: int
    """Processes that saved it."""
    micro_batch: int
    best: Evaluation | None
    last: Evaluation | None
    since_best: int
    transient: bool


def state_of(
    trainer: Trainer, sampler: Meta, data: TrainingData, *, best: Evaluation | None, last: Evaluation | None,
    since_best: int, transient: bool,
) -> Meta:  # fmt: skip
    """What goes into state.pt; every process of a group has to call it."""
    told = {
        "best": best and best.record(), "last": last and last.record(), "since_best": since_best,
        "transient": transient,
    }  # fmt: skip
    return {
        "trainer": trainer.state_dict(),
        "model": trainer.model.config.model_dump(mode="json"),
        "sampler": sampler,
        "config": dump_json(trainer.config.comparable(), indent=None),
        "dataset": data.train.digest,
        "world": trainer.group.world,
        "micro_batch": trainer.learner.micro,
        **{key: dump_json(value, indent=None) for key, value in told.items()},
    }


def read_state(path: Path, config: TrainConfig, data: TrainingData) -> Saved:
    """A state to go on from; refuses one of another config (naming the keys) or of other data."""
    state = _load(path)
    now = json.loads(dump_json(config.comparable(), indent=None))
    if state["dataset"] == data.train.digest:  # the same data, wherever it lies
        state["config"]["data"] = now["data"]
    changed = differences(state["config"], now)
    if changed:
        raise UsageError(
            f"{path.parents[2]} was trained with other settings, so it cannot go on exactly",
            found="; ".join(f"{key}: {old} -> {new}" for key, old, new in changed),
            expected="the settings it was started with",
            run=f"start a new run from its weights: --init {path.parent}",
        )
    if state["dataset"] != data.train.digest:
        raise InputError(
            f"{config.data} is not the dataset the run was started with", found=f"digest {data.train.digest[:12]}",
            expected=f"digest {state['dataset'][:12]}",
        )  # fmt: skip
    return Saved(**{field.name: state[field.name] for field in fields(Saved)})


def _load(path: Path) -> Meta:
    """The content of a state file, its texts read; InputError whatever is wrong with it."""
    run = "resume from another of the run's checkpoints: --resume RUN/checkpoints/step_N"
    try:
        state: dict[str, Any] = torch.load(regular(path, run=run), map_location="cpu", weights_only=True)
        version = state["version"]
        if version == STATE_VERSION:
            state |= {key: json.loads(state[key]) for key in ("config", "since_best", "transient")}
            # through the config as it is now: settings that have come since then take their defaults
            state["config"] = json.loads(dump_json(TrainConfig(**state["config"]).comparable(), indent=None))
            for key in ("best", "last"):
                found = json.loads(state[key])
                state[key] = None if found is None else Evaluation(**found)
    except InputError:
        raise
    except Exception as error:  # a torch file can be wrong in as many ways as it has parts
        raise InputError(f"{path} is not a readable training state", found=said(error), run=run) from None
    if version != STATE_VERSION:
        raise InputError(f"{path} is of another version", found=version, expected=STATE_VERSION)
    return state


def differences(before: Any, now: Any, prefix: str = "") -> list[tuple[str, Any, Any]]:
    """(key, old, new) of every setting that differs, keys joined by dots."""
    if isinstance(before, dict) and isinstance(now, dict):
        keys = sorted(before.keys() | now.keys())
        return [row for key in keys for row in differences(before.get(key), now.get(key), f"{prefix}{key}.")]
    return [] if before == now else [(prefix.rstrip("."), before, now)]
