"""A kind of puzzle from outside the package, found by its name: made, opened, checked, solved, drawn."""

from __future__ import annotations

import json
import sys

import numpy as np
import pytest
from tests.data.latin_plugin import write_plugin

from rrdyn.artifacts.errors import InputError
from rrdyn.cli.app import main
from rrdyn.data import open_split
from rrdyn.data.csv_file import read_csv
from rrdyn.data.defaults import ensure
from rrdyn.data.puzzle import Solutions
from rrdyn.data.registry import KINDS, find_kind
from rrdyn.plotting import plot
from rrdyn.runtime import plugins

SMALL = ["--size", "4", "--n", "30", "--test-n", "10", "--val-groups", "5"]


@pytest.fixture
def latin(tmp_path, monkeypatch):
    write_plugin(tmp_path)
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setenv("RRDYN_PLUGINS", "latin")
    monkeypatch.setattr(plugins, "_begun", set())
    yield tmp_path
    KINDS.pop("latin", None)
    sys.modules.pop("latin", None)


@pytest.fixture
def made(latin, capsys):
    assert main(["data", "latin", *SMALL, "--aug", "2"]) == 0
    capsys.readouterr()
    return latin / "data" / "latin-4x4-generated"


def test_its_recipe_is_a_command(latin, capsys):
    assert main(["data", "--help"]) == 0
    assert "data latin          Make Latin squares with some cells left open." in capsys.readouterr().out
    assert main(["data", "latin", "--help"]) == 0
    heard = capsys.readouterr().out
    assert "--blanks" in heard
    assert "The part of the cells that is left open." in heard
    assert main(["data", "latin", "--size", "12"]) == 2
    assert "--size is out of range" in capsys.readouterr().err
    assert main(["data", "latn"]) == 2
    assert "did you mean 'latin'?" in capsys.readouterr().err


def test_a_dataset_of_it_is_made_opened_and_checked(made):
    assert json.loads((made / "rrdyn.json").read_text())["recipe"]["size"] == 4
    train = open_split(made, "train")
    assert train.puzzle.describe() == {"kind": "latin", "n": 4}
    assert (train.groups, len(train), len(open_split(made, "val")), len(open_split(made))) == (30, 90, 5, 10)
    inputs, labels = np.asarray(train.inputs), np.asarray(train.labels)
    assert train.puzzle.solved(inputs, labels).all()
    spoilt = labels.copy()
    spoilt[:, 0] = 7 - spoilt[:, 0]
    assert not train.puzzle.solved(inputs, spoilt).any()


def test_the_same_settings_give_the_same_puzzles(made, capsys):
    assert main(["data", "latin", *SMALL, "--aug", "2", "--workers", "2", "--out", "again"]) == 0
    assert open_split("again").digest == open_split(made).digest
    assert main(["data", "latin", *SMALL, "--aug", "2", "--out", "again"]) == 0
    assert "kept again" in capsys.readouterr().err


def test_a_question_of_it_is_solved_and_judged(latin):
    puzzle = find_kind("latin")(3)
    one = puzzle.read_text("12.2.1...")
    answer = puzzle.encode("123231312")
    found = puzzle.solutions(one)
    assert found.number == "one"
    np.testing.assert_array_equal(found.answer, answer)
    assert puzzle.solutions(puzzle.encode(".........")).number == "several"
    assert puzzle.solutions(puzzle.encode("11.......")) == Solutions(number="none")
    wrong = puzzle.encode("122231312")
    assert puzzle.why_wrong(one, wrong, puzzle.wrong_cells(one, wrong)).startswith("wrong in 3 cells: row 1 column 2")
    assert puzzle.why_wrong(one, answer[::-1], np.ones(9, bool)).endswith("; it changes givens")


def test_its_csv_is_read_and_a_bad_row_is_named(latin):
    (latin / "x.csv").write_text("question,answer\n12.2.1...,123231312\n.........,123231313\n")
    with pytest.raises(InputError, match="line 3: the answer is no answer") as raised:
        read_csv(latin / "x.csv", find_kind("latin"))
    assert "each digit once in every row and column" in str(raised.value)


def test_a_folder_without_our_record_is_recognised_by_its_sizes(made):
    (made / "rrdyn.json").unlink()
    assert open_split(made).puzzle.name == "sudoku"  # 4x4 with 6 tokens is Sudoku's first
    assert (
        main(["data", "latin", "--size", "5", "--n", "8", "--test-n", "4", "--val-groups", "0", "--out", "five"]) == 0
    )
    (made.parents[1] / "five" / "rrdyn.json").unlink()
    assert open_split("five").puzzle.name == "latin"


def test_it_is_drawn(made):
    puzzle = open_split(made).puzzle
    question, answer = (puzzle.encode(text) for text in ("1..4" + "." * 12, "1324" + "." * 12))
    drawing = puzzle.drawing(answer, question)
    assert drawing.letters[:5] == ("1", "3", "2", "4", "")
    assert drawing.bold[:4].tolist() == [True, False, False, True]
    wrote = plot("puzzle", made, out=made.parent / "picture.png", idx=(1,)).wrote
    assert {path.suffix for path in wrote} >= {".png", ".pdf"}


def test_a_preset_may_name_it(latin):
    (latin / "my-latin.yaml").write_text("task: latin\nsource: generate\nn: 12\ntest_n: 4\nval_groups: 0\n")
    assert len(open_split(ensure("latin", str(latin / "my-latin.yaml"), latin / "data"), "train")) == 12
