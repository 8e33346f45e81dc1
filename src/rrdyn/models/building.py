"""From a config, of ours or of a stranger, to a new model."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch

from rrdyn.models import hrm, srm, trm  # noqa: F401  each registers its family
from rrdyn.models.config import ModelConfig
from rrdyn.models.family import find_family
from rrdyn.models.model import Model


def model_config(fields: Mapping[str, Any] | ModelConfig, **sizes: Any) -> ModelConfig:
    """A config from arch fields, ours or upstream's; `sizes` fill what the fields lack.

    `name` is a family's name or upstream's `path@Class`; the fields of a class path are first completed by the
    defaults of that class. Raises UsageError for an unknown name, an ablation variant, an unknown key or a value out
    of range.
    """
    if isinstance(fields, ModelConfig):
        return fields
    arch = dict(fields)
    named = arch.pop("name", None)
    family = find_family(named)
    own = family.from_upstream(arch, published="@" in str(named))
    given = {key: value for key, value in sizes.items() if value is not None}
    return family.config(**{**given, **own, "name": family.name})


def build(config: Mapping[str, Any] | ModelConfig, dtype: torch.dtype | None = None) -> Model:
    """A model with fresh weights, drawn from torch's generator.

    `config` is a family's config or a mapping in its field names, or in upstream's, whose `name` is a family's name
    or upstream's class path. `dtype` is what to compute in; default the config's `forward_dtype`.
    """
    config = model_config(config)
    return find_family(config.name).build(config, dtype)
