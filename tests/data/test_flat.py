from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from rrdyn.artifacts.errors import InputError
from rrdyn.data.folder import open_split
from rrdyn.data.sudoku.kind import Sudoku

GOLDEN = Path(__file__).parents[1] / "golden" / "data" / "converted"


def study_layout(folder: Path, task: str = "sudoku") -> Path:
    """Four puzzles as the source study publishes them, ignored labels as -100."""
    split = open_split(GOLDEN / "sudoku_v0", "train")
    labels = np.asarray(split.labels[:4], dtype=np.int32)
    labels[0, :3] = -100
    for name, array in (("inputs", np.asarray(split.inputs[:4])), ("labels", labels), ("pid", np.zeros(4, np.int64))):
        np.save(folder / f"{task}_test_{name}.npy", array)
    sizes = {"seq_len": 81, "vocab_size": 11, "num_puzzle_identifiers": 1}
    (folder / f"{task}_meta.json").write_text(json.dumps(sizes))
    return folder


def test_the_source_studys_layout_is_read(tmp_path):
    data = open_split(study_layout(tmp_path))
    assert isinstance(data.puzzle, Sudoku)
    assert (len(data), data.groups, data.name) == (4, 4, "sudoku-study")
    assert data.labels[0, :3].tolist() == [0, 0, 0]
    assert data.example_identifiers.tolist() == [0] * 4
    assert open_split(tmp_path / "sudoku_meta.json").digest == data.digest
    with pytest.raises(InputError, match="describes no train split"):
        open_split(tmp_path, "train")


def test_of_several_tasks_one_is_to_be_named(tmp_path):
    study_layout(tmp_path)
    study_layout(tmp_path, "other")
    with pytest.raises(InputError, match="several tasks") as raised:
        open_split(tmp_path)
    assert "other_meta.json, sudoku_meta.json" in str(raised.value)
    assert len(open_split(tmp_path / "other_meta.json")) == 4


def test_labels_that_are_neither_tokens_nor_ignored_are_refused(tmp_path):
    path = study_layout(tmp_path) / "sudoku_test_labels.npy"
    labels = np.load(path)
    for token in (-3, 256 + 4):  # as bytes these would pass for tokens
        labels[2, 5] = token
        np.save(path, labels)
        with pytest.raises(InputError, match="token outside its vocabulary"):
            open_split(tmp_path)


@pytest.mark.parametrize("content", ["[]", '{"seq_len": 81}', '{"seq_len": [], "vocab_size": 11}', "{"])
def test_a_description_that_is_wrong_is_named(tmp_path, content):
    (study_layout(tmp_path) / "sudoku_meta.json").write_text(content)
    with pytest.raises(InputError, match=r"sudoku_meta\.json"):
        open_split(tmp_path)


@pytest.mark.parametrize("name", ["inputs", "labels", "pid"])
def test_arrays_of_another_type_are_refused(tmp_path, name):
    path = study_layout(tmp_path) / f"sudoku_test_{name}.npy"
    np.save(path, np.load(path).astype(np.float32))
    with pytest.raises(InputError, match="wrong type"):
        open_split(tmp_path)
