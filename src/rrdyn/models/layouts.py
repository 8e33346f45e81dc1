"""Finding the weights, the config and the dataset of a checkpoint, whoever wrote it.

ours        folder/{model.safetensors,meta.json}, or a run folder with checkpoints/{best,last,step_*}
upstream    folder/{step_N,all_config.yaml}: a bare state dict without extension, whatever stands before `step_N`
hub         root/{trm,hrm}_TASK/{weights.pt,all_config.yaml} + root/data/TASK_{meta.json,test_*.npy}
            root/{checkpoint,all_config.yaml}
export      one .pt that holds its config
bare        any weights file beside a config: of the same stem, all_config.yaml, config.yaml, an arch file
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from rrdyn.artifacts.errors import InputError, RrdynError
from rrdyn.artifacts.pasting import quoted
from rrdyn.artifacts.places import (
    MAKES_CHECKPOINT,
    META,
    WEIGHTS,
    entries,
    existing,
    exists,
    is_file,
    is_folder,
    regular,
    shown,
)
from rrdyn.artifacts.reading import read_json, read_text, read_yaml
from rrdyn.artifacts.record import Meta
from rrdyn.models.foreign import Configured, configured, is_arch
from rrdyn.runtime.hub import pull
from rrdyn.runtime.hub_address import SCHEME, is_address

UPSTREAM_CONFIG = "all_config.yaml"
GENERIC = ("config.yaml", "config.json")
"""Names that configs of anything have."""
STEP = re.compile(r"(?:^|.*[-_.=])step[-_=]?(\d+)(_ema)?$")
LISTED = 12
SUFFIXES = (".pt", ".pth", ".bin", ".ckpt", ".safetensors")
PREFERRED = ("best", "last", "final", "latest")
"""What a file's name says where a folder holds several, in this order."""
POINTER = 256
"""Bytes of a file that names another."""
MOST_HOPS = 8


@dataclass(frozen=True, kw_only=True)
class Found:
    """A checkpoint on disk: its weights file, and what is written beside it."""

    weights: Path
    layout: str
    config: Meta | None = None
    """Arch fields with `name`; None where only the weights file itself can hold them."""
    meta: Meta | None = None
    """Our meta.json."""
    upstream: Meta | None = None
    """The whole all_config.yaml."""
    dataset: str | None = None
    """The dataset named, as written."""
    dataset_digest: str | None = None
    """Of its training split, where that is written down."""
    training: Meta = field(default_factory=dict)
    """What a config in the weights file says beside the model."""

    @property
    def step(self) -> int | None:
        if self.meta is not None:
            return whole(self.meta.get("step"))
        match = _step(self.weights)
        return match[0] if match else None

    @property
    def ema(self) -> bool | None:
        """Whether the weights are a moving average, where that is written down."""
        if self.meta is not None:
            ema = self.meta.get("ema")
            return ema if isinstance(ema, bool) else None
        if self.weights.stem.endswith("_ema"):
            return True
        if exists(self.weights.with_name(f"{self.weights.name}_ema")):
            return False
        ema = (self.upstream or {}).get("ema", False)
        return ema if self.upstream is not None and isinstance(ema, bool) else None


def whole(value: object) -> int | None:
    """A training step, where a file's number can be one."""
    return value if isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 1 << 62 else None


def locate(path: Path | str) -> Found:
    """The checkpoint a path stands for: a weights file, a checkpoint folder, a run folder, or an address on the Hub.

    Raises InputError where there is none, saying what there is.
    """
    if is_address(path):
        path = pull(path)
    elif _is_on_the_hub(path):
        path = _pulled(path)
    return _locate(existing(path, run=MAKES_CHECKPOINT), MOST_HOPS)


def _is_on_the_hub(path: Path | str) -> bool:
    """Whether `owner/repo/file` is meant: a weights file of which not even the first folder is on this machine."""
    parts = Path(path).parts
    named = len(parts) >= 3 and Path(path).suffix in SUFFIXES and re.fullmatch(r"\w[\w.-]*", parts[0])
    return bool(named) and not exists(parts[0])


def _pulled(path: Path | str) -> Path:
    try:
        return pull(f"{SCHEME}{path}")
    except RrdynError as error:
        raise InputError(
            f"{shown(path)} does not exist, here or on the Hub", found=error.problem, expected="an existing file",
            run=f"rrdyn hub pull {quoted(f'{SCHEME}{shown(path)}')}",
        ) from None  # fmt: skip


def _locate(path: Path, hops: int) -> Found:
    if hops < 0:
        raise InputError(f"{shown(path)} leads in a circle", expected="`best` and `last` that name a checkpoint")
    if not is_folder(path):
        return _file(path)
    found = _folder(path, hops)
    if found is None:
        raise InputError(
            f"{shown(path)} holds no checkpoint",
            found=", ".join(child.name for child in entries(path)[:LISTED]) or "an empty folder",
            expected=f"{WEIGHTS} + {META}, step_N + {UPSTREAM_CONFIG}, weights.pt + {UPSTREAM_CONFIG}, or a run folder",
        )
    return found


def _file(path: Path) -> Found:
    beside = path.parent
    if path.name in (META, UPSTREAM_CONFIG, "config.yaml") and (found := _folder(beside, MOST_HOPS)):
        return found
    if path.suffix == ".npz":
        raise InputError(
            f"{shown(path)} is an npz artifact, not a checkpoint", run=f"rrdyn inspect {quoted(shown(path))}"
        )
    if path.name == WEIGHTS and is_file(beside / META):
        return _ours(beside)
    for name in (f"{path.stem}.yaml", f"{path.stem}.json", UPSTREAM_CONFIG):
        if is_file(candidate := beside / name) and candidate != path:
            return _with_config(path, candidate, _content(candidate))
    for candidate in _possible_configs(beside):
        if candidate != path and is_arch(content := _content_or_nothing(candidate)):
            return _with_config(path, candidate, content)
    return Found(weights=regular(path), layout="export")


