"""Puzzles as people have them. Each case stands for a public report or a published layout, named beside it."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rrdyn.artifacts.errors import InputError, Notice
from rrdyn.cli.app import main
from rrdyn.data.csv_file import read_csv
from rrdyn.data.folder import open_split
from rrdyn.data.maze.kind import Maze
from rrdyn.data.sudoku.generator import Generator
from rrdyn.data.sudoku.kind import Sudoku
from rrdyn.data.sudoku.recipe import SudokuRecipe
from rrdyn.data.sudoku.writing import DIGITS

QUESTION, ANSWER = "1.34341221434321", "1234341221434321"
SEVENTEEN = (
    "000000010400000000020000000000050407008000300001090000300400200050100000000806000",
    "000000010400000000020000000000050604008000300001090000300400200050100000000807000",
)
"""The first two of Gordon Royle's list of 17-clue puzzles."""
SOLVED = (
    "693784512487512936125963874932651487568247391741398625319475268856129743274836159",
    "793684512486512937125973846932751684578246391641398725319465278857129463264837159",
)
"""Their answers by other solvers: as printed beside public dancing-links programs."""

LAYOUTS = {
    # kaggle.com/datasets/bryanpark/sudoku (1 million games): quizzes,solutions with 0 for a blank
    "kaggle 1m": f"quizzes,solutions\n{QUESTION.replace('.', '0')},{ANSWER}\n",
    # kaggle.com/datasets/radcliffe/3-million-sudoku-puzzles-with-ratings: id,puzzle,solution,clues,difficulty
    "kaggle 3m": f"id,puzzle,solution,clues,difficulty\n1,{QUESTION},{ANSWER},15,2.5\n",
    "tabs under .csv": f"Puzzle\tSolution\n{QUESTION}\t{ANSWER}\n",
    "semicolons, as spreadsheets of half of Europe write": f"question;answer\n{QUESTION};{ANSWER}\n",
    "no head": f"{QUESTION},{ANSWER}\n",
    # qqwing, sudokuwiki and others write blanks with other signs
    "underscores": f"question,answer\n{QUESTION.replace('.', '_')},{ANSWER}\n",
    "stars": f"question,answer\n{QUESTION.replace('.', '*')},{ANSWER}\n",
    "hyphens": f"question,answer\n{QUESTION.replace('.', '-')},{ANSWER}\n",
    "a head in quotes": f'"question","answer"\n"{QUESTION}","{ANSWER}"\n',
}


@pytest.mark.parametrize("layout", LAYOUTS)
def test_a_table_of_any_layout_holds_the_puzzle(tmp_path, layout):
    path = tmp_path / "x.csv"
    path.write_text(LAYOUTS[layout])
    puzzle, puzzles = read_csv(path, Sudoku)
    assert puzzle.decode(puzzles.inputs[0]) == QUESTION
    assert puzzle.decode(puzzles.labels[0]) == ANSWER
    assert (puzzles.difficulty is not None) == (layout == "kaggle 3m")


def test_a_list_of_questions_is_answered_as_other_solvers_do(tmp_path):
    path = tmp_path / "list.sdm"  # SudoCue's format: comments, then a question a line
    path.write_text("# two of Royle's\n" + "\n".join(SEVENTEEN) + "\n")
    puzzle, puzzles = read_csv(path, Sudoku)
    assert [puzzle.decode(row) for row in puzzles.labels] == list(SOLVED)


def test_questions_that_are_no_puzzles_are_left_out_and_told(tmp_path):
    path = tmp_path / "list.txt"
    path.write_text("\n".join([SEVENTEEN[0], "." * 81, SEVENTEEN[0], "11" + "." * 79, SEVENTEEN[1]]) + "\n")
    with pytest.warns(Notice) as told:
        _, puzzles = read_csv(path, Sudoku)
    assert len(puzzles) == 2
    words = "\n".join(str(one.message) for one in told)
    assert "1 questions stand there before and are left out (lines 3)" in words
    assert "1 questions have more than one answer and are left out (lines 2)" in words
    assert "1 questions have no answer and are left out (lines 4)" in words


