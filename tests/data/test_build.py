from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from rrdyn.artifacts.errors import RrdynError, UsageError
from rrdyn.data.build import augmented, build
from rrdyn.data.folder import open_split, split_names
from rrdyn.data.generated_source import generated
from rrdyn.data.maze.kind import Maze
from rrdyn.data.maze.recipe import MazeRecipe
from rrdyn.data.sudoku.kind import Sudoku
from rrdyn.data.sudoku.recipe import SudokuRecipe

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
    train = generated(TINY, Sudoku).splits.train
    puzzle = Sudoku(4)
    one, same, other = (list(augmented(puzzle, train, 5, seed=seed)) for seed in (0, 0, 1))
    for group, (inputs, labels) in enumerate(one):
        np.testing.assert_array_equal(inputs[0], train.inputs[group])
        assert puzzle.check(inputs, labels)["valid"].all()
        np.testing.assert_array_equal(inputs, same[group][0])
    assert any((a[0] != b[0]).any() for a, b in zip(one, other))


def test_the_eight_images_of_a_maze_follow_one_another():
    train = generated(MazeRecipe(source="generate", size=6, n=5, test_n=1, val_groups=0), Maze).splits.train
    puzzle = Maze(6)
    ((inputs, labels),) = augmented(puzzle, train, 8, seed=0)
    assert inputs.shape == (40, 36)
    for number in range(8):
        images = puzzle.symmetries.listed(number, train.inputs, train.labels)
        np.testing.assert_array_equal(inputs[number::8], images[0])
        np.testing.assert_array_equal(labels[number::8], images[1])


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


def test_csv_settings_without_files_are_refused(tmp_path):
    with pytest.raises(UsageError, match="needs a file"):
        build(SudokuRecipe(source="csv"), tmp_path / "x")
    with pytest.raises(UsageError, match="are for --source csv"):
        build(SudokuRecipe(source="generate", train=Path("x.csv")), tmp_path / "x")


def test_more_copies_than_can_be_counted_or_held_are_refused_before_anything_is_made(tmp_path, monkeypatch):
    monkeypatch.setattr("rrdyn.data.build.gather", lambda *given: pytest.fail("puzzles were made"))
    many = TINY.model_copy(update={"n": 100_000, "aug": 100_000})
    with pytest.raises(UsageError, match="cannot be counted"):
        build(many, tmp_path / "x")
    monkeypatch.setattr("shutil.disk_usage", lambda place: SimpleNamespace(free=10_000))
    with pytest.raises(RrdynError, match="does not fit onto the disk"):
        build(TINY.model_copy(update={"n": 1000}), tmp_path / "not" / "there" / "yet")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("setting", ["n", "test_n", "val_groups", "aug", "clues", "min_rating", "workers"])
def test_settings_have_an_upper_end(setting):
    with pytest.raises(UsageError, match=f"{setting} is out of range"):
        SudokuRecipe(**{setting: 10**23})
