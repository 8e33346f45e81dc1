"""Finding the weights, the config and the dataset of a checkpoint, whoever wrote it.

ours        folder/{model.safetensors,meta.json}, or a run folder with checkpoints/{best,last,step_*}
upstream    folder/{step_N,all_config.yaml}: a bare state dict without extension
hub         root/{trm,hrm}_TASK/{weights.pt,all_config.yaml} + root/data/TASK_{meta.json,test_*.npy}
            root/{checkpoint,all_config.yaml}
export      one .pt that holds its config
bare        any .pt or .safetensors beside a config of the same stem
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rrdyn.artifacts.config import read_yaml
from rrdyn.artifacts.errors import InputError
from rrdyn.artifacts.files import existing, read_json
from rrdyn.runtime.hub_address import is_address

WEIGHTS, META = "model.safetensors", "meta.json"
UPSTREAM_CONFIG = "all_config.yaml"
STEP = re.compile(r"step_(\d+)(_ema)?$")
LISTED = 12
SUFFIXES = (".pt", ".pth", ".bin", ".safetensors")


@dataclass(frozen=True, kw_only=True)
class Found:
    """A checkpoint on disk: its weights file, and what is written beside it."""

    weights: Path
    layout: str
    config: dict[str, Any] | None = None
    """Arch fields with `name`; None where only the weights file itself can hold them."""
    meta: dict[str, Any] | None = None
    """Our meta.json."""
    upstream: dict[str, Any] | None = None
    """The whole all_config.yaml."""
    dataset: str | None = None
    """The dataset named, as written."""

    @property
    def step(self) -> int | None:
        if self.meta is not None:
            step = self.meta.get("step")
            return step if isinstance(step, int) else None
        match = STEP.match(self.weights.name)
        return int(match[1]) if match else None

    @property
    def ema(self) -> bool | None:
        """Whether the weights are a moving average, where that is written down."""
        if self.meta is not None:
            return self.meta.get("ema")
        if self.weights.name.endswith("_ema"):
            return True
        if self.weights.with_name(f"{self.weights.name}_ema").exists():
            return False
        return None if self.upstream is None else bool(self.upstream.get("ema", False))


def locate(path: Path | str) -> Found:
    """The checkpoint a path stands for: a weights file, a checkpoint folder, a run folder, or `hub://owner/repo/folder`.

    Raises InputError where there is none, saying what there is.
    """
    if is_address(path):
        from rrdyn.runtime.hub import pull

        return locate(pull(str(path)))
    path = existing(path, run="rrdyn train sudoku makes one, rrdyn hub pull fetches one")
    if path.is_file():
        return _file(path)
    found = _folder(path)
    if found is None:
        raise InputError(
            f"{path} holds no checkpoint",
            found=", ".join(sorted(child.name for child in path.iterdir())[:LISTED]) or "an empty folder",
            expected=f"{WEIGHTS} + {META}, step_N + {UPSTREAM_CONFIG}, weights.pt + {UPSTREAM_CONFIG}, or a run folder",
        )
    return found


def _file(path: Path) -> Found:
    if path.name in (META, UPSTREAM_CONFIG, "config.yaml") and (found := _folder(path.parent)):
        return found
    if path.suffix == ".npz":
        raise InputError(f"{path} is an npz artifact, not a checkpoint", run=f"rrdyn inspect {path}")
    beside = path.parent
    if path.name == WEIGHTS and (beside / META).is_file():
        return _ours(beside)
    for name in (f"{path.stem}.yaml", f"{path.stem}.json", UPSTREAM_CONFIG, "config.yaml", "config.json"):
        if (candidate := beside / name).is_file() and candidate != path:
            return _with_config(path, candidate)
    return Found(weights=path, layout="export")


def _folder(path: Path) -> Found | None:
    if (path / WEIGHTS).is_file() and (path / META).is_file():
        return _ours(path)
    if (path / "checkpoints").is_dir() and (found := _folder(path / "checkpoints")):
        return found
    for name in ("best", "last"):
        if (path / name).exists():
            return locate(_pointed(path / name))
    steps = [(int(match[1]), child) for child in path.iterdir() if child.is_dir() and (match := STEP.match(child.name))]
    if steps:
        return locate(max(steps)[1])
    candidates = _candidates(path)
    if len(candidates) > 1:
        names = [str(child.relative_to(path)) for child in candidates]
        raise InputError(
            f"{path} holds several checkpoints or runs",
            found=", ".join(names[:LISTED]) + (f" and {len(names) - LISTED} more" if len(names) > LISTED else ""),
            expected="one of them",
            run=f"the same line with {candidates[0]}",
        )
    return (_file(candidates[0]) if candidates[0].is_file() else _folder(candidates[0])) if candidates else None


def _candidates(folder: Path) -> list[Path]:
    """What in a folder could be meant: the latest of upstream's steps (its EMA copy where there are both); else every
    weights file, and every run or folder with an upstream config, two levels deep."""
    files = sorted(child for child in folder.iterdir() if child.is_file())
    steps = [(int(match[1]), bool(match[2]), child) for child in files if (match := STEP.match(child.name))]
    if steps:
        return [max(steps)[2]]
    weights = [child for child in files if child.suffix in SUFFIXES or child.name == "checkpoint"]
    homes = [*folder.glob("*/checkpoints"), *folder.glob("*/*/checkpoints")]
    homes += [*folder.glob(f"*/{UPSTREAM_CONFIG}"), *folder.glob(f"*/*/{UPSTREAM_CONFIG}")]
    return [*weights, *sorted({home.parent for home in homes})]


def _pointed(path: Path) -> Path:
    """`best` and `last` are folders or links; a small text file that names a folder beside it serves as well."""
    if path.is_file() and path.stat().st_size < 256:
        return path.parent / path.read_text(encoding="utf-8", errors="replace").strip()
    return path


def _ours(folder: Path) -> Found:
    meta = read_json(folder / META)
    if not isinstance(meta, dict) or not isinstance(meta.get("config"), dict):
        raise InputError(f"{folder / META} is not the meta.json of a checkpoint", expected="a config in it")
    dataset = meta.get("dataset")
    if isinstance(dataset, dict):
        dataset = dataset.get("path")
    return Found(
        weights=folder / WEIGHTS, layout="rrdyn", config=meta["config"], meta=meta,
        dataset=dataset if isinstance(dataset, str) else None,
    )  # fmt: skip


def _with_config(weights: Path, config: Path) -> Found:
    content = read_json(config) if config.suffix == ".json" else read_yaml(config)
    if not isinstance(content, dict):
        raise InputError(f"{config} is not a model config", found=type(content).__name__, expected="arch fields")
    arch = content.get("arch", content)
    if not isinstance(arch, dict):
        raise InputError(f"{config} is not a model config", found=f"arch: {arch!r}", expected="arch fields")
    if "name" not in arch and isinstance(content.get("cls"), str):
        arch = {**arch, "name": content["cls"].lower()}
    if isinstance(sizes := content.get("sizes"), dict):  # ours, in an export to upstream's layout
        arch = {**sizes, **arch}
    return Found(
        weights=weights,
        layout="upstream" if STEP.match(weights.name) else "hub" if config.name == UPSTREAM_CONFIG else "bare",
        config=arch,
        upstream=content if "arch" in content and "cls" not in content else None,
        dataset=_hub_data(weights) or _named_dataset(content),
    )


def _hub_data(weights: Path) -> str | None:
    """`root/data` of the Hub layout, where the arrays of the task lie beside the model folders; its TASK_meta.json
    where several tasks share the folder."""
    data = weights.absolute().parent.parent / "data"
    task = weights.absolute().parent.name.partition("_")[2]
    meta = data / f"{task}_meta.json"
    if not task or not meta.is_file():
        return None
    return str(data if len(list(data.glob("*_meta.json"))) == 1 else meta)


def _named_dataset(content: dict[str, Any]) -> str | None:
    named = content.get("data_paths") or content.get("data_path")
    if isinstance(named, list):
        named = named[0] if named else None
    return named if isinstance(named, str) else None
