"""Names on a command line that are checked before torch is loaded, which takes seconds.

What passes here is looked up again by whoever uses it; nothing is refused here that is not refused there.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from pathlib import Path

from rrdyn.artifacts.places import MAKES_CHECKPOINT, existing
from rrdyn.runtime.hub_address import is_address
from rrdyn.runtime.plugins import any_named, unknown

MEASUREMENTS = ("diag", "evaluation", "fate", "perturb", "rollout", "scale", "votes")
METHODS = (
    "annealed-noise", "damped", "ensemble", "equilibrium", "longer", "path-noise", "permute", "random-start",
    "restarts", "smc",
)  # fmt: skip
"""Those of ours; the registries are made of classes that need torch."""


def check_training(
    data: str,
    preset: str | None,
    aug: str,
    init: Path | None,
    resume: str | None = None,
    settings: tuple[str, ...] = (),
) -> None:
    """What `rrdyn train` is given by name; `settings` are KEY=VALUE. Raises InputError or UsageError."""
    from rrdyn.artifacts.config import ARMS, read_preset
    from rrdyn.data.registry import task_or_folder

    if resume is not None:
        from rrdyn.training.folder import find_run

        find_run(resume)
    if settings:
        from rrdyn.training.config import TrainConfig
        from rrdyn.training.recipes import settings_from

        for key in settings_from(settings):
            TrainConfig.require_key(key)

    if data:
        task_or_folder(data)
    if preset is not None:
        read_preset("train", preset, flag="--preset")
    read_preset(ARMS, aug, flag="--aug")
    check_checkpoints([] if init is None else [init])


def check_checkpoints(paths: Iterable[Path | str], data: Path | None = None) -> None:
    """Paths of checkpoints, and of a dataset beside them; those of the Hub are left for later. Raises InputError."""
    for path in paths:
        if not is_address(path):
            existing(path, run=MAKES_CHECKPOINT)
    if data is not None and not is_address(data):
        existing(data)


def check_measurement(name: str) -> None:
    """A measurement by its name. Raises UsageError."""
    _check("measurement", name, MEASUREMENTS)


def check_methods(methods: Iterable[str]) -> None:
    """Ways of spending compute, each NAME or NAME=VALUE. Raises UsageError."""
    for words in methods:
        _check("method", words.partition("=")[0], METHODS)


def _check(what: str, name: str, ours: Collection[str]) -> None:
    if name not in ours and not any_named():  # else its own registry knows, once the plug-ins are loaded
        raise unknown(what, name, ours)