def test_questions_of_a_kind_without_a_solver_are_refused(tmp_path):
    path = tmp_path / "list.csv"
    path.write_text("question\nS G      \n")
    with pytest.raises(InputError, match="has no answers"):
        read_csv(path, Maze)


def test_what_separates_the_fields_is_named(tmp_path):
    path = tmp_path / "x.csv"
    path.write_text("a;b;c\n1;2;3\n")
    with pytest.raises(InputError, match="no column of questions") as raised:
        read_csv(path, Sudoku)
    assert "semicolons" in str(raised.value)
    path.write_text(f"question\tanswer\n{QUESTION}\t{ANSWER}\tmore\n")
    with pytest.raises(InputError, match="line 2 has the wrong number of columns") as raised:
        read_csv(path, Sudoku)
    assert "2, separated by tabs" in str(raised.value)


def test_a_pointer_of_git_lfs_is_named_as_such(tmp_path):
    """A clone without git-lfs leaves three lines in the place of every large file."""
    for name in ("train.csv", "all__inputs.npy", "w.pt"):
        path = tmp_path / name
        path.write_text("version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 27310592\n")
        with pytest.raises(InputError, match="Git-LFS pointer") as raised:
            read_csv(path, Sudoku)
        assert "git lfs pull" in str(raised.value)


def test_one_list_becomes_training_and_test(tmp_path, capsys):
    path = tmp_path / "list.txt"
    shuffles = Sudoku(9).symmetries
    kind, rng = Sudoku(9), np.random.default_rng(0)
    first = kind.encode(SEVENTEEN[0])
    (moved,) = shuffles.apply(rng.random((1, shuffles.draws)), first[None])
    rows = [first, moved[0], kind.encode(SEVENTEEN[1])]
    path.write_text("\n".join(kind.decode(row) for row in rows) + "\n")
    assert main(["data", "sudoku", "--train", str(path), "--out", str(tmp_path / "made"), "--val-groups", "0"]) == 0
    assert "no --test: 1 of the 3 puzzles are kept apart" in capsys.readouterr().err
    train, test = open_split(tmp_path / "made", "train"), open_split(tmp_path / "made")
    keys = [set(kind.keys(np.asarray(part.inputs), np.asarray(part.labels))) for part in (train, test)]
    assert not keys[0] & keys[1]


# ---- one puzzle in many spellings ------------------------------------------------------------------------------------

SIX = "....4...6..5..5...42...3.3..2.1....."
ROWS = [SIX[at : at + 6] for at in range(0, 36, 6)]
SPELLINGS = {
    "one line": SIX,
    "zeros": SIX.replace(".", "0"),
    "stars": SIX.replace(".", "*"),
    "underscores": SIX.replace(".", "_"),
    "hyphens": SIX.replace(".", "-"),
    "a grid": "\n".join(ROWS),
    "a grid with hyphens, a row of blanks among them": "\n".join(ROWS).replace(".", "-"),
    "windows lines and a mark of byte order": "\ufeff" + "\r\n".join(ROWS) + "\r\n",
    "spaces": "\n".join(" ".join(row) for row in ROWS),
    "boxes": "\n------+------\n".join(
        "\n".join(f"{' '.join(row[:3])} | {' '.join(row[3:])}" for row in ROWS[at : at + 2]) for at in (0, 2, 4)
    ),
    "a spreadsheet": "\n".join(",".join(c if c != "." else "" for c in row) for row in ROWS),
    "tabs": "\n".join("\t".join(c if c != "." else "" for c in row) for row in ROWS),
    "commas in one line": ",".join(SIX.replace(".", "0")),
    "JSON numbers": str([[int(c) if c != "." else 0 for c in row] for row in ROWS]),
    "JSON with null": str([[int(c) if c != "." else None for c in row] for row in ROWS]).replace("None", "null"),
    "JSON rows": "[" + ",".join(f'"{row}"' for row in ROWS) + "]",
    "JSON object": '{"puzzle": "' + SIX + '"}',
    "sdm": "# a comment line\n" + SIX.replace(".", "0"),
}


