"""Families of models: how a config names one, what fields it has, how it is built. A new family is one class here or
in a plug-in; nothing else of the package needs to know it."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Any, ClassVar, Protocol, TypeVar, runtime_checkable

import torch

from rrdyn.artifacts.errors import UsageError
from rrdyn.artifacts.record import Meta
from rrdyn.models.config import ModelConfig
from rrdyn.models.model import Model
from rrdyn.runtime.plugins import HOW_TO_ADD, load_plugins


@runtime_checkable
class Shaped(Protocol):
    """A tensor, or what a file says of one before it is read."""

    @property
    def shape(self) -> tuple[int, ...]: ...


class ModelFamily(ABC):
    """One kind of model: a name, a config class with its defaults, and how a model is built from a config."""

    name: ClassVar[str]
    config: ClassVar[type[ModelConfig]]
    upstream: ClassVar[tuple[str, ...]] = ()
    """Class paths (`module@Class`) by which published configs call it; an export writes the first."""

    @abstractmethod
    def build(self, config: Any, dtype: torch.dtype | None) -> Model:
        """A model of that config with fresh weights, drawn from torch's generator."""

    def claims(self, named: str) -> bool:
        """Whether a config that names this model means this family."""
        return named in self.upstream

    def from_upstream(self, arch: Mapping[str, Any], *, published: bool) -> Meta:
        """Our fields from those of a config, which may be a stranger's.

        `published`: the config names the model by a class path, so that the defaults of that class hold.
        """
        return dict(arch)

    def to_upstream(self, config: Any) -> Meta:
        """The arch section of a published config, without sizes.

        Raises UsageError where no one else has code for such models.
        """
        raise UsageError(
            f"models of the family {self.name} have no published layout",
            expected="a family that others have code for",
            run="export to one .pt file or to rrdyn's own layout",
        )

    def upstream_run(self, dataset: str | None, *, ema: bool) -> Meta:
        """What a published config says beside `arch` of the data and the average, where that is the family's own."""
        return {}

    def sizes(self, tensors: Mapping[str, Shaped], arch: Mapping[str, Any]) -> dict[str, int]:
        """What the tensors of a checkpoint show of seq_len, vocab_size and num_puzzle_identifiers."""
        return {}


FAMILIES: dict[str, ModelFamily] = {}

F = TypeVar("F", bound=type[ModelFamily])


def register(family: F) -> F:
    """Make a family known by its name, so that its configs and checkpoints build, load, train and are measured."""
    FAMILIES[family.name] = family()
    return family


def find_family(named: object) -> ModelFamily:
    """The family that a config's `name` means: a family's own name, or a published class path.

    A name that is not known yet is looked for in plug-ins. Raises UsageError where none is meant.
    """
    found = _known(str(named))
    if found is None:
        load_plugins()
        found = _known(str(named))
    if found is None:
        raise UsageError(
            "the config names no known model",
            found=repr(named),
            expected=" or ".join(FAMILIES),
            run=HOW_TO_ADD,
        )
    return found


def _known(named: str) -> ModelFamily | None:
    if named in FAMILIES:
        return FAMILIES[named]
    return next((family for family in FAMILIES.values() if family.claims(named)), None)
