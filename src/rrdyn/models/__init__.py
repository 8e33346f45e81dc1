"""TRM, HRM, SRM and the families of plug-ins over one recurrence, and every public checkpoint of the published two."""

from __future__ import annotations

from rrdyn.models.building import build, model_config
from rrdyn.models.checkpoints import load, save
from rrdyn.models.config import ModelConfig, ReasonerConfig
from rrdyn.models.family import ModelFamily, find_family, register
from rrdyn.models.latent import Latent
from rrdyn.models.model import Model, Readout, Source
from rrdyn.models.recurrence import Recurrence, SubUpdate

__all__ = [
    "Latent",
    "Model",
    "ModelConfig",
    "ModelFamily",
    "Readout",
    "ReasonerConfig",
    "Recurrence",
    "Source",
    "SubUpdate",
    "build",
    "find_family",
    "load",
    "model_config",
    "register",
    "save",
]
