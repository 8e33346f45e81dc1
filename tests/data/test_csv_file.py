from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
from tests.data.sudoku.upstream_draws import upstream_draws

from rrdyn.artifacts.errors import InputError
from rrdyn.data.build import build
from rrdyn.data.csv_file import read_csv
from rrdyn.data.folder import open_split
from rrdyn.data.maze.kind import Maze
from rrdyn.data.maze.recipe import MazeRecipe
from rrdyn.data.sudoku.kind import Sudoku
from rrdyn.data.sudoku.recipe import SudokuRecipe

GOLDEN = Path(__file__).parents[1] / "golden" / "data"
ARRAYS = ("inputs", "labels", "puzzle_identifiers", "puzzle_indices", "group_indices")
QUESTION, ANSWER = "1.34341221434321", "1234341221434321"


def write(path: Path, *rows: str, header: str = "source,question,answer,rating") -> Path:
    path.write_text("\n".join([header, *rows]) + "\n")
    return path


def converted(tmp_path: Path, kind: str, **settings: object) -> Path:
    recipe = (SudokuRecipe if kind == "sudoku" else MazeRecipe)(
        source="csv",
        train=GOLDEN / "csv" / kind / "train.csv",
        test=GOLDEN / "csv" / kind / "test.csv",
        val_groups=0,
        **settings,
    )
    return build(recipe, tmp_path / "made")


@pytest.mark.parametrize(
    ("golden", "settings"),
    [
        ("sudoku_v0", {}),
        ("sudoku_v2", {"min_rating": 20}),
        ("maze_v0", {}),
        ("maze_v1", {"aug": True}),
    ],
)
def test_conversions_equal_upstreams(tmp_path, golden, settings):
    path = converted(tmp_path, golden.split("_")[0], **settings)
    for split in ("train", "test"):
        for name in ARRAYS:
            expected = np.load(GOLDEN / "converted" / golden / split / f"all__{name}.npy")
            array = np.load(path / split / f"all__{name}.npy")
            np.testing.assert_array_equal(array, expected)
            assert array.dtype == expected.dtype
        theirs = (GOLDEN / "converted" / golden / split / "dataset.json").read_text()
        ours = (path / split / "dataset.json").read_text()
        assert eval(ours) == eval(theirs)


def test_augmented_sudoku_equals_upstreams_for_the_same_draws(tmp_path):
    """The golden folder: 4 of 6 puzzles drawn, three shuffles of each, from numpy's global generator seeded with 0."""
    plain = open_split(converted(tmp_path, "sudoku"), "train")
    shuffles = plain.puzzle.symmetries
    np.random.seed(0)
    rows = []
    for chosen in np.random.choice(6, size=4, replace=False):
        pair = plain.inputs[chosen][None], plain.labels[chosen][None]
        rows.append(pair)
        rows += [shuffles.shuffle(*upstream_draws(), *pair) for _ in range(3)]
    for at, name in enumerate(("inputs", "labels")):
        expected = np.load(GOLDEN / "converted" / "sudoku_v1" / "train" / f"all__{name}.npy")
        assert expected.dtype == np.int64
        np.testing.assert_array_equal(np.concatenate([row[at] for row in rows]), expected)


def test_our_augmented_folder_has_upstreams_shape_in_uint8(tmp_path):
    path = converted(tmp_path, "sudoku", aug=3, n=4)
    data = open_split(path, "train")
    assert (len(data), data.groups, data.inputs.dtype) == (16, 4, np.uint8)
    assert not data.puzzle.contradicts(np.asarray(data.inputs), np.asarray(data.labels)).any()
    keys = data.puzzle.keys(np.asarray(data.inputs), np.asarray(data.labels))
    assert len(set(keys)) == 4
    assert all(len(set(keys[4 * group : 4 * group + 4])) == 1 for group in range(4))


def test_subsampled_mazes_are_rows_of_the_file(tmp_path):
    data = open_split(converted(tmp_path, "maze", n=2), "train")
    everything = np.load(GOLDEN / "converted" / "maze_v0" / "train" / "all__inputs.npy").tolist()
    assert len(data) == 2
    assert all(row in everything for row in np.asarray(data.inputs).tolist())


def test_columns_are_found_by_name_and_ratings_kept(tmp_path):
    path = write(tmp_path / "x.csv", f"{ANSWER},7.5,{QUESTION}", header="answer,rating,question")
    puzzle, puzzles = read_csv(path, Sudoku)
    assert puzzle.side == 4
    assert puzzle.decode(puzzles.inputs[0]) == QUESTION
    assert puzzles.difficulty.tolist() == [7.5]
    bare = write(tmp_path / "y.csv", f"{QUESTION},{ANSWER}", header="question,answer")
    assert read_csv(bare, Sudoku)[1].difficulty is None


def test_zero_is_a_blank_too(tmp_path):
    path = write(tmp_path / "x.csv", f"a,{QUESTION.replace('.', '0')},{ANSWER},1")
    assert read_csv(path, Sudoku)[1].inputs[0, 1] == 1


