"""Compiling the nets that a segment applies over and over, where that is asked for or pays, and nothing prevents it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

import torch
from torch import Tensor

from rrdyn.artifacts.errors import RrdynError
from rrdyn.artifacts.places import said
from rrdyn.models import Model

NEEDED = "Triton, a C compiler and Python's headers (python3-dev)"


def compile_nets(
    model: Model, wanted: Literal["auto", "on", "off"], device: torch.device, tell: Callable[[str], None]
) -> bool:
    """Whether the nets are compiled from now on. `auto`: on CUDA, as long as nothing stands against it, else it tells.

    Raises RrdynError where `on` cannot be had.
    """
    if wanted == "off" or (wanted == "auto" and device.type != "cuda"):
        return False
    why = obstacle(device)
    if why is not None and wanted == "on":
        raise RrdynError("the nets cannot be compiled here", found=why, expected=NEEDED, run="--set compile=off")
    if why is not None:
        tell(f"not compiled, so that steps take longer: {why}; it takes {NEEDED}")
        return False
    for net in model.nets:
        net.compile()
    return True


def obstacle(device: torch.device) -> str | None:
    """Why no compiled function runs on a device, in a few words; None where one does. Takes some seconds."""
    try:
        torch.compile(_tried)(torch.ones(8, device=device))
    except Exception as error:  # whatever the compiler, Triton or the driver says
        return said(error)
    return None


def _tried(x: Tensor) -> Tensor:
    return torch.tanh(x) + 1
