"""What is wrong with an ARC task is told in one message that names the place."""

from __future__ import annotations

import json

import pytest

from rrdyn.artifacts.errors import InputError
from rrdyn.data.arc.task import parse_task

GOOD = {"input": [[1, 2], [3, 4]], "output": [[0]]}


def task(**changes) -> str:
    return json.dumps({"train": [GOOD], "test": [GOOD], **changes})


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{", "is not readable JSON|is no JSON|JSON"),
        ("[]", "the task is no ARC task"),
        (task(train={}), "the task is no ARC task"),
        (task(train=[]), "has no train pair"),
        (task(test=[]), "has no test pair"),
        (task(train=[GOOD, {}]), "train pair 2 has no input"),
        (task(train=[{"input": [[1]]}]), "train pair 1 has no output"),
        (task(train=[{"input": [[1]], "output": []}]), "train pair 1, output is no grid"),
        (task(test=[{"input": [1, 2]}]), "test pair 1, input is no grid"),
        (task(test=[{"input": [[1], [1, 2]]}]), "test pair 1, input is ragged"),
        (task(test=[{"input": [[0] * 31]}]), "has a size that no grid has"),
        (task(test=[{"input": [[]]}]), "has a size that no grid has"),
        (task(test=[{"input": [[0], [10]]}]), "has a cell that is no colour"),
        (task(test=[{"input": [[True]]}]), "has a cell that is no colour"),
        (task(test=[{"input": [["1"]]}]), "has a cell that is no colour"),
    ],
)
def test_refusals(text, message):
    with pytest.raises(InputError, match=message):
        parse_task(text)


def test_a_task_is_read_in_the_order_of_its_file():
    first = parse_task(json.dumps({"test": [{"input": [[5]]}], "train": [GOOD]}))
    assert first.pairs[0].question.tolist() == [[5]]
    assert not first.test[0].answered
    assert list(first.record()) == ["test", "train"]
    assert parse_task(task()).record() == json.loads(task())
