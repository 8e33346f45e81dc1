"""Configs refuse what they do not know and name the value they got."""

from __future__ import annotations

from typing import Annotated, Literal

import pytest
from pydantic import Field, model_validator

from rrdyn.artifacts.config import Config, presets, presets_folder, read_preset, read_yaml
from rrdyn.artifacts.errors import InputError, UsageError


class Example(Config):
    hidden_size: Annotated[int, Field(ge=1, lt=100)] = 8
    rate: Annotated[float, Field(gt=0)] = 0.1
    kind: Literal["a", "b"] = "a"


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"hiden_size": 3}, "unknown key hiden_size\n  expected: did you mean hidden_size?"),
        ({"zzz": 3}, "unknown key zzz\n  expected: one of hidden_size, kind, rate"),
        ({"hidden_size": 0}, "hidden_size is out of range\n  found:    0\n  expected: at least 1"),
        ({"hidden_size": 100}, "hidden_size is out of range\n  found:    100\n  expected: less than 100"),
        ({"rate": 0}, "rate is out of range\n  found:    0\n  expected: more than 0.0"),
        ({"kind": "c"}, "kind is not one of its choices\n  found:    c\n  expected: 'a' or 'b'"),
        (
            {"rate": "x"},
            "rate cannot be read\n  found:    'x'\n  expected: a valid number, unable to parse string as a number",
        ),
    ],
)  # fmt: skip
def test_refusals_read_plainly(given, message):
    with pytest.raises(UsageError) as caught:
        Example(**given)
    assert str(caught.value) == message


class Pair(Config):
    low: int = 0
    high: int = 1

    @model_validator(mode="after")
    def _ordered(self) -> Pair:
        if self.low > self.high:
            raise ValueError(f"low {self.low} is larger than high {self.high}")
        return self


@pytest.mark.parametrize("make", [Pair, lambda **given: Pair.model_validate(given)], ids=["call", "validate"])
def test_a_config_that_contradicts_itself_is_refused_in_the_same_words(make):
    with pytest.raises(UsageError, match=r"^low 3 is larger than high 1$"):
        make(low=3)


def test_frozen():
    with pytest.raises(ValueError, match="frozen"):
        Example().hidden_size = 3


def test_every_preset_is_readable_yaml():
    for folder in presets_folder().iterdir():
        for name in presets(folder.name):
            assert isinstance(read_preset(folder.name, name), dict)


def test_an_unknown_preset_suggests(tmp_path):
    with pytest.raises(UsageError, match="no aug preset 'mlti4'"):
        read_preset("aug", "mlti4")


def test_broken_yaml_is_an_input_error(tmp_path):
    (tmp_path / "a.yaml").write_text("a: [1,")
    with pytest.raises(InputError, match="not readable YAML"):
        read_yaml(tmp_path / "a.yaml")


def test_only_true_and_false_are_truth_values(tmp_path):
    (tmp_path / "a.yaml").write_text("compile: off\nlabels: [on, yes, No, y]\nema: true\nraw: False\n")
    assert read_yaml(tmp_path / "a.yaml") == {
        "compile": "off",
        "labels": ["on", "yes", "No", "y"],
        "ema": True,
        "raw": False,
    }
