from __future__ import annotations

import json
import os
import shutil
from pathlib import Path

import numpy as np
import pytest
from tests.data.small_folder import small

from rrdyn.artifacts.errors import InputError
from rrdyn.data.folder import open_split, split_names, write_split
from rrdyn.data.maze.kind import Maze
from rrdyn.data.sudoku.kind import Sudoku

GOLDEN = Path(__file__).parents[1] / "golden" / "data" / "converted"
NAMES = ("inputs", "labels", "puzzle_identifiers", "puzzle_indices", "group_indices")


@pytest.fixture
def foreign(tmp_path):
    """A copy of a folder that the upstream builder wrote."""
    return Path(shutil.copytree(GOLDEN / "sudoku_v1", tmp_path / "foreign"))


@pytest.mark.parametrize("name", sorted(path.name for path in GOLDEN.iterdir()))
@pytest.mark.parametrize("split", ["train", "test"])
def test_upstreams_folders_are_read(name, split):
    data = open_split(GOLDEN / name, split)
    assert isinstance(data.puzzle, Sudoku if "sudoku" in name else Maze)
    for array in NAMES:
        np.testing.assert_array_equal(getattr(data, array), np.load(GOLDEN / name / split / f"all__{array}.npy"))
    assert isinstance(data.inputs, np.memmap)
    assert data.difficulty is None
    assert data.name == name
    assert data.groups == data.metadata.total_groups
    assert not data.puzzle.contradicts(np.asarray(data.inputs), np.asarray(data.labels)).any()


def test_groups_puzzles_and_examples(foreign):
    data = open_split(foreign, "train")
    assert data.originals.tolist() == [0, 4, 8, 12]
    assert data.puzzle_of.tolist() == list(range(16))
    assert data.example_identifiers.tolist() == [0] * 16


def test_a_folder_of_hrm_without_total_puzzles_is_read(foreign):
    path = foreign / "train" / "dataset.json"
    content = json.loads(path.read_text())
    del content["total_puzzles"]
    path.write_text(json.dumps({**content, "total_samples": 16}))
    assert open_split(foreign, "train").metadata.total_puzzles is None


def test_what_is_written_is_read_back(tmp_path):
    path = small(tmp_path / "new")
    assert split_names(path) == ["train", "test"]
    data = open_split(path)
    assert (data.name, data.split, len(data), data.inputs.dtype) == ("small", "test", 5, np.uint8)
    assert data.puzzle.describe() == {"kind": "sudoku", "side": 4}
    np.testing.assert_array_equal(data.difficulty, np.arange(5))
    assert json.loads((path / "identifiers.json").read_text()) == ["<blank>"]


def test_the_digest_tells_datasets_apart(tmp_path):
    first, second = open_split(small(tmp_path / "a")), open_split(small(tmp_path / "b"))
    assert first.digest == second.digest
    assert first.digest != open_split(small(tmp_path / "c", count=6)).digest
    array = np.load(tmp_path / "b" / "test" / "all__inputs.npy")
    array[0, 0] = 3
    np.save(tmp_path / "b" / "test" / "all__inputs.npy", array)
    assert open_split(tmp_path / "b").digest != first.digest


@pytest.mark.parametrize("name", NAMES)
def test_a_half_written_folder_is_named(foreign, name):
    (foreign / "train" / f"all__{name}.npy").unlink()
    with pytest.raises(InputError, match="half written") as raised:
        open_split(foreign, "train")
    assert f"no all__{name}.npy" in str(raised.value)
    assert raised.value.exit_code == 3


@pytest.mark.parametrize("name", NAMES)
def test_a_cut_array_is_named(foreign, name):
    path = foreign / "train" / f"all__{name}.npy"
    path.write_bytes(path.read_bytes()[:-5])
    with pytest.raises(InputError, match=f"all__{name}.npy is damaged"):
        open_split(foreign, "train")


