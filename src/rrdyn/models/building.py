"""A new model from its config."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch

from rrdyn.models.config import ModelConfig, model_config
from rrdyn.models.hrm import HRM
from rrdyn.models.model import Model
from rrdyn.models.trm import TRM

FAMILIES: dict[str, type[Model]] = {"trm": TRM, "hrm": HRM}


def build(config: Mapping[str, Any] | ModelConfig, dtype: torch.dtype | None = None) -> Model:
    """A model with fresh weights, drawn from torch's generator.

    `config` is our ModelConfig or a mapping in upstream's field names whose `name` is "trm", "hrm" or upstream's
    class path. `dtype` is what to compute in; default the config's `forward_dtype`.
    """
    config = model_config(config)
    return FAMILIES[config.name](config, dtype)
