"""What a run keeps on disk: its settled config, its checkpoints, and the state an exact resume needs."""

from __future__ import annotations

import json
import pickle
from pathlib import Path
from typing import Any

import torch
import yaml

from rrdyn.artifacts.config import read_yaml
from rrdyn.artifacts.errors import InputError, UsageError
from rrdyn.artifacts.files import cannot_write, dump_json, replacing, write_json, write_text
from rrdyn.artifacts.provenance import provenance
from rrdyn.models import save
from rrdyn.training.config import TrainConfig
from rrdyn.training.datasets import TrainingData
from rrdyn.training.folder import CONFIG, META, STATE, RunFolder
from rrdyn.training.trainer import Trainer

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


def write_run(folder: RunFolder, config: TrainConfig, about: dict[str, Any]) -> None:
    """`config.yaml` and `meta.json` of the run."""
    write_text(folder.path / CONFIG, yaml.safe_dump(config.model_dump(mode="json"), sort_keys=False))
    write_json(folder.path / META, {"schema": "run", "schema_version": 1, **about})


def describe(config: TrainConfig, data: TrainingData, device: str, inputs: tuple[Path, ...] = ()) -> dict[str, Any]:
    """What a run and each of its checkpoints say about where they come from; `inputs` are files it began with."""
    return {
        **provenance(seed=config.seed, config=config.comparable(), inputs=inputs, device=device, dtype=config.dtype),
        "task": config.task, "preset": config.preset, "arm": config.aug.name, "init": config.init,
        "dataset": {"path": str(config.data), "name": data.train.name, "digest": data.train.digest},
        "validation": data.how,
    }  # fmt: skip


def read_config(folder: Path) -> TrainConfig:
    """The config of a run folder."""
    try:
        return TrainConfig(**read_yaml(folder / CONFIG))
    except UsageError as error:
        raise InputError(f"{folder / CONFIG}: {error.problem}", found=error.found, expected=error.expected) from None


def write_checkpoint(
    folder: RunFolder, trainer: Trainer, about: dict[str, Any], state: dict[str, Any], results: dict[str, Any] | None
) -> Path:
    """`step_N/{model.safetensors,meta.json,state.pt}`, complete or not at all."""
    with folder.writing(trainer.step) as partial:
        with replacing(partial / STATE) as file:
            try:
                torch.save({"version": STATE_VERSION, **state}, file)
            except RuntimeError as error:  # how torch reports a full disk
                raise cannot_write(folder.step_folder(trainer.step) / STATE, OSError(28, str(error))) from None
        with trainer.released_model() as model:
            save(
                model, partial,
                {**about, "step": trainer.step, "ema": trainer.ema is not None, "evaluation": results},
            )  # fmt: skip
    return folder.step_folder(trainer.step)


def state_of(trainer: Trainer, sampler: dict[str, Any], data: TrainingData, **more: Any) -> dict[str, Any]:
    """What goes into state.pt."""
    return {
        "trainer": trainer.state_dict(),
        "model": trainer.model.config.model_dump(mode="json"),
        "sampler": sampler,
        "config": dump_json(trainer.config.comparable(), indent=None),
        "dataset": data.train.digest,
        "world": trainer.group.world,
        "micro_batch": trainer.learner.micro,
        **{key: dump_json(value, indent=None) for key, value in more.items()},
    }


def read_state(path: Path, config: TrainConfig, data: TrainingData) -> dict[str, Any]:
    """A state to go on from; refuses one of another config (naming the keys) or of other data."""
    try:
        state = torch.load(path, map_location="cpu", weights_only=True)
        version = state["version"]
    except (OSError, RuntimeError, EOFError, pickle.UnpicklingError, KeyError, TypeError) as error:
        raise InputError(
            f"{path} is not a readable training state", found=str(error).splitlines()[0],
            run="resume from another of the run's checkpoints: --resume RUN/checkpoints/step_N",
        ) from None  # fmt: skip
    if version != STATE_VERSION:
        raise InputError(f"{path} is of another version", found=version, expected=STATE_VERSION)
    before, now = json.loads(state["config"]), json.loads(dump_json(config.comparable(), indent=None))
    changed = differences(before, now)
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
    for key in ("best", "last", "since_best", "transient"):
        state[key] = json.loads(state[key])
    return state


def differences(before: Any, now: Any, prefix: str = "") -> list[tuple[str, Any, Any]]:
    """(key, old, new) of every setting that differs, keys joined by dots."""
    if isinstance(before, dict) and isinstance(now, dict):
        keys = sorted(before.keys() | now.keys())
        return [row for key in keys for row in differences(before.get(key), now.get(key), f"{prefix}{key}.")]
    return [] if before == now else [(prefix.rstrip("."), before, now)]
