"""What `import rrdyn` offers: the commands as functions. Loaded at first use, since `import rrdyn` stays light."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

from rrdyn.analysis.batch import analyze_files as analyze_2x2
from rrdyn.measurement.campaign import Measured, carry_out, in_memory
from rrdyn.measurement.measurement import measurement_named
from rrdyn.measurement.subject import Subject, open_subject
from rrdyn.models.checkpoints import load
from rrdyn.plotting.registry import plot
from rrdyn.runtime import devices

__all__ = ["Measured", "analyze_2x2", "diagnose", "fate", "load", "measure", "open_subject", "plot", "scale"]


def measure(
    measurement: str, checkpoint: Path | str | Subject, *, out: Path | str | None = None,
    data: Path | str | None = None, split: Literal["test", "val", "train"] = "test", device: str = "auto",
    **settings: Any,
) -> Measured:  # fmt: skip
    """One registered measurement of a checkpoint, or of an open subject; the same numbers as its command writes.

    out : the npz file to write, resumed and kept as the command does; without it nothing is written.
    settings : of the measurement's config, such as n, segments, seed, dtype.

    Raises UsageError for an unknown measurement or setting, InputError for a checkpoint or dataset that is not there.
    """
    kind = measurement_named(measurement)
    if isinstance(checkpoint, Subject):
        settings = {"dtype": str(checkpoint.model.dtype).removeprefix("torch."), **settings}
    config = kind.config(**settings)
    subject = checkpoint if isinstance(checkpoint, Subject) else open_subject(
        checkpoint, data=data, split=split, dtype=devices.resolve_dtype(config.dtype), device=devices.resolve(device)
    )  # fmt: skip
    made = kind(subject, config)
    if out is None:
        return in_memory(made)
    result = carry_out(made, Path(out))
    assert result is not None  # nobody shares the work
    return result


def diagnose(checkpoint: Path | str | Subject, **settings: Any) -> Measured:
    """Drift, Lyapunov exponents, halting and correctness of each puzzle: `rrdyn diagnose`; arguments of `measure`."""
    return measure("diag", checkpoint, **settings)


def fate(checkpoint: Path | str | Subject, **settings: Any) -> Measured:
    """What becomes of each puzzle, beside right and wrong: `rrdyn fate`; arguments of `measure`."""
    return measure("fate", checkpoint, **settings)


def scale(checkpoint: Path | str | Subject, **settings: Any) -> Measured:
    """What inference compute buys by each method, at the same evaluations: `rrdyn scale`; arguments of `measure`."""
    return measure("scale", checkpoint, **settings)
