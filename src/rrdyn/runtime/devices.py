"""Which device a computation runs on, in which dtype, and how much memory is left there."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from rrdyn.artifacts.errors import UsageError

if TYPE_CHECKING:
    import torch
    from torch import Tensor

FAST_FLOAT64 = ((6, 0), (7, 0), (8, 0), (9, 0), (10, 0))
"""Compute capabilities of cards that do float64 at half the rate of float32; others at a 32nd or less."""
DTYPES = ("float32", "bfloat16", "float64")
TAKEN = "auto, cpu, cuda or cuda:N"


def require_taken(name: str) -> None:
    """Raise UsageError for a device of a kind that is not taken; asks no device, and so needs no torch.

    MPS is not: answers are judged, distances summed and stablemax computed in float64, which it has not.
    """
    kind = name.partition(":")[0]
    if kind == "mps":
        raise UsageError("--device mps is not offered: sums and losses are in float64, which MPS has not", found=name,
                         expected=TAKEN, run="the same with --device cpu")  # fmt: skip
    if kind not in ("auto", "cpu", "cuda"):
        raise UsageError("--device is not a device that is supported", found=repr(name)[:60], expected=TAKEN)


def resolve(name: str = "auto") -> torch.device:
    """`auto` is the first CUDA device where there is one, else the CPU."""
    import torch

    require_taken(name)
    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        device = torch.device(name)
    except (RuntimeError, ValueError, TypeError):
        raise UsageError("--device is not a device", found=repr(name)[:60], expected=TAKEN) from None
    if device.type == "cuda" and (device.index or 0) >= visible_gpus():
        raise UsageError("--device is not there", found=name, expected=f"one of {visible_gpus()} visible CUDA devices")
    return device


def resolve_dtype(name: str) -> torch.dtype:
    """float32, bfloat16 or float64 by name. Raises UsageError for another."""
    import torch

    if name not in DTYPES:
        raise UsageError("--dtype is not one of its choices", found=name, expected=", ".join(DTYPES))
    dtype: torch.dtype = getattr(torch, name)
    return dtype


def visible_gpus() -> int:
    """How many CUDA devices this process sees; 0 without CUDA."""
    import torch

    return torch.cuda.device_count() if torch.cuda.is_available() else 0


def gpu_names() -> list[str]:
    """The CUDA devices this process sees, by the names that CUDA_VISIBLE_DEVICES has for them."""
    count, given = visible_gpus(), os.environ.get("CUDA_VISIBLE_DEVICES")
    names = [name.strip() for name in given.split(",")] if given else [str(index) for index in range(count)]
    return names[:count]


def free_memory(device: torch.device) -> int:
    """Bytes that can still be taken on a device: free CUDA memory, or the available memory of the machine.

    Where the system does not tell (any but Linux), 4 GiB.
    """
    import torch

    if device.type == "cuda":
        return torch.cuda.mem_get_info(device)[0]
    try:
        return os.sysconf("SC_AVPHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except (AttributeError, ValueError, OSError):  # only Linux tells
        return 4 << 30


def slow_in_float64(device: torch.device) -> bool:
    """Whether a CUDA device does float64 at a small part of its rate in float32."""
    import torch

    return device.type == "cuda" and tuple(torch.cuda.get_device_capability(device)) not in FAST_FLOAT64


@contextmanager
def products_in_tf32(wanted: bool) -> Iterator[None]:
    """Products of float32 matrices on a CUDA device in TF32 inside, if wanted: ten bits of each number are used."""
    import torch

    before = torch.get_float32_matmul_precision()
    if wanted:
        torch.set_float32_matmul_precision("high")
    try:
        yield
    finally:
        if wanted:
            torch.set_float32_matmul_precision(before)


def describe(device: torch.device) -> str:
    """A device in words: the card's name, or the CPU with its thread count."""
    import torch

    if device.type == "cuda":
        return torch.cuda.get_device_name(device)
    return f"cpu, {torch.get_num_threads()} threads"


def moved(tensor: Tensor, device: torch.device) -> Tensor:
    """A tensor of the host on a device, the host not waiting for it: CUDA copies it from pinned memory in its turn."""
    return pinned(tensor, device).to(device, non_blocking=True) if device.type == "cuda" else tensor.to(device)


def pinned(tensor: Tensor, device: torch.device) -> Tensor:
    """A tensor of the host where a CUDA device can fetch it from without the host; for a CPU as it is."""
    return tensor if device.type != "cuda" or tensor.is_pinned() else tensor.pin_memory()


def release_memory(device: torch.device) -> None:
    """Give cached memory of a CUDA device back, so that a smaller attempt finds it in one piece."""
    import torch

    if device.type == "cuda":
        torch.cuda.empty_cache()


def finish(device: torch.device) -> None:
    """Wait until a CUDA device has done what it was given: before that, a clock measures the giving."""
    import torch

    if device.type == "cuda":
        torch.cuda.synchronize(device)
