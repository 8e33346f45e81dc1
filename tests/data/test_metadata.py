from __future__ import annotations

import json

import pytest
from tests.data.small_folder import small

from rrdyn.artifacts.errors import InputError, Notice
from rrdyn.data.folder import open_split


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("seq_len", 0),
        ("seq_len", 10**18),
        ("seq_len", "sixteen"),
        ("vocab_size", -6),
        ("vocab_size", 10**12),
        ("num_puzzle_identifiers", 0),
        ("total_groups", -1),
        ("mean_puzzle_examples", "NaN"),
        ("ignore_label_id", 10**15),
        ("sets", []),
        ("sets", "all"),
        ("sets", ["../../elsewhere/all"]),
        ("sets", ["a\u0000b"]),
        ("sets", ["a" * 1000]),
    ],
)
def test_numbers_that_no_dataset_has_are_named(tmp_path, key, value):
    path = small(tmp_path / "x") / "test" / "dataset.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), key: value}))
    with pytest.raises(InputError, match=key):
        open_split(tmp_path / "x")


def test_of_several_sets_the_first_is_read_and_the_rest_is_told(tmp_path):
    path = small(tmp_path / "x") / "test" / "dataset.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), "sets": ["all", "more"]}))
    with pytest.warns(Notice, match="only 'all' is read"):
        assert len(open_split(tmp_path / "x")) == 5
