from __future__ import annotations

import numpy as np
import pytest

from rrdyn.artifacts.errors import InputError, UsageError
from rrdyn.data.folder import open_split, write_split
from rrdyn.data.maze.kind import Maze
from rrdyn.data.puzzle import Puzzle
from rrdyn.data.registry import KINDS, from_description, register
from rrdyn.data.tokens import Tokens
from rrdyn.data.writer import write_record


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


def test_kinds_of_ones_own_are_imported_by_name(tmp_path, monkeypatch):
    (tmp_path / "own_puzzles.py").write_text(
        "from rrdyn.data import register\n"
        "from rrdyn.data.tokens import Tokens\n\n\n"
        "@register\nclass Own(Tokens):\n    name = 'own'\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setenv("RRDYN_PUZZLES", "own_puzzles")
    try:
        assert from_description({"kind": "own", "height": 1, "width": 4, "vocab_size": 3}).name == "own"
    finally:
        KINDS.pop("own", None)
    monkeypatch.setenv("RRDYN_PUZZLES", "no_such_module")
    with pytest.raises(UsageError, match="RRDYN_PUZZLES names a plug-in that cannot be imported"):
        from_description({"kind": "another"})


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