BAD = {
    "a short question": (f"a,{QUESTION[:-1]},{ANSWER},1", ": the question has the wrong length", "15 characters"),
    "a long answer": (f"a,{QUESTION},{ANSWER}1,1", ": the answer has the wrong length", "17 characters"),
    "a letter": (f"a,x{QUESTION[1:]},{ANSWER},1", ": the question has an unknown character", "'x' in row 1, column 1"),
    "a digit too large": (f"a,{QUESTION},5{ANSWER[1:]},1", ": the answer has an unknown character", "'5' in row 1"),
    "not Latin": (f"a,☃{QUESTION[1:]},{ANSWER},1", ": the question has an unknown character", "'☃'"),
    "another answer": (f"a,{QUESTION},2143432112343412,1", ": the answer contradicts the question", "'2' in row 1"),
    "an empty cell": (f"a,{QUESTION},1.34341221434321,1", ": the answer is no answer", "wrong in 1 cell: "),
    "a broken rule": ("a,................,1234123412341234,1", ": the answer is no answer", "wrong in 16 cells"),
    "a word for a number": (f"a,{QUESTION},{ANSWER},hard", ": the rating is no number", "'hard'"),
    "a column too few": (f"{QUESTION},{ANSWER},1", " has the wrong number of columns", "3"),
}  # fmt: skip


@pytest.mark.parametrize("case", BAD)
def test_a_bad_row_is_named(tmp_path, case):
    row, message, found = BAD[case]
    path = write(tmp_path / "x.csv", f"a,{QUESTION},{ANSWER},1", row)
    with pytest.raises(InputError, match="line 3" + message) as raised:
        read_csv(path, Sudoku)
    assert found in str(raised.value)
    assert raised.value.exit_code == 3


def test_check_finds_questions_without_a_single_solution(tmp_path):
    path = write(tmp_path / "x.csv", f"a,{QUESTION},{ANSWER},1", f"a,{'.' * 16},{ANSWER},1")
    read_csv(path, Sudoku)
    with pytest.raises(InputError, match="line 3: the question has more than one solution"):
        read_csv(path, Sudoku, check=True)


def test_check_finds_paths_that_are_not_shortest(tmp_path):
    gap = write(tmp_path / "x.csv", "a,S G      ,S G      ,1")
    with pytest.raises(InputError, match="the answer is no answer"):
        read_csv(gap, Maze)
    long = write(tmp_path / "y.csv", "a,S G      ,S Gooo   ,1")
    read_csv(long, Maze)
    with pytest.raises(InputError, match="line 2: the answer is no shortest path"):
        read_csv(long, Maze, check=True)


def test_a_path_in_the_question_is_refused(tmp_path):
    path = write(tmp_path / "x.csv", "a,SoG      ,SoG      ,1")
    with pytest.raises(InputError, match="line 2: the question has an unknown character"):
        read_csv(path, Maze)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "has no column of questions"),
        (b"question,answer\n", "holds no puzzles"),
        (b"question,answer\n123,123\n", "line 2: the question has the wrong length"),
        (b"question,answer\n\xff\xfe,1\n", "is not UTF-8 text"),
    ],
)
def test_files_that_are_no_puzzles(tmp_path, content, message):
    (tmp_path / "x.csv").write_bytes(content)
    with pytest.raises(InputError, match=message):
        read_csv(tmp_path / "x.csv", Sudoku)


def test_the_test_file_must_have_the_size_of_the_training_file(tmp_path):
    train = write(tmp_path / "a.csv", f"a,{QUESTION},{ANSWER},1")
    with pytest.raises(InputError, match=r"train.csv, line 2: the question has the wrong length"):
        build(SudokuRecipe(source="csv", train=train, test=GOLDEN / "csv" / "sudoku" / "train.csv"), tmp_path / "made")
    assert not (tmp_path / "made").exists()


def test_a_byte_order_mark_is_no_part_of_the_first_column(tmp_path):
    path = write(tmp_path / "x.csv", f"{QUESTION},{ANSWER}", header="question,answer")
    path.write_bytes(b"\xef\xbb\xbf" + path.read_bytes())
    assert len(read_csv(path, Sudoku)[1]) == 1


@pytest.mark.parametrize("what", ["a pipe", "a folder", "a loop", "nothing"])
def test_what_is_no_file_is_refused_unread(tmp_path, what):
    path = tmp_path / "x.csv"
    if what == "a pipe":
        os.mkfifo(path)
    elif what == "a folder":
        path.mkdir()
    elif what == "a loop":
        path.symlink_to("x.csv")
    with pytest.raises(InputError, match=r"x\.csv"):
        read_csv(path, Sudoku)


@pytest.mark.parametrize("field", ["\0", '"' + "1" * 200_000 + '"', '"'])
def test_fields_that_csv_cannot_hold(tmp_path, field):
    path = tmp_path / "x.csv"
    path.write_text(f"question,answer\n{field},{ANSWER}\n")
    with pytest.raises(InputError, match=r"x\.csv"):
        read_csv(path, Sudoku)


def test_a_file_larger_than_the_memory_is_refused(tmp_path, monkeypatch):
    path = write(tmp_path / "x.csv", f"a,{QUESTION},{ANSWER},1")
    monkeypatch.setattr("rrdyn.data.csv_file.memory_left", lambda: 20)
    with pytest.raises(InputError, match="too large"):
        read_csv(path, Sudoku)
