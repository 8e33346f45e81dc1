"""One puzzle: reading it, judging every answer by the puzzle's own rules."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from rrdyn.artifacts.errors import InputError
from rrdyn.data.arc.kind import Arc
from rrdyn.data.maze.kind import Maze
from rrdyn.data.puzzle import Solutions
from rrdyn.data.sudoku.kind import Sudoku
from rrdyn.data.tokens import Tokens
from rrdyn.measurement.solving import Attempt, attempt, puzzle_of, read_puzzle, series
from rrdyn.measurement.solving_text import grid, page, verdict
from rrdyn.models import build, load

DATA = Path(__file__).parents[1] / "golden" / "models"
RIGHT, WRONG, CLASH, NONE, MANY = (
    ".2.4" "3..." "...3" "4.2.", "..1.1...2.....4.", "11..............", "12....3....4....", "1..............."
)  # fmt: skip


@pytest.fixture(scope="module")
def sudoku():
    return load(DATA / "sudoku4.pt")


@pytest.fixture(scope="module")
def maze():
    return load(DATA / "maze5.pt")


def tried(model, text, segments=8):
    puzzle = puzzle_of(model, None, text)
    return attempt(model, puzzle, puzzle.read_text(text), segments=segments)


def test_a_right_answer(sudoku):
    found = tried(sudoku, RIGHT)
    assert found.solutions == "one"
    assert found.right.all()
    np.testing.assert_array_equal(found.answers[-1], found.solution)
    assert verdict(found) == "right"
    assert not found.wrong_cells(8).any()


def test_a_kind_that_leaves_empty_cells_out_has_no_colours():
    puzzle = Arc(3, 3)
    answers = np.array([[4, 5, 0, 4, 5, 0, 0, 0, 0]])
    found = Attempt(puzzle=puzzle, question=answers[0], answers=answers, q_halt=np.zeros(1), halts_at=None,
                    solutions="unknown", solution=None, right=None)  # fmt: skip
    assert grid(found, 1, colour=True) == ["23", "23"]


def test_a_wrong_answer_names_its_cells(sudoku):
    found = tried(sudoku, WRONG)
    assert found.solutions == "one"
    assert not found.right[-1]
    assert verdict(found).startswith(f"wrong in {int((found.answers[-1] != found.solution).sum())} cell")


@pytest.mark.parametrize("text", [CLASH, NONE])
def test_an_impossible_puzzle_is_called_so(sudoku, text):
    found = tried(sudoku, text)
    assert found.solutions == "none"
    assert not found.right.any()
    assert verdict(found) == "impossible: this puzzle has no answer"


def test_a_puzzle_with_several_answers(sudoku):
    found = tried(sudoku, MANY)
    assert found.solutions == "several"
    assert found.solution is None
    if found.right[-1]:
        assert verdict(found) == "right, one of several answers"


def test_mazes(maze):
    right = tried(maze, " #   G###S   # ## #      ")
    assert right.right.all()
    assert verdict(right) == "right"
    wrong = tried(maze, " #   #   G    #  #   #  S")
    assert verdict(wrong) == "wrong: the marked cells do not join start and goal"
    closed = tried(maze, "S#   ##                 #G"[:24] + "G")
    assert verdict(closed) == "impossible: this puzzle has no answer"


def test_cells_changed_and_halting_are_counted(sudoku):
    found = tried(sudoku, WRONG)
    rows = series(found)
    assert rows[0]["changed"] is None
    assert rows[3]["changed"] == int((found.answers[3] != found.answers[2]).sum())
    assert found.halts_at == next((i + 1 for i, q in enumerate(found.q_halt) if q > 0), None)
    assert found.puzzle.decode(found.answers[2]) == rows[2]["answer"]


def test_kinds_without_a_dataset():
    def kind(seq_len, vocab, text=""):
        fields = {"name": "trm", "hidden_size": 8, "num_heads": 2, "seq_len": seq_len, "vocab_size": vocab}
        return puzzle_of(build(fields), None, text)

    assert isinstance(kind(81, 11), Sudoku)
    assert isinstance(kind(16, 6, "1..2"), Sudoku)
    assert isinstance(kind(16, 6, "#S G"), Maze)
    assert isinstance(kind(900, 6), Maze)
    assert isinstance(kind(900, 12), Arc)
    assert isinstance(kind(900, 13), Tokens)


def test_ways_to_write_a_puzzle(tmp_path):
    grid9, maze = Sudoku(4), Maze(5)
    plain = grid9.read_text(RIGHT)
    framed = " . 2 | . 4\n 3 . | . .\n-----+-----\n . . | . 3\n 4 . | 2 .\n"
    np.testing.assert_array_equal(grid9.read_text(framed), plain)
    np.testing.assert_array_equal(grid9.read_text(RIGHT.replace(".", "0")), plain)
    for name in ("p.txt", "a\nb.txt"):
        (tmp_path / name).write_text(framed)
        assert read_puzzle(str(tmp_path / name)) == framed
    lines = " #\nG###S\n   #\n## #\n"
    with pytest.raises(InputError, match="wrong length"):
        maze.read_text(lines)
    np.testing.assert_array_equal(maze.read_text(lines + "\n \n"[1:]), maze.read_text(" #   G###S   # ## #      "))
    np.testing.assert_array_equal(
        maze.read_text(" #o  G###S   # ## #      "), maze.read_text(" #   G###S   # ## #      ")
    )


@pytest.mark.parametrize(
    ("kind", "text", "message"),
    [
        (Sudoku(4), "12", "wrong length"),
        (Sudoku(4), "123x" + "." * 12, "unknown character"),
        (Maze(5), "S" + " " * 24, "a maze has one goal"),
        (Maze(5), "SSG" + " " * 22, "a maze has one start"),
        (Maze(5), "S?G" + " " * 22, "unknown character"),
    ],
)
def test_puzzles_that_cannot_be_read(kind, text, message):
    with pytest.raises(InputError, match=message):
        kind.read_text(text)


def test_a_puzzle_too_hard_to_count_is_not_called_impossible(monkeypatch):
    monkeypatch.setattr("rrdyn.data.sudoku.kind.NODE_LIMIT", 1)
    assert Sudoku(4).solutions(Sudoku(4).read_text(NONE)) == Solutions(number="unknown")


def test_a_kind_without_a_checker_is_judged_by_its_label(sudoku):
    label = tried(sudoku, RIGHT).solution
    kind = Tokens(4, 4, 6)
    question = Sudoku(4).read_text(RIGHT)
    assert attempt(sudoku, kind, question, segments=2, label=label).right.all()
    unknown = attempt(sudoku, kind, question, segments=2)
    assert unknown.right is None
    assert "not known" in verdict(unknown)


def test_the_page_fits_the_width_and_colours_do_not_count(sudoku):
    found = tried(sudoku, WRONG)
    for width in (40, 100):
        text = page(found, colour=False, width=width)
        lines = text.split("\n\nq_halt")[0].splitlines()
        assert max(len(line) for line in lines) <= width
    plain, coloured = (page(found, colour=c, width=80) for c in (False, True))
    import re

    assert re.sub(r"\x1b\[[0-9;]*m", "", coloured) == plain
    assert "".join(grid(found, 1, colour=True)).count("\x1b[0m") >= 8