def _possible_configs(folder: Path) -> Iterable[Path]:
    """Files of a name that anything may have; then arch files, where there is one alone."""
    yield from (folder / name for name in GENERIC if is_file(folder / name))
    arch = [
        child
        for child in entries(folder)
        if child.suffix in (".yaml", ".yml") and child.name not in GENERIC and is_arch(_content_or_nothing(child))
    ]
    yield from arch if len(arch) == 1 else ()


def _folder(path: Path, hops: int) -> Found | None:
    if is_file(path / WEIGHTS) and is_file(path / META):
        return _ours(path)
    if is_folder(path / "checkpoints") and (found := _folder(path / "checkpoints", hops - 1)):
        return found
    for name in ("best", "last"):
        if exists(path / name):
            return _locate(existing(_pointed(path / name)), hops - 1)
    steps = [(step[0], child) for child in entries(path) if is_folder(child) and (step := _step(child))]
    if steps:
        return _locate(max(steps)[1], hops - 1)
    candidates = _candidates(path)
    if len(candidates) > 1:
        names = [str(child.relative_to(path)) for child in candidates]
        raise InputError(
            f"{shown(path)} holds several checkpoints or runs",
            found=", ".join(names[:LISTED]) + (f" and {len(names) - LISTED} more" if len(names) > LISTED else ""),
            expected="one of them",
            run=f"the same line with {shown(candidates[0])}",
        )
    return _locate(candidates[0], hops - 1) if candidates else None


def _candidates(folder: Path) -> list[Path]:
    """What in a folder could be meant: the latest of upstream's steps (its EMA copy where there are both); else the
    weights file that says it is the best or the last; else every one, and every run or folder with an upstream config,
    two levels deep."""
    files = [child for child in entries(folder) if is_file(child)]
    steps = [(*step, child) for child in files if child.suffix not in SUFFIXES and (step := _step(child))]
    if steps:
        return [max(steps)[2]]
    weights = [child for child in files if child.suffix in SUFFIXES or child.name == "checkpoint"]
    if len(weights) > 1:
        for word in PREFERRED:
            named = [child for child in weights if re.search(rf"(^|[-_.]){word}([-_.]|$)", child.stem)]
            if len(named) == 1:
                return named
        steps = [(*step, child) for child in weights if (step := _step(child))]
        if len(steps) == len(weights):
            return [max(steps)[2]]
    below = [child for child in entries(folder) if is_folder(child)]
    below += [inner for child in below for inner in _folders_in(child)]
    homes = {child for child in below if is_folder(child / "checkpoints") or is_file(child / UPSTREAM_CONFIG)}
    return [*weights, *sorted(homes)]


def _folders_in(folder: Path) -> list[Path]:
    try:
        return [child for child in entries(folder) if is_folder(child)]
    except InputError:  # one that may not be read cannot be meant
        return []


def _step(path: Path) -> tuple[int, bool] | None:
    """The step that a name ends with, and whether it is of an average; of a file with or without its suffix."""
    stem = path.name.removesuffix(path.suffix) if path.suffix in SUFFIXES else path.name
    match = STEP.match(stem)
    return (int(match[1][:18]), bool(match[2])) if match else None


def _pointed(path: Path) -> Path:
    """`best` and `last` are folders or links; a small text file that names a folder beside it serves as well."""
    if is_file(path):
        return path.parent / read_text(path, most=POINTER).strip()
    return path


def _ours(folder: Path) -> Found:
    meta = read_json(folder / META)
    if not isinstance(meta, dict) or not isinstance(meta.get("config"), dict):
        raise InputError(f"{shown(folder / META)} is not the meta.json of a checkpoint", expected="a config in it")
    dataset: Any = meta.get("dataset")
    digest = None
    if isinstance(dataset, dict):
        dataset, digest = dataset.get("path"), dataset.get("digest")
    return Found(
        weights=folder / WEIGHTS, layout="rrdyn", config=meta["config"], meta=meta,
        dataset=dataset if isinstance(dataset, str) else None,
        dataset_digest=digest if isinstance(digest, str) else None,
    )  # fmt: skip


def _content(config: Path) -> Any:
    return read_json(config) if config.suffix == ".json" else read_yaml(config)


def _content_or_nothing(config: Path) -> Any:
    try:
        return _content(config)
    except InputError:  # a file that happens to lie here
        return None


def _with_config(weights: Path, config: Path, content: Any) -> Found:
    found: Configured | None = configured(content) if isinstance(content, dict) else None
    if found is None:
        text = (
            f"arch: {content['arch']!r}"[:80] if isinstance(content, dict) and "arch" in content else "something else"
        )
        raise InputError(f"{shown(config)} is not a model config", found=text, expected="arch fields")
    return Found(
        weights=regular(weights),
        layout="upstream" if _step(weights) else "hub" if config.name == UPSTREAM_CONFIG else "bare",
        config=found.arch,
        upstream=found.run,
        dataset=_hub_data(weights) or found.dataset,
    )


def _hub_data(weights: Path) -> str | None:
    """`root/data` of the Hub layout, where the arrays of the task lie beside the model folders; its TASK_meta.json
    where several tasks share the folder."""
    data = weights.absolute().parent.parent / "data"
    task = weights.absolute().parent.name.partition("_")[2]
    meta = data / f"{task}_meta.json"
    if not task or not is_file(meta):
        return None
    return str(data if sum(child.name.endswith("_meta.json") for child in entries(data)) == 1 else meta)
