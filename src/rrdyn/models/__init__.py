"""TRM and HRM as published, over one recurrence, and every public checkpoint of them."""

from __future__ import annotations

from rrdyn.models.building import build
from rrdyn.models.checkpoints import load, save
from rrdyn.models.config import ModelConfig, model_config
from rrdyn.models.model import Model, Readout, Source
from rrdyn.models.recurrence import Latent, Recurrence, SubUpdate

__all__ = [
    "Latent",
    "Model",
    "ModelConfig",
    "Readout",
    "Recurrence",
    "Source",
    "SubUpdate",
    "build",
    "load",
    "model_config",
    "save",
]
