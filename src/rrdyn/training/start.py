"""Starting a run or going on with one: which config, which folder, how many processes."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from pathlib import Path

from rrdyn.artifacts.errors import RrdynError, UsageError
from rrdyn.artifacts.pasting import quoted
from rrdyn.artifacts.record import Settings
from rrdyn.data.finding import find_dataset
from rrdyn.models.family import find_family
from rrdyn.models.layouts import locate
from rrdyn.runtime import devices, launch
from rrdyn.runtime.progress import say
from rrdyn.training import loop, store
from rrdyn.training.config import TrainConfig
from rrdyn.training.folder import RunFolder, find_run, is_run, new_run_folder
from rrdyn.training.recipes import Changes, put, resolve


@dataclass(frozen=True, kw_only=True)
class Request:
    """What was asked for, as it was typed."""

    data: str = ""
    preset: str | None = None
    aug: str = "none"
    changes: Changes = field(default_factory=dict)
    resume: str | None = None
    out: Path | None = None
    device: str = "auto"
    devices: int | None = None
    dry_run: bool = False


def start(request: Request) -> loop.Finished:
    """Run it in as many processes as asked for, or as this process's part of the group it was started in."""
    config, folder, state = settle(request)
    device = devices.resolve(request.device)
    processes = request.devices or (devices.visible_gpus() if device.type == "cuda" and device.index is None else 1)
    if launch.given_group() is not None or processes <= 1:
        return loop.train(config, folder, state=state, device=request.device, dry_run=request.dry_run)
    if device.type == "cuda" and processes > devices.visible_gpus():
        most = f"at most {devices.visible_gpus()}"
        raise UsageError("--devices asks for more than there is", found=processes, expected=most)
    store.require_split(config.global_batch, processes)
    say(f"starting {processes} processes")
    arguments = (config, folder, state, device.type, request.dry_run, processes)
    finished: loop.Finished = launch.start(worker, arguments, processes)
    return finished


def worker(
    config: TrainConfig, folder: Path, state: Path | None, device: str, dry_run: bool, processes: int
) -> loop.Finished:
    """One process of a group on this machine; the CPU's cores are shared out."""
    import torch

    if device == "cpu":
        torch.set_num_threads(max(1, (os.cpu_count() or 1) // processes))
    return loop.train(config, folder, state=state, device=device, dry_run=dry_run)


def settle(request: Request) -> tuple[TrainConfig, Path, Path | None]:
    """The config, the run folder, and the state to go on from (None: from the beginning).

    A run folder given with --out that holds a run goes on where it stopped, if the settings are the same.
    """
    name = request.resume
    if name is None and request.out is not None and is_run(request.out):
        name = str(request.out)
    if name is None:
        config = _config(request)
        folder = request.out or new_run_folder(config.task, architecture(config), config.aug.name, config.seed)
        if request.out is None and (begun := _begun(config, folder.parent)) is not None:
            say(f"a run of these settings has begun in {begun}: rrdyn train --resume {quoted(begun)} goes on with it")
        return config, folder, None
    folder, state = find_run(name)
    if request.out is not None and request.out.resolve() != folder.resolve():
        raise UsageError(
            "--resume goes on in its own folder", found=f"--resume {folder} --out {request.out}",
            run=f"leave --out away, or start a new run from the weights: --init {folder / 'checkpoints' / 'last'}",
        )  # fmt: skip
    config = _config(request) if request.data else _changed(store.read_config(folder), request.changes)
    if state is not None:
        config = _moved(config, state)
    if state is None:
        say(f"{folder} has no saved state yet: starting from the beginning")
    else:
        say(f"going on from {state.parent}")
    return config, folder, state


def _begun(config: TrainConfig, parent: Path) -> Path | None:
    """The last run of the same settings beside a new one that has not come to its end; what cannot be read is none."""
    for folder in sorted((path for path in parent.glob("*") if is_run(path)), reverse=True):
        try:
            saved, steps = store.read_config(folder), RunFolder(folder).steps()
        except RrdynError:
            continue
        if steps and steps[-1] < (saved.steps or 0) and saved.comparable() == config.comparable():
            return folder
    return None


def _config(request: Request) -> TrainConfig:
    if not request.data:
        raise UsageError("nothing to train on", expected="sudoku, maze or a dataset folder", run="rrdyn train sudoku")
    accelerated = devices.resolve(request.device).type == "cuda"
    return resolve(
        request.data, preset=request.preset, aug=request.aug, changes=request.changes, accelerated=accelerated
    )


def _changed(config: TrainConfig, changes: Changes) -> TrainConfig:
    """A saved config with the settings given beside --resume; the loop refuses those that would not be exact."""
    content: Settings = config.model_dump()
    for key, value in changes.items():
        content = put(content, key, value)
    return TrainConfig(**content)


def _moved(config: TrainConfig, state: Path) -> TrainConfig:
    """A config whose dataset is where that of the saved checkpoint lies now."""
    named = locate(state.parent)
    digest = named.dataset_digest
    found = find_dataset(digest, config.data, state) if digest else None
    return config if found is None else config.model_copy(update={"data": found})


def architecture(config: TrainConfig) -> str:
    """trm-mlp, trm-att, or a family's own name, for the run folder's name."""
    family = find_family(config.model.get("name")).name
    if family != "trm":
        return family
    return "trm-mlp" if config.model.get("mlp_t") else "trm-att"
