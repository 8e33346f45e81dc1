"""Records that are written as they were made, and read back."""

from __future__ import annotations

import json
import math

import pytest
from pydantic import Field, ValidationError

from rrdyn.artifacts.files import dump_json, write_json
from rrdyn.artifacts.interval import Interval
from rrdyn.artifacts.reading import read_json
from rrdyn.artifacts.record import Known, Written


class Inner(Written):
    start: float = Field(alias="from")
    more: int = 3


class Outer(Written):
    gap: Known
    inner: list[Inner] = []
    of: Interval | None = None


def test_only_what_was_given_is_written_in_order_and_by_its_name_in_the_file():
    made = Outer(inner=[Inner(start=1.0)], gap=math.nan)
    assert dump_json(made, indent=None) == '{"gap": null, "inner": [{"from": 1.0}]}'


def test_what_was_written_is_read_back(tmp_path):
    interval = Interval(value=0.5, low=0.25, high=0.75, n=4, method="wilson", level=0.95)
    made = Outer(gap=1.5, inner=[Inner(start=1.0, more=2)], of=interval)
    assert read_json(write_json(tmp_path / "r.json", made), Outer) == made


def test_null_is_not_a_number_and_unknown_keys_are_passed_over(tmp_path):
    (tmp_path / "r.json").write_text(json.dumps({"gap": None, "later": 1}))
    assert math.isnan(read_json(tmp_path / "r.json", Outer).gap)


def test_a_record_is_not_written_into():
    with pytest.raises(ValidationError, match="frozen"):
        Inner(start=1.0).start = 2.0
