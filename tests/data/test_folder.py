from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from tests.data.puzzle_folders import arc_folder

from rrdyn.artifacts.errors import InputError, UsageError
from rrdyn.data.arc import Arc
from rrdyn.data.folder import new_dataset, open_split, split_names, write_split
from rrdyn.data.maze import Maze
from rrdyn.data.puzzle import KINDS, Puzzle, Tokens, from_description, register
from rrdyn.data.sudoku import Sudoku
from rrdyn.data.writer import write_record

GOLDEN = Path(__file__).parents[1] / "golden" / "data" / "converted"
NAMES = ("inputs", "labels", "puzzle_identifiers", "puzzle_indices", "group_indices")


@pytest.fixture
def foreign(tmp_path):
    """A copy of a folder that the upstream builder wrote."""
    return Path(shutil.copytree(GOLDEN / "sudoku_v1", tmp_path / "foreign"))


def small(folder: Path, side: int = 4, count: int = 5) -> Path:
    puzzle = Sudoku(side)
    inputs = np.ones((count, side * side), dtype=np.uint8)
    labels = np.full_like(inputs, 2)
    with new_dataset(folder) as staging:
        for split in ("train", "test"):
            write_split(staging, split, puzzle, inputs, labels, difficulty=np.arange(count))
        write_record(staging, name="small", puzzle=puzzle, source="test")
    return folder


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


def test_pieces_are_written_as_they_come(tmp_path):
    rows = np.arange(6 * 16, dtype=np.uint8).reshape(6, 16) % 6
    pieces = ((rows[at : at + 2], rows[at : at + 2]) for at in range(0, 6, 2))
    write_split(tmp_path, "train", Sudoku(4), pieces, examples=6, group_size=3)
    data = open_split(tmp_path, "train")
    np.testing.assert_array_equal(data.inputs, rows)
    assert data.group_indices.tolist() == [0, 3, 6]


def test_the_digest_tells_datasets_apart(tmp_path):
    first, second = open_split(small(tmp_path / "a")), open_split(small(tmp_path / "b"))
    assert first.digest == second.digest
    assert first.digest != open_split(small(tmp_path / "c", count=6)).digest
    array = np.load(tmp_path / "b" / "test" / "all__inputs.npy")
    array[0, 0] = 3
    np.save(tmp_path / "b" / "test" / "all__inputs.npy", array)
    assert open_split(tmp_path / "b").digest != first.digest


def test_a_failure_leaves_nothing_behind(tmp_path):
    def stop(folder: Path) -> None:
        with new_dataset(folder) as staging:
            write_split(staging, "train", Sudoku(4), np.ones((2, 16)), np.ones((2, 16)))
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        stop(tmp_path / "new")
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_is_there_is_replaced_only_by_force(tmp_path):
    path = small(tmp_path / "taken")
    with pytest.raises(UsageError, match="exists already"), new_dataset(path):
        pass
    with new_dataset(path, force=True) as staging:
        (staging / "new").write_text("")
    assert [member.name for member in path.iterdir()] == ["new"]
    assert [member.name for member in tmp_path.iterdir()] == ["taken"]


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
    [("{", "not readable JSON"), ("[]", "missing or wrong"), ('{"pad_id": 0}', "ignore_label_id is missing or wrong")],
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


def test_arc_folders_are_read(tmp_path):
    data = open_split(arc_folder(tmp_path), "train")
    assert isinstance(data.puzzle, Arc)
    assert data.example_identifiers.tolist() == [1, 1, 2, 2, 2, 3]
    assert data.originals.tolist() == [0, 5]
    assert data.puzzle.draw(data.inputs[1]) == "1111\n1111\n1111"
    framed = data.puzzle.check(data.inputs, np.asarray(data.inputs))["framed"]
    assert framed.all()


def test_a_four_by_four_maze_is_not_taken_for_a_sudoku(tmp_path):
    maze = Maze(4)
    question = maze.encode("S  G    ####    ")[None]
    write_split(tmp_path, "test", maze, question, question)
    assert isinstance(open_split(tmp_path).puzzle, Maze)


def test_an_unknown_grid_is_read_as_tokens(tmp_path):
    tokens = Tokens(1, 10, 7)
    write_split(tmp_path, "test", tokens, np.ones((2, 10)), np.ones((2, 10)))
    data = open_split(tmp_path)
    assert isinstance(data.puzzle, Tokens)
    assert data.puzzle.check(data.inputs, data.inputs) == {}
    assert from_description(data.puzzle.describe()).vocab_size == 7


def test_a_kind_of_ones_own(tmp_path):
    @register
    class Parity(Puzzle):
        name = "parity"
        validity = "even"

        def __init__(self, width: int = 4, height: int = 1) -> None:
            super().__init__(height, width, "?01")

        def check(self, inputs: np.ndarray, preds: np.ndarray) -> dict[str, np.ndarray]:
            return {"even": (preds == 2).sum(axis=1) % 2 == 0}

    try:
        puzzle = Parity()
        rows = np.stack([puzzle.encode(text) for text in ("0110", "0100")])
        write_split(tmp_path, "test", puzzle, rows, rows)
        write_record(tmp_path, name="mine", puzzle=puzzle, source="me")
        data = open_split(tmp_path)
        assert type(data.puzzle) is Parity
        assert data.puzzle.check(data.inputs, data.inputs)["even"].tolist() == [True, False]
    finally:
        del KINDS["parity"]
    with pytest.raises(InputError, match="no kind of puzzle called 'parity'"):
        open_split(tmp_path)


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


def test_kinds_of_ones_own_are_imported_by_name(tmp_path, monkeypatch):
    (tmp_path / "own_puzzles.py").write_text(
        "from rrdyn.data import register\n"
        "from rrdyn.data.puzzle import Tokens\n\n\n"
        "@register\nclass Own(Tokens):\n    name = 'own'\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setenv("RRDYN_PUZZLES", "own_puzzles")
    try:
        assert from_description({"kind": "own", "height": 1, "width": 4, "vocab_size": 3}).name == "own"
    finally:
        KINDS.pop("own", None)
    monkeypatch.setenv("RRDYN_PUZZLES", "no_such_module")
    with pytest.raises(UsageError, match="RRDYN_PUZZLES names a module"):
        from_description({"kind": "another"})
