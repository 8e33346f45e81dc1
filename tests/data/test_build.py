from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from rrdyn.artifacts.config import presets
from rrdyn.artifacts.errors import InputError, Notice, UsageError
from rrdyn.data.build import augmented, build
from rrdyn.data.defaults import ensure, preset_recipe
from rrdyn.data.folder import open_split, split_names
from rrdyn.data.maze import Maze
from rrdyn.data.puzzles import Known, Puzzles, classes, cut_validation, joined
from rrdyn.data.recipe import MazeRecipe, SudokuRecipe
from rrdyn.data.sources import generated
from rrdyn.data.sudoku import Sudoku

CSV = Path(__file__).parents[1] / "golden" / "data" / "csv"
TINY = SudokuRecipe(source="generate", size=4, clues=6, n=40, test_n=10, val_groups=4)


def test_a_generated_dataset_tells_where_it_comes_from(tmp_path):
    path = build(TINY, root=tmp_path)
    assert path.name == "sudoku-4x4-generated"
    record = json.loads((path / "rrdyn.json").read_text())
    assert record["source"] == "generate"
    assert record["groups"] == {"train": 40, "val": 4, "test": 10}
    assert record["recipe"]["clues"] == 6
    assert record["meta"]["seed"] == 0
    assert split_names(path) == ["train", "val", "test"]
    assert open_split(path).name == path.name


def test_the_same_recipe_writes_the_same_bytes(tmp_path):
    first, second = build(TINY, tmp_path / "a"), build(TINY.model_copy(update={"workers": 3}), tmp_path / "b")
    for path in sorted(first.rglob("*.npy")):
        assert path.read_bytes() == (second / path.relative_to(first)).read_bytes()
    other = build(TINY.model_copy(update={"seed": 1}), tmp_path / "c")
    assert open_split(other).digest != open_split(first).digest


def test_augmentation_puts_the_original_first_and_depends_on_the_seed():
    train = generated(TINY).splits.train
    puzzle = Sudoku(4)
    one, same, other = (list(augmented(puzzle, train, 5, seed=seed)) for seed in (0, 0, 1))
    for group, (inputs, labels) in enumerate(one):
        np.testing.assert_array_equal(inputs[0], train.inputs[group])
        assert puzzle.check(inputs, labels)["valid"].all()
        np.testing.assert_array_equal(inputs, same[group][0])
    assert any((a[0] != b[0]).any() for a, b in zip(one, other))


def test_the_eight_images_of_a_maze_follow_one_another():
    train = generated(MazeRecipe(source="generate", size=6, n=5, test_n=1, val_groups=0)).splits.train
    puzzle = Maze(6)
    ((inputs, labels),) = augmented(puzzle, train, 8, seed=0)
    assert inputs.shape == (40, 36)
    for number in range(8):
        images = puzzle.symmetries.listed(number, train.inputs, train.labels)
        np.testing.assert_array_equal(inputs[number::8], images[0])
        np.testing.assert_array_equal(labels[number::8], images[1])


def some_mazes(count: int) -> Puzzles:
    return generated(MazeRecipe(source="generate", size=5, n=count, test_n=1, val_groups=0)).splits.train


def test_validation_shares_no_puzzle_with_training_even_when_rotated():
    puzzle, mazes = Maze(5), some_mazes(30)
    turned = puzzle.symmetries.listed(1, mazes.inputs, mazes.labels)
    twice = Puzzles(np.concatenate([mazes.inputs, turned[0]]), np.concatenate([mazes.labels, turned[1]]))
    splits = cut_validation(puzzle, twice, mazes.take(np.arange(0)), n=None, val_groups=6, rng=np.random.default_rng(0))
    assert splits.val is not None
    assert len(splits.val) == 6
    kept = set(puzzle.keys(splits.train.inputs, splits.train.labels))
    assert not kept & set(puzzle.keys(splits.val.inputs, splits.val.labels))
    assert len(splits.train) + len(splits.val) < 60


def test_validation_is_at_most_a_tenth_and_training_keeps_its_number():
    puzzle, mazes = Maze(5), some_mazes(30)
    none = mazes.take(np.arange(0))
    splits = cut_validation(puzzle, mazes, none, n=10, val_groups=128, rng=np.random.default_rng(0))
    assert splits.val is not None
    assert (len(splits.train), len(splits.val)) == (10, 3)
    whole = cut_validation(puzzle, mazes, none, n=None, val_groups=0, rng=np.random.default_rng(0))
    assert whole.val is None
    np.testing.assert_array_equal(whole.train.inputs, mazes.inputs)


def test_test_puzzles_in_the_training_file_are_told():
    mazes = some_mazes(12)
    with pytest.warns(Notice, match="3 test puzzles stand in the training split"):
        cut_validation(Maze(5), mazes, mazes.take(np.arange(3)), n=None, val_groups=0, rng=np.random.default_rng(0))