@pytest.mark.parametrize("spelling", SPELLINGS)
def test_a_question_reads_in_any_spelling(spelling):
    assert Sudoku(6).decode(Sudoku(6).read_text(SPELLINGS[spelling])) == SIX


@pytest.mark.parametrize("text", ["", "[", "[[1,2],[3]]", "{}", '{"a": 1}', "1 . 3 . 4 .", SIX + ".", "x" * 36])
def test_what_is_no_question_is_refused(text):
    with pytest.raises(InputError):
        Sudoku(6).read_text(text)


# ---- larger grids ----------------------------------------------------------------------------------------------------


@given(st.sampled_from([(8, (2, 4)), (12, (3, 4)), (12, (2, 6)), (15, (3, 5)), (16, (4, 4)), (25, (5, 5))]), st.data())
def test_large_grids_are_checked_written_and_read(sizes, data):
    side, box = sizes
    puzzle = Sudoku(side, box)
    grid = Generator(puzzle.geometry, seed=0).regular() + 1
    blank = np.ones_like(grid)
    assert puzzle.check(blank[None], grid[None])["valid"][0]
    cell = data.draw(st.integers(0, side**2 - 1))
    other = grid.copy()
    other[cell] = grid[cell] % side + 2 if grid[cell] <= side else 2
    assert not puzzle.check(blank[None], other[None])["valid"][0]
    text = puzzle.decode(grid)
    assert set(text) == set(DIGITS[:side])
    assert (puzzle.encode(text.lower()) == grid).all()
    assert (puzzle.read_text(puzzle.draw(grid)) == grid).all()
    numbers = " ".join(str(token - 1) for token in grid)
    assert (puzzle.read_text(numbers) == grid).all()
    moved = puzzle.symmetries.apply(np.random.default_rng(0).random((1, puzzle.symmetries.draws)), grid[None])[0]
    assert puzzle.check(blank[None], moved)["valid"][0]


def test_sixteen_by_sixteen_from_nothing_to_a_solved_puzzle(tmp_path, monkeypatch, capsys):
    """TRM issues ask for larger Sudoku; the file has the letters that most 16x16 collections use."""
    monkeypatch.chdir(tmp_path)
    line = ["data", "sudoku", "--source", "generate", "--size", "16", "--clues", "150"]
    assert main([*line, "--n", "8", "--test-n", "2", "--val-groups", "2", "--out", "six"]) == 0
    split = open_split("six")
    assert (split.metadata.seq_len, split.metadata.vocab_size) == (256, 18)
    puzzle = split.puzzle
    found = puzzle.complete(np.asarray(split.inputs))
    assert found.counts.tolist() == [1, 1]
    assert (found.labels == split.labels).all()
    rows = "\n".join(f"{puzzle.decode(q)},{puzzle.decode(a)}" for q, a in zip(split.inputs, split.labels))
    (tmp_path / "x.csv").write_text(f"question,answer\n{rows}\n")
    assert (read_csv(tmp_path / "x.csv", Sudoku)[1].inputs == split.inputs).all()
    small = ["model.hidden_size=16", "model.num_heads=2", "model.halt_max_steps=2", "model.H_cycles=1",
             "model.L_cycles=1", "global_batch=4", "eval.n=2", "eval.perturbed_n=1", "eval.lyapunov_n=1"]  # fmt: skip
    train = ["train", "six", "--preset", "sudoku-small", "--steps", "1", "--out", "run", "--device", "cpu"]
    assert main([*train, "--set", *small]) == 0
    assert main(["solve", "run", "--idx", "0", "--device", "cpu"]) == 0
    assert main(["plot", "puzzle", "six", "--out", "board.png"]) == 0
    capsys.readouterr()


def test_a_box_that_does_not_fit_is_refused(capsys):
    assert main(["data", "sudoku", "--source", "generate", "--size", "16", "--box", "3x5"]) == 2
    assert "such as 4x4" in capsys.readouterr().err
    assert Sudoku.from_recipe(SudokuRecipe(box="3x5")).side == 15
    assert Sudoku(12, (4, 3)).describe() == {"kind": "sudoku", "side": 12, "box": [4, 3]}
    assert Sudoku(**{"side": 12, "box": [4, 3]}).boxes == (4, 3)
