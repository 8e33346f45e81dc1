from __future__ import annotations

from pathlib import Path

import numpy as np
from tests.data.puzzle_folders import arc_folder

from rrdyn.data.build import build
from rrdyn.data.folder import open_split
from rrdyn.data.inspection import describe, draw_pair, histogram
from rrdyn.data.maze.recipe import MazeRecipe
from rrdyn.data.sudoku.recipe import SudokuRecipe

GOLDEN = Path(__file__).parents[1] / "golden" / "data" / "converted"


def test_a_generated_dataset_is_described(tmp_path):
    path = build(SudokuRecipe(source="generate", size=4, clues=6, n=20, test_n=10, val_groups=2, aug=3), tmp_path / "x")
    data, text = describe(path)
    assert data.source == "generate"
    assert data.splits["train"].groups == 20
    assert data.splits["train"].examples == 80
    assert data.tokens[1] == "."
    assert data.recipe["aug"] == 3
    assert set(data.digest) == {"train", "val", "test"}
    assert "sudoku-4x4-generated: sudoku 4x4, source generate" in text
    assert "20 puzzles, 80 examples with their copies; difficulty 10 (median)" in text
    assert "test puzzle 0, and its answer:" in text
    assert "-----+-----     -----+-----" in text


def test_foreign_folders_are_described(tmp_path):
    data, text = describe(GOLDEN / "maze_v1")
    assert data.source == "foreign folder"
    assert "maze_v1: maze 6x6" in text
    assert "|S     |     |Sooooo|" in text
    assert "difficulty" not in text
    assert describe(arc_folder(tmp_path))[0].kind["kind"] == "arc"


def test_question_and_answer_stand_side_by_side(tmp_path):
    path = build(MazeRecipe(source="generate", size=5, n=10, test_n=2, val_groups=0), tmp_path / "x")
    split = open_split(path)
    drawn = draw_pair(split, 1).split("\n")
    assert len(drawn) == 7
    assert drawn[1][1:6] == split.puzzle.decode(split.inputs[1, :5])
    assert drawn[1][13:18] == split.puzzle.decode(split.labels[1, :5])


def test_histograms():
    assert histogram(np.array([3.0, 3.0])) == "  all 3"
    assert histogram(np.array([np.nan])) == "  (no ratings)"
    lines = histogram(np.array([1.0, 2.0, 3.0, 11.0])).split("\n")
    assert len(lines) == 10
    counts = [int(line.split()[3]) for line in lines]
    assert sum(counts) == 4
    log = histogram(np.array([1.0, 10.0, 1000.0])).split("\n")
    assert sum(int(line.split()[3]) for line in log) == 3
    assert log[-1].split()[2] == "1,000"
