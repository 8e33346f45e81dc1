from __future__ import annotations

import json

import pytest
from tests.data.small_folder import small

from rrdyn.artifacts.errors import InputError
from rrdyn.data.folder import open_split
from rrdyn.data.record import DatasetRecord, identifier_difference, read_record


def test_a_folder_of_others_has_a_record_of_defaults(tmp_path):
    assert read_record(tmp_path) == DatasetRecord()
    assert open_split(small(tmp_path / "x")).record.source == "test"


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"name": 3}, "name is not as it should be"),
        ({"puzzle": "sudoku"}, "puzzle is not as it should be"),
        ({"puzzle": {"kind": "sudoku", "side": 9}}, "does not fit the splits"),
        ({"puzzle": {"kind": "sudoku", "side": [4]}}, "there is no sudoku puzzle like this"),
        ({"puzzle": {"kind": "sudoku", "side": 5}}, "there is no Sudoku of this size"),
        ({"puzzle": {"kind": "maze", "height": -4, "width": -4}}, "a puzzle has cells"),
        ({"puzzle": {"kind": "maze", "height": 4.0, "width": 4}}, "there is no maze puzzle like this"),
        ({"puzzle": {"kind": ["sudoku"]}}, "no kind of puzzle called"),
        ({"puzzle": {"kind": "tokens", "height": 4, "width": 4, "vocab_size": 10**15}}, "vocabulary is too large"),
        ({"puzzle": {}}, "no kind of puzzle called 'None'"),
        ({"recipe": [1]}, "recipe is not as it should be"),
        ({"meta": {"inputs": {"a.csv": 3}}}, "meta.inputs.a.csv is not as it should be"),
        ({"version": 2}, "was written by a newer rrdyn"),
    ],
)
def test_a_record_that_is_wrong_is_named(tmp_path, change, message):
    path = small(tmp_path / "x") / "rrdyn.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), **change}))
    with pytest.raises(InputError, match=message) as raised:
        open_split(tmp_path / "x")
    assert "rrdyn.json" in str(raised.value)


def test_a_byte_order_mark_is_no_part_of_a_record(tmp_path):
    for name in ("rrdyn.json", "identifiers.json", "test/dataset.json"):
        path = small(tmp_path / name.replace("/", "-")) / name
        path.write_bytes(b"\xef\xbb\xbf" + path.read_bytes())
        split = open_split(tmp_path / name.replace("/", "-"))
        assert (split.name, split.identifiers) == ("small", ("<blank>",))


@pytest.mark.parametrize("content", ["{", '{"a": 1}', "[1, 2]", "3"])
def test_a_table_of_identifiers_that_is_wrong_is_named(tmp_path, content):
    (small(tmp_path / "x") / "identifiers.json").write_text(content)
    with pytest.raises(InputError, match=r"identifiers\.json"):
        _ = open_split(tmp_path / "x").identifiers
    (tmp_path / "x" / "identifiers.json").unlink()
    assert open_split(tmp_path / "x").identifiers is None


def test_tables_of_identifiers_that_differ_are_told():
    table = ("<blank>", "a", "b")
    assert identifier_difference(table, table) is None
    assert identifier_difference(None, table) is None
    assert identifier_difference(table, None) is None
    assert identifier_difference(("<blank>", "b", "a"), table) == (
        "identifier 1 is 'b', where the model was trained with 'a' (2 differ)"
    )
    assert identifier_difference(table[:2], table) == "2 puzzle identifiers, where the model was trained with 3"
