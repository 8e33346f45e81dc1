from __future__ import annotations

import json

import pytest

from rrdyn.artifacts.config import presets
from rrdyn.artifacts.errors import InputError, UsageError
from rrdyn.data.build import build
from rrdyn.data.defaults import ensure, preset_recipe
from rrdyn.data.folder import open_split
from rrdyn.data.registry import makeable
from rrdyn.data.sudoku.recipe import SudokuRecipe

TINY = SudokuRecipe(source="generate", size=4, clues=6, n=40, test_n=10, val_groups=4)


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
    assert type(recipe) is makeable()[task].recipe
