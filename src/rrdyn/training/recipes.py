"""From what the user typed to a config: a task or a dataset, a preset, an arm, and single settings on top."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

from pydantic import ConfigDict, JsonValue

from rrdyn.artifacts.config import Config, read_preset
from rrdyn.artifacts.errors import InputError, UsageError
from rrdyn.artifacts.reading import parse_yaml
from rrdyn.artifacts.record import Settings
from rrdyn.data.defaults import ensure
from rrdyn.data.folder import open_split
from rrdyn.data.registry import makeable, task_or_folder
from rrdyn.runtime.progress import say
from rrdyn.training.augmentation import read_aug
from rrdyn.training.config import TrainConfig

Changes = Mapping[str, JsonValue]
"""Settings of `TrainConfig` by dotted key, such as "optim.lr"."""


class Recipe(Config):
    """A preset of configs/train: settings of `TrainConfig`, and what goes with them."""

    model_config = ConfigDict(extra="allow")

    about: str = ""
    """One sentence."""
    dataset: str | None = None
    """The data preset that goes with it."""
    rollout: dict[str, JsonValue] | None = None
    """Changes for arms of whole rollouts, whose steps cost `halt_max_steps` times as much."""
    finetune: dict[str, JsonValue] | None = None
    """Changes where training starts from a checkpoint."""

    @property
    def settings(self) -> Settings:
        """The settings, in the sections they were written in."""
        return dict(self.model_extra or {})


def resolve(
    data: str, *, preset: str | None, aug: str, changes: Changes, accelerated: bool, root: Path = Path("data")
) -> TrainConfig:
    """The config for `rrdyn train DATA`, where DATA is a task or a dataset folder; a task's dataset is made if need be.

    `changes` are settings by dotted key ("optim.lr"), the strongest of all. A preset's `finetune` section counts where
    training starts from a checkpoint (`init`), its `rollout` section where whole rollouts start from scratch.
    """
    tasks = makeable()
    named, path = task_or_folder(data)
    if named is not None:
        task, kind = named, tasks[named]
    else:
        kind = type(open_split(path, "train").puzzle)
        task = kind.name if kind.name in tasks else path.resolve().name
    if preset is None:
        preset = kind.presets[accelerated]
        why = "" if accelerated else " (no CUDA device here: the small preset of the task)"
        say(f"preset: {preset}{why}")
    recipe = Recipe(**read_preset("train", preset, flag="--preset"))
    if named is not None:
        if recipe.dataset is None:
            raise UsageError(f"the preset {preset} names no dataset", expected="a dataset folder: rrdyn train PATH")
        path = root / Path(recipe.dataset).stem
    given = {"task": task, "preset": Path(preset).stem, "data": path, "aug": read_aug(aug).model_dump()}
    content: Settings = {**recipe.settings, **given}
    if content["aug"]["rollout"] != "act" and "init" not in changes:
        content = merged(content, recipe.rollout or {}, over_arm=True)
    if "init" in changes:
        from rrdyn.models import load

        content = merged(content, recipe.finetune or {}, over_arm=True)
        content = {**content, "model": load(str(changes["init"])).config.model_dump()}
    for key, value in changes.items():
        content = put(content, key, value)
    config = TrainConfig(**content)
    if named is not None:  # only now: a mistyped setting is refused before minutes go into a dataset
        ensure(task, str(recipe.dataset), root=root)
    return config


def merged(base: Settings, over: Settings, *, over_arm: bool = False) -> Settings:
    """`base` with the values of `over`, section by section.

    With `over_arm` noise settings are taken only by arms that have noise, so that a preset can shorten their ramp.
    """
    result = dict(base)
    for key, value in over.items():
        if over_arm and key == "aug" and base["aug"]["noise"]["sampling"] == "none":
            continue
        both = isinstance(value, dict) and isinstance(result.get(key), dict)
        result[key] = merged(result[key], value) if both else value
    return result


def put(content: Settings, key: str, value: JsonValue, *, whole: str = "") -> Settings:
    """`content` with a dotted key set, sections made on the way. Raises UsageError where one of these is a value."""
    section, _, rest = key.partition(".")
    if not rest:
        return {**content, section: value}
    inner = content.get(section, {})
    if not isinstance(inner, dict):
        raise UsageError(f"--set {whole or key}: {section} is a value, not a section")
    return {**content, section: put(inner, rest, value, whole=whole or key)}


def settings_from(pairs: tuple[str, ...], *, option: str = "--set") -> dict[str, JsonValue]:
    """`KEY=VALUE` pairs as settings; values are read as YAML, so 3, 1e-3, true, null and [a, b] mean what they say."""
    found: dict[str, JsonValue] = {}
    for pair in pairs:
        key, equals, text = pair.partition("=")
        if not equals or not key:
            raise UsageError(f"{option} cannot be read", found=pair, expected="KEY=VALUE, such as optim.lr=3e-4")
        try:
            value = parse_yaml(text, f"{option} {key}")
        except InputError as error:
            raise UsageError(f"{option} {key}: the value cannot be read", found=error.found or error.problem) from None
        if isinstance(value, str):  # YAML 1.1 reads 1e-3 as text
            with suppress(ValueError):
                value = float(value)
        found[key] = value
    return found