def test_a_preset_is_made_once_and_found_again(tmp_path, capsys):
    path = ensure("sudoku", "sudoku-4x4-tiny", tmp_path)
    assert path == tmp_path / "sudoku-4x4-tiny"
    assert "making it from the preset sudoku-4x4-tiny" in capsys.readouterr().err
    before = (path / "rrdyn.json").stat().st_mtime_ns
    assert ensure("sudoku", "sudoku-4x4-tiny", tmp_path) == path
    assert (path / "rrdyn.json").stat().st_mtime_ns == before
    assert (len(open_split(path, "train")), len(open_split(path))) == (128, 64)


def test_a_folder_made_from_other_settings_is_not_taken_for_the_preset(tmp_path):
    build(TINY, tmp_path / "sudoku-4x4-tiny")
    with pytest.raises(InputError, match="made from other settings"):
        ensure("sudoku", "sudoku-4x4-tiny", tmp_path)


@pytest.mark.parametrize(("change", "same"), [({}, True), ({"seed": 1}, False), ({"of_later": 1}, False)])
def test_settings_that_an_older_record_lacks_count_as_their_defaults(tmp_path, change, same):
    path = ensure("sudoku", "sudoku-4x4-tiny", tmp_path)
    record = json.loads((path / "rrdyn.json").read_text())
    del record["recipe"]["check"]
    (path / "rrdyn.json").write_text(json.dumps({**record, "recipe": {**record["recipe"], **change}}))
    if same:
        assert ensure("sudoku", "sudoku-4x4-tiny", tmp_path) == path
    else:
        with pytest.raises(InputError, match="made from other settings"):
            ensure("sudoku", "sudoku-4x4-tiny", tmp_path)


def test_the_same_command_again_keeps_its_dataset_unless_a_file_changed(tmp_path, capsys):
    lines = (CSV / "sudoku" / "train.csv").read_text().splitlines(keepends=True)
    (tmp_path / "train.csv").write_text("".join(lines[:4]))
    (tmp_path / "test.csv").write_text("".join(lines[:1] + lines[4:]))
    recipe = SudokuRecipe(train=tmp_path / "train.csv", test=tmp_path / "test.csv")
    assert build(recipe, tmp_path / "made") == build(recipe, tmp_path / "made")
    assert "is there already, made from the same settings" in capsys.readouterr().err
    (tmp_path / "test.csv").write_text("".join(lines[:1] + lines[5:]))
    with pytest.raises(UsageError, match="exists already"):
        build(recipe, tmp_path / "made")


def test_a_preset_of_another_task_is_refused(tmp_path):
    with pytest.raises(UsageError, match="is for maze"):
        ensure("sudoku", "maze-7x7", tmp_path)
    (tmp_path / "x.yaml").write_text("size: 4")
    with pytest.raises(InputError, match="names no task"):
        preset_recipe(str(tmp_path / "x.yaml"))


@pytest.mark.parametrize("name", presets("data"))
def test_every_preset_is_a_recipe(name):
    task, recipe = preset_recipe(name)
    assert name.startswith(task)
    assert isinstance(recipe, SudokuRecipe if task == "sudoku" else MazeRecipe)


def test_csv_settings_without_files_are_refused(tmp_path):
    with pytest.raises(UsageError, match="needs two files"):
        build(SudokuRecipe(source="csv"), tmp_path / "x")
    with pytest.raises(UsageError, match="are for --source csv"):
        build(SudokuRecipe(source="generate", train=Path("x.csv")), tmp_path / "x")


@pytest.mark.parametrize("limit", [1_000_000, 3])
def test_classes_are_those_of_the_keys(limit, monkeypatch):
    """Puzzles with shuffled and literal copies; above the limit only the literal ones are joined."""
    monkeypatch.setattr("rrdyn.data.puzzles.COMPARED", limit)
    puzzle, train = Sudoku(4), generated(TINY).splits.train
    moved = puzzle.symmetries.apply(
        np.random.default_rng(0).random((40, puzzle.symmetries.draws)), train.inputs, train.labels
    )
    everything = joined(joined(train, train), Puzzles(*moved))
    number = classes(puzzle, everything)
    np.testing.assert_array_equal(number[:40], number[40:80])
    assert len(np.unique(number[:40])) == 40
    if limit > 3:
        np.testing.assert_array_equal(number[:40], number[80:])
    assert len(classes(puzzle, train.take(np.arange(0)))) == 0


def test_known_puzzles_are_told_by_their_keys_where_sketches_agree():
    puzzle, train = Sudoku(4), generated(TINY).splits.train
    known = Known(puzzle)
    assert all(known.add(train.take(np.array([at])), b"the same for all") for at in range(10))
    moved = puzzle.symmetries.apply(
        np.random.default_rng(1).random((40, puzzle.symmetries.draws)), train.inputs, train.labels
    )
    assert not any(known.add(Puzzles(*moved).take(np.array([at])), b"the same for all") for at in range(10))
    assert known.add(Puzzles(*moved).take(np.array([10])), b"the same for all")