@pytest.mark.parametrize(
    ("name", "array", "message"),
    [
        ("labels", np.ones((15, 81), np.uint8), "labels does not fit"),
        ("inputs", np.ones((16, 80), np.uint8), "inputs does not fit"),
        ("inputs", np.full((16, 81), 11, np.uint8), "token outside its vocabulary"),
        ("inputs", np.ones((16, 81), np.float32), "wrong type"),
        ("puzzle_indices", np.arange(16, dtype=np.int32), "puzzle_indices does not fit"),
        ("group_indices", np.array([0, 4, 8, 12, 15], np.int32), "end of group_indices"),
    ],
)
def test_arrays_that_disagree_are_named(foreign, name, array, message):
    np.save(foreign / "train" / f"all__{name}.npy", array)
    with pytest.raises(InputError, match=message):
        open_split(foreign, "train")


@pytest.mark.parametrize(
    ("content", "message"),
    [("{", "not readable JSON"), ("[]", "not as it should be"), ('{"pad_id": 0}', "ignore_label_id is missing")],
)
def test_broken_metadata_is_named(foreign, content, message):
    (foreign / "train" / "dataset.json").write_text(content)
    with pytest.raises(InputError, match=message):
        open_split(foreign, "train")


def test_what_is_no_dataset(tmp_path, foreign):
    with pytest.raises(InputError, match="does not exist"):
        open_split(tmp_path / "nowhere")
    with pytest.raises(InputError, match="is not a puzzle dataset"):
        open_split(tmp_path)
    with pytest.raises(InputError, match="is one split of a dataset"):
        open_split(foreign / "train")
    with pytest.raises(InputError, match="has no val split") as raised:
        open_split(foreign, "val")
    assert "train, test" in str(raised.value)


def test_a_model_of_another_vocabulary_is_refused(foreign):
    data = open_split(foreign)
    data.require_match(seq_len=81, vocab_size=11, of="x.pt")
    data.require_match(seq_len=None, vocab_size=11, of="x.pt")
    with pytest.raises(InputError, match="different vocabularies") as raised:
        data.require_match(seq_len=81, vocab_size=6, of="x.pt")
    assert "6 tokens in the model, 11 in" in str(raised.value)
    with pytest.raises(InputError, match="different lengths"):
        data.require_match(seq_len=36, vocab_size=11, of="x.pt")


@pytest.mark.parametrize("name", ["dataset.json", *(f"all__{name}.npy" for name in NAMES)])
@pytest.mark.parametrize("what", ["a pipe", "a folder", "a loop", "a device"])
def test_what_is_no_ordinary_file_is_refused_unread(foreign, name, what):
    path = foreign / "train" / name
    path.unlink()
    if what == "a pipe":
        os.mkfifo(path)
    elif what == "a folder":
        path.mkdir()
    else:
        path.symlink_to("/dev/zero" if what == "a device" else path.name)
    with pytest.raises(InputError):
        open_split(foreign, "train")


@pytest.mark.parametrize("path", ["x" * 5000, "a/" * 3000, "nul\0byte", "\udcff"])
def test_paths_that_no_system_has_are_one_message(path):
    with pytest.raises(InputError):
        open_split(path)
    assert split_names(path) == []


def test_a_pickle_is_never_opened(foreign):
    np.save(foreign / "train" / "all__inputs.npy", np.array([print], dtype=object), allow_pickle=True)
    with pytest.raises(InputError, match="pickled objects"):
        open_split(foreign, "train")


def test_puzzles_are_asked_in_as_many_cells_as_their_labels_have(tmp_path):
    labels = np.full((3, 16), 2, np.uint8)
    labels[1, :4], labels[2] = 0, 0
    write_split(tmp_path, "test", Sudoku(4), np.ones((3, 16), np.uint8), labels)
    assert open_split(tmp_path).asked.tolist() == [16, 12, 0]


@pytest.mark.parametrize("dtype", [np.uint8, np.uint64, np.int64])
def test_indices_of_any_width_mean_the_same(foreign, dtype):
    expected = open_split(foreign, "train")
    for name in ("puzzle_indices", "group_indices", "puzzle_identifiers"):
        path = foreign / "train" / f"all__{name}.npy"
        np.save(path, np.load(path).astype(dtype))
    data = open_split(foreign, "train")
    np.testing.assert_array_equal(data.originals, expected.originals)
    np.testing.assert_array_equal(data.puzzle_of, expected.puzzle_of)
    np.testing.assert_array_equal(data.example_identifiers, expected.example_identifiers)
