"""The config of a model in what strangers write: upstream's files, those of W&B, arch files, objects in checkpoints."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from rrdyn.artifacts.errors import UsageError, notice
from rrdyn.artifacts.record import Meta
from rrdyn.models.family import find_family
from rrdyn.models.nano import is_nano, nano_arch

SECTIONS = ("config", "arch", "hyper_parameters", "hparams", "model_config", "cfg", "args", "model_args")
"""Where a checkpoint may hold the config of its model."""
TELLING = ("hidden_size", "H_cycles", "L_cycles", "num_heads", "L_layers", "expansion", "halt_max_steps")
ENOUGH = 3
"""So many of the telling fields make a config one of a model."""
OF_TRAINING = ("lr", "learning_rate", "weight_decay", "seed", "epochs", "max_steps", "global_batch_size", "beta1")
"""Fields of a config in which model and training stand side by side."""
REFERENCE = re.compile(r"\$\{\.{0,2}(?:arch\.|model\.)?([A-Za-z_]\w*)\}")
"""What points at another field: `${.hidden_size}`."""


@dataclass(frozen=True, kw_only=True)
class Configured:
    """What a config says."""

    arch: Meta
    """Fields of the model, with `name` where it says one."""
    run: Meta | None = None
    """The whole of it, where it is one of upstream's training."""
    dataset: str | None = None
    nano: bool = False
    """Whether the tensors have the names of a nano-trm."""
    training: Meta = field(default_factory=dict)
    """Fields that are not the model's: those of its training, where they stand beside one another."""


def configured(content: Mapping[str, Any]) -> Configured | None:
    """The config in a file that is meant to be one; None where its `arch` is no set of fields."""
    content = _unwrapped(content)
    arch = content.get("arch", content)
    if not isinstance(arch, Mapping):
        return None
    arch = _resolved(arch)
    if "name" not in arch and isinstance(content.get("cls"), str):
        arch = {**arch, "name": content["cls"].lower()}
    if isinstance(sizes := content.get("sizes"), dict):  # ours, in an export to upstream's layout
        arch = {**sizes, **arch}
    run = dict(content) if "arch" in content and "cls" not in content else None
    return Configured(arch=arch, run=run, dataset=_named_dataset(content))


def is_arch(content: object) -> bool:
    """Whether the content of a file of any name is the config of a model."""
    if not isinstance(content, Mapping):
        return False
    content = _unwrapped(content)
    arch = content.get("arch", content)
    if not isinstance(arch, Mapping):
        return False
    return "@" in str(arch.get("name")) or sum(key in arch for key in TELLING) >= ENOUGH


def inside(about: Mapping[str, Any], tensors: Mapping[str, Any]) -> Configured | None:
    """The config in what a weights file says beside its tensors; None where there is none.

    Of an object in which model and training stand side by side the fields of the model are taken; a notice names the
    others. Without a `name` the names of the tensors tell the family.
    """
    for section in SECTIONS:
        if (fields := _fields(about.get(section))) and (found := _of_section(fields, tensors)):
            return found
    return _of_section(dict(about), tensors)


def _of_section(fields: Meta, tensors: Mapping[str, Any]) -> Configured | None:
    if is_nano(fields, tensors):
        return Configured(arch=nano_arch(fields, tensors), nano=True)
    found = configured(fields) if is_arch(fields) or "name" in fields else None
    if found is None:
        return None
    arch = {"name": _family_by_names(tensors), **found.arch}
    ours = _without_training(arch)
    training = {key: value for key, value in arch.items() if key not in ours}
    return Configured(arch=ours, run=found.run, dataset=found.dataset, training=training)


def _without_training(arch: Meta) -> Meta:
    """The fields of the model, where those of its training stand among them."""
    if not any(key in arch for key in OF_TRAINING):
        return arch
    try:
        known = find_family(arch["name"]).config.model_fields
    except UsageError:  # told where the config is read
        return arch
    loss = str(arch.get("loss_type")).removesuffix("_cross_entropy")
    fields = {key: value for key, value in arch.items() if key in known}
    if "loss" not in fields and "loss" in known:
        fields["loss"] = loss if loss in ("stablemax", "softmax") else "softmax"
    others = sorted(key for key in arch if key not in known and key != "loss_type")
    if others:
        notice(f"fields of the config in the file that are not a model's, or not known: {', '.join(others)}")
    return fields


def _family_by_names(tensors: Mapping[str, Any]) -> str | None:
    if any(".H_level." in f".{name}" for name in tensors):
        return "hrm"
    return "trm" if any(".L_level." in f".{name}" for name in tensors) else None


def _fields(value: Any) -> Meta | None:
    """The fields of a section; of omegaconf's mappings, which keep nodes of values, the values."""
    if not isinstance(value, dict):
        return None
    nodes = value.get("_content")
    if not isinstance(nodes, dict):
        return value
    return {
        key: node["_val"] if isinstance(node, dict) and "_val" in node else _fields(node) for key, node in nodes.items()
    }


def _unwrapped(content: Mapping[str, Any]) -> Meta:
    """A config of W&B holds each field as {desc, value}."""
    held = {key: item for key, item in content.items() if isinstance(item, Mapping) and "value" in item}
    if not any(set(item) <= {"desc", "value"} for item in held.values()):
        return dict(content)
    return {key: item["value"] for key, item in held.items() if not key.startswith("_")}


def _resolved(arch: Mapping[str, Any]) -> Meta:
    def value(item: Any) -> Any:
        match = REFERENCE.fullmatch(item) if isinstance(item, str) else None
        return arch.get(match[1], item) if match else item

    return {key: value(item) for key, item in arch.items()}


def _named_dataset(content: Mapping[str, Any]) -> str | None:
    named = content.get("data_paths") or content.get("data_path")
    if isinstance(named, list):
        named = named[0] if named else None
    return named if isinstance(named, str) else None
