"""Frozen configs that refuse unknown keys, and the YAML presets that fill them."""

from __future__ import annotations

import difflib
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, ValidationError

from rrdyn.artifacts.errors import UsageError
from rrdyn.artifacts.reading import read_yaml
from rrdyn.artifacts.record import Settings

__all__ = ["ARMS", "Config", "presets", "presets_folder", "read_preset", "read_yaml", "refuse"]


class Config(BaseModel):
    """Base of every config: frozen, keyword-only, unknown keys refused, bounds that name the value got."""

    model_config = ConfigDict(frozen=True, extra="forbid", protected_namespaces=(), use_attribute_docstrings=True)

    def __init__(self, /, **data: Any) -> None:
        try:
            super().__init__(**data)
        except ValidationError as error:
            raise self.refusal(error) from None

    @classmethod
    def refusal(cls, error: ValidationError) -> UsageError:
        first = error.errors()[0]
        key = ".".join(str(part) for part in first["loc"])
        return refuse(cls.spelled(key), first, known=[cls.spelled(name) for name in cls.model_fields])

    @classmethod
    def spelled(cls, key: str) -> str:
        """How the user writes this key."""
        return key

    @classmethod
    def require_key(cls, key: str) -> None:
        """Raise UsageError where a dotted key leads to no setting, as far as the sections are configs."""
        *sections, last = key.split(".")
        kind: Any = cls
        for depth, part in enumerate([*sections, last]):
            if part not in kind.model_fields:
                before = "".join(f"{name}." for name in sections[:depth])
                raise unknown_key(before + part, [before + name for name in kind.model_fields])
            kind = kind.model_fields[part].annotation
            if not (isinstance(kind, type) and issubclass(kind, Config)):
                return


def refuse(key: str, error: Any, known: list[str]) -> UsageError:
    """The message for one pydantic error: the key, the value got, the bound."""
    kind, got, context = error["type"], error["input"], error.get("ctx", {})
    if kind == "extra_forbidden":
        return unknown_key(key, known)
    if kind == "missing":
        return UsageError(f"{key} is missing", expected=f"a value for {key}")
    bounds = {"greater_than_equal": ("ge", "at least"), "greater_than": ("gt", "more than"),
              "less_than_equal": ("le", "at most"), "less_than": ("lt", "less than")}  # fmt: skip
    if kind in bounds:
        name, words = bounds[kind]
        return UsageError(f"{key} is out of range", found=got, expected=f"{words} {context[name]}")
    if kind == "literal_error":
        return UsageError(f"{key} is not one of its choices", found=got, expected=context["expected"])
    if kind == "value_error":
        return UsageError(f"{key}: {context['error']}" if key else str(context["error"]), found=got if key else None)
    return UsageError(f"{key} cannot be read", found=repr(got), expected=error["msg"].removeprefix("Input should be "))


def unknown_key(key: str, known: list[str]) -> UsageError:
    """The message for a key that is none of the known."""
    near = difflib.get_close_matches(key, known, n=1)
    return UsageError(
        f"unknown key {key}", expected=f"did you mean {near[0]}?" if near else "one of " + ", ".join(sorted(known))
    )


def presets_folder() -> Path:
    """`configs/` beside the package when installed, at the top of the repository when run from source."""
    inside = Path(__file__).resolve().parents[1] / "configs"
    return inside if inside.is_dir() else Path(__file__).resolve().parents[3] / "configs"


def presets(kind: str) -> list[str]:
    """Names of the presets of one kind: model, data, aug, train, plot."""
    return sorted(path.stem for path in (presets_folder() / kind).glob("*.yaml"))


ARMS = ("aug", "stability")
"""The kinds of presets that are arms of training."""


def read_preset(kind: str | tuple[str, ...], name: str, *, flag: str | None = None) -> Settings:
    """A preset by name, of the first of several kinds that has it, or any YAML file by path; `flag` is how the user
    gives one, where it is not --KIND."""
    if name.endswith((".yaml", ".yml")):
        return read_yaml(Path(name))
    kinds = (kind,) if isinstance(kind, str) else kind
    for folder in kinds:
        if name in presets(folder):
            return read_yaml(presets_folder() / folder / f"{name}.yaml")
    known = [one for folder in kinds for one in presets(folder)]
    near = difflib.get_close_matches(name, known, n=1)
    raise UsageError(
        f"there is no {kinds[0]} preset {name!r}",
        expected="one of " + ", ".join(known) + ", or a .yaml file",
        run=f"{flag or f'--{kinds[0]}'} {near[0]}" if near else None,
    )
