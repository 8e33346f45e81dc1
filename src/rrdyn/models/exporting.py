"""Writing a model for others: one `.pt`, upstream's layout, or the Hub's. Reading them back is bit-identical."""

from __future__ import annotations

import os
import re
from collections import OrderedDict
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
import yaml

from rrdyn.artifacts.arrays import read_npy
from rrdyn.artifacts.errors import InputError
from rrdyn.artifacts.files import make_folder, replacing, write_json, write_text
from rrdyn.artifacts.places import META, WEIGHTS, is_file, shown
from rrdyn.artifacts.reading import read_json
from rrdyn.artifacts.record import Meta
from rrdyn.models.checkpoints import EXPORT, save, stored
from rrdyn.models.config import SIZES
from rrdyn.models.family import find_family
from rrdyn.models.layouts import UPSTREAM_CONFIG
from rrdyn.models.model import Model
from rrdyn.models.sizes import dataset_sizes
from rrdyn.version import __version__

Layout = Literal["pt", "upstream", "hub", "rrdyn"]
COMPILED = "_orig_mod.model."
ZIP = b"PK\x03\x04"  # what a file of torch.save begins with
RECIPE = {
    "global_batch_size": 768, "epochs": 50000, "eval_interval": 5000, "checkpoint_every_eval": True,
    "lr": 1e-4, "lr_min_ratio": 1.0, "lr_warmup_steps": 2000, "beta1": 0.9, "beta2": 0.95, "weight_decay": 1.0,
    "puzzle_emb_lr": 1e-4, "puzzle_emb_weight_decay": 1.0, "seed": 0, "eval_save_outputs": [],
}  # fmt: skip
"""What upstream's evaluation wants to find in all_config.yaml, for a model that upstream did not train."""


def export(model: Model, out: Path | str, layout: Layout) -> list[Path]:
    """Write the model to `out` and return the files written.

    pt: one file with weights, config and dataset reference, which `torch.load(weights_only=True)` opens.
    upstream: a folder with step_N and all_config.yaml. hub: a folder {trm,hrm}_TASK/{weights.pt,all_config.yaml}
    with data/ beside it where the dataset is here. rrdyn: model.safetensors and meta.json.
    """
    out = Path(out)
    if layout == "pt":
        return [_write_torch(out, _single(model))]
    if layout == "upstream":
        return _upstream(model, out, f"step_{_step(model)}")
    if layout == "hub":
        return _hub(model, out)
    folder = save(model, out)
    return [folder / WEIGHTS, folder / META]


def _write_torch(path: Path, value: Any) -> Path:
    with replacing(path, begins=ZIP) as partial, open(partial, "wb") as stream:  # the name would enter the file
        torch.save(value, stream)
    return path


def _single(model: Model) -> Meta:
    source = model.source
    return {
        "format": EXPORT,
        "version": 1,
        "rrdyn_version": __version__,
        "config": model.config.model_dump(),
        "step": source.step if source else None,
        "ema": source.ema if source else None,
        "dataset": source.dataset if source else None,
        "dataset_digest": source.dataset_digest if source else None,
        "upstream": source.upstream if source else None,
        "weights": stored(model),
    }


def _upstream(model: Model, folder: Path, name: str) -> list[Path]:
    weights = OrderedDict((COMPILED + key, tensor) for key, tensor in stored(model).items())
    make_folder(folder)
    config = yaml.safe_dump(upstream_config(model), sort_keys=True)
    return [_write_torch(folder / name, weights), write_text(folder / UPSTREAM_CONFIG, config)]


def _step(model: Model) -> int:
    return (model.source.step if model.source else None) or 0


def upstream_config(model: Model) -> Meta:
    """The content of all_config.yaml: as it came, or composed from our config with upstream's usual recipe.

    Upstream takes the sizes from its dataset and refuses them under `arch`; they stand in a section of their own,
    which it passes over.
    """
    source = model.source
    if source is not None and source.upstream is not None:
        return source.upstream
    dataset = source.dataset if source else None
    sizes = {key: getattr(model.config, key) for key in SIZES}
    family = find_family(model.config.name)
    run = family.upstream_run(dataset, ema=bool(source and source.ema))
    return {"arch": family.to_upstream(model.config), **RECIPE, "sizes": sizes, **run}


def _hub(model: Model, root: Path) -> list[Path]:
    dataset = model.source.dataset if model.source else None
    task = task_name(dataset)
    folder = root / f"{model.config.name}_{task}"
    weights, config = _upstream(model, folder, "weights.pt")
    wrote = [weights, config]
    if dataset and is_file(Path(dataset) / "test" / "dataset.json"):
        wrote += _hub_data(Path(dataset), root / "data", task)
    return wrote


def task_name(dataset: str | None) -> str:
    """sudoku, maze, arc, or the dataset's own name; "puzzle" where nothing is known."""
    name = os.path.basename(os.path.abspath(dataset)).lower() if dataset else ""
    for known in ("sudoku", "maze", "arc"):
        if known in name:
            return known
    return re.sub(r"[^a-z0-9]+", "-", name).strip("-") or "puzzle"


def _hub_data(dataset: Path, folder: Path, task: str) -> list[Path]:
    """The test split as the source study publishes it: sizes, inputs, labels, one puzzle identifier an example."""
    test = dataset / "test"
    stated = read_json(test / "dataset.json")
    stated = stated if isinstance(stated, dict) else {}
    sets = stated.get("sets")
    first = sets[0] if isinstance(sets, list) and sets and isinstance(sets[0], str) else "all"

    def array(name: str) -> np.ndarray:
        return read_npy(test / f"{Path(first).name}__{name}.npy", mmap=True)

    identifiers, indices = array("puzzle_identifiers"), array("puzzle_indices")
    counts = np.diff(indices)
    if identifiers.shape != counts.shape or counts.dtype.kind not in "iu" or (counts < 0).any():
        raise InputError(
            f"{shown(test)}: its puzzle_indices do not fit its puzzle_identifiers",
            found=f"shapes {indices.shape} and {identifiers.shape}", expected="(N + 1,) ascending, and (N,)",
        )  # fmt: skip
    pid = np.repeat(identifiers, counts)
    wrote = [write_json(folder / f"{task}_meta.json", {**stated, **dataset_sizes(dataset)})]
    for name, values in (("inputs", array("inputs")), ("labels", array("labels")), ("pid", pid)):
        target = folder / f"{task}_test_{name}.npy"
        with replacing(target) as partial, open(partial, "wb") as stream:
            np.save(stream, values, allow_pickle=False)
        wrote.append(target)
    return wrote
