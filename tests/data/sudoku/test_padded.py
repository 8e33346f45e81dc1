"""Dataset folders of nano-trm: a 6x6 puzzle in an 8x8 grid (`data/sudoku_6x6_small` of its forks)."""

from __future__ import annotations

import json

import numpy as np
import pytest

from rrdyn.data.folder import open_split
from rrdyn.data.metadata import IGNORED
from rrdyn.data.sudoku.padded import PaddedSudoku

QUESTION, ANSWER = "....4...6..5..5...42...3.3..2.1.....", "532146416235365412421653643521154364"


@pytest.fixture
def folder(tmp_path):
    """Two puzzles, written as that generator does."""
    test = tmp_path / "nano" / "test"
    test.mkdir(parents=True)
    sizes = {"num_puzzles": 2, "num_groups": 2, "num_augmentations": 0, "mean_puzzles_per_group": 1.0, "grid_size": 6,
             "max_grid_size": 8, "min_givens": 12, "max_givens": 21, "seq_len": 64, "vocab_size": 9}  # fmt: skip
    (test / "dataset.json").write_text(json.dumps(sizes))
    inputs, labels = np.zeros((2, 8, 8), np.int32), np.full((2, 8, 8), IGNORED, np.int32)
    inputs[:, :6, :6] = np.array([2 + int(c) if c != "." else 2 for c in QUESTION]).reshape(6, 6)
    labels[:, :6, :6] = 3 + np.add.outer(np.arange(6) % 2 * 3 + np.arange(6) // 2, np.arange(6)) % 6
    inputs[:, 6, 0] = labels[:, 6, 0] = 1
    arrays = {"inputs": inputs.reshape(2, 64), "labels": labels.reshape(2, 64),
              "puzzle_identifiers": np.zeros(2, np.int32), "puzzle_indices": np.arange(3, dtype=np.int32),
              "group_indices": np.arange(3, dtype=np.int32)}  # fmt: skip
    for name, array in arrays.items():
        np.save(test / f"all__{name}.npy", array)
    return tmp_path / "nano"


def test_it_opens_with_its_kind_and_its_labels(folder):
    split = open_split(folder)
    assert split.puzzle.describe() == {"kind": "sudoku-padded", "side": 6, "frame": 8}
    assert split.asked.tolist() == [37, 37]  # 36 cells and the mark at the end
    answers = split.answers(slice(None))
    assert split.puzzle.check(np.where(answers < 0, 0, 2), answers)["valid"].all()


def test_a_question_is_typed_as_any_other_and_judged_by_its_rules():
    puzzle = PaddedSudoku(6, 8)
    question = puzzle.read_text(QUESTION)
    assert question[48] == 1
    assert puzzle.draw(question).split("\n")[0] == " . . . | . 4 . "
    found = puzzle.solutions(question)
    if found.answer is not None:
        assert puzzle.check(question[None], found.answer[None])["valid"][0]
        assert not puzzle.wrong_cells(question, found.answer).any()
    spoilt = question.astype(int).copy()
    spoilt[puzzle.grid[:2]] = 3
    assert puzzle.wrong_cells(question, spoilt)[puzzle.grid[:2]].all()
