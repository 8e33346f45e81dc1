"""`rrdyn data KIND`, `rrdyn plot puzzle` and `rrdyn inspect DATASET` as a user types them."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from tests.data.arc.made_tasks import challenges

from rrdyn.cli.app import main

CSV = Path(__file__).parents[1] / "golden" / "data" / "csv"
TINY = ["--source", "generate", "--size", "4", "--clues", "6", "--n", "12", "--test-n", "6", "--val-groups", "2"]


@pytest.fixture
def made(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert main(["data", "sudoku", *TINY]) == 0
    capsys.readouterr()
    return Path("data/sudoku-4x4-generated")


def test_a_dataset_is_made_and_told_about(tmp_path, capsys):
    out = tmp_path / "four"
    assert main(["data", "sudoku", *TINY, "--out", str(out)]) == 0
    heard = capsys.readouterr()
    assert "sudoku-4x4-generated: sudoku 4x4, source generate" in heard.out
    assert f"wrote {out}" in heard.err
    assert f"next: rrdyn inspect {out}" in heard.err
    assert main(["data", "sudoku", *TINY, "--out", str(out)]) == 0
    again = capsys.readouterr().err
    assert f"kept {out}" in again
    assert "wrote" not in again
    assert (out / "train" / "all__inputs.npy").is_file()


def test_json_is_one_object(tmp_path, capsys):
    assert main(["data", "maze", "--source", "generate", "--size", "5", "--n", "12", "--test-n", "6", "--val-groups",
                 "2", "--out", str(tmp_path / "m"), "--json"]) == 0  # fmt: skip
    data = json.loads(capsys.readouterr().out)
    assert data["splits"]["train"]["groups"] == 12
    assert data["wrote"] == [str(tmp_path / "m")]


def test_a_csv_is_taken(tmp_path, capsys):
    files = ["--train", str(CSV / "maze" / "train.csv"), "--test", str(CSV / "maze" / "test.csv")]
    assert main(["data", "maze", "--source", "csv", *files, "--aug", "--check", "--out", str(tmp_path / "m")]) == 0
    assert "4 puzzles, 32 examples with their copies" in capsys.readouterr().out


def test_arc_tasks_are_taken(tmp_path, capsys):
    folder = challenges(tmp_path / "json")
    line = ["data", "arc", "--source", str(folder), "--aug", "2", "--out", str(tmp_path / "arc")]
    assert main(line) == 0
    assert "arc-json-aug2: arc 30x30, source json" in capsys.readouterr().out
    assert main([*line, "--train", "a.csv"]) == 2
    assert "Unrecognized options: --train" in capsys.readouterr().err
    assert main(["data", "arc", "--help"]) == 0
    shown = capsys.readouterr().out
    assert "--subsets" in shown
    assert not re.search("--(train|test|check|repo|offline|workers)\\b(?!-)", shown)
    assert main(["inspect", str(tmp_path / "arc")]) == 0


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["--source", "csv"], 2, "--source csv needs a file"),
        (["--source", "nowhere"], 2, "nowhere"),
        (["--size", "5"], 2, "5"),
        (["--n", "-1"], 2, "--n is out of range"),
        (["--source", "csv", "--train", "no.csv", "--test", "no.csv"], 3, "no.csv does not exist"),
    ],
)
def test_refusals(arguments, code, message, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert main(["data", "sudoku", *arguments]) == code
    heard = capsys.readouterr()
    assert message in heard.err
    assert "Traceback" not in heard.err
    assert list(tmp_path.iterdir()) == []


def test_a_bad_row_is_named_and_nothing_is_written(tmp_path, capsys):
    lines = (CSV / "sudoku" / "train.csv").read_text().splitlines()
    lines[3] = lines[3].replace(".", "x", 1)
    (tmp_path / "bad.csv").write_text("\n".join(lines))
    arguments = ["--train", str(tmp_path / "bad.csv"), "--test", str(CSV / "sudoku" / "test.csv")]
    assert main(["data", "sudoku", *arguments, "--out", str(tmp_path / "made")]) == 3
    assert "bad.csv, line 4: the question has an unknown character" in capsys.readouterr().err
    assert not (tmp_path / "made").exists()


def test_a_folder_is_not_written_over(made, capsys):
    assert main(["data", "sudoku", *TINY]) == 2
    assert "exists already" in capsys.readouterr().err
    assert main(["data", "sudoku", *TINY, "--force"]) == 0


def test_inspect_draws_puzzles(made, capsys):
    assert main(["inspect", str(made)]) == 0
    heard = capsys.readouterr().out
    assert "tokens:" in heard
    assert "test puzzle 0, and its answer:" in heard


def test_plot_puzzle_writes_a_picture(made, capsys):
    assert main(["plot", "puzzle", str(made), "--idx", "1", "3", "--out", "figures"]) == 0
    names = sorted(path.name for path in Path("figures").iterdir())
    stem = "puzzle_sudoku-4x4-generated_test"
    assert names == [f"{stem}{end}" for end in (".caption.txt", ".data.csv", ".pdf", ".png")]
    assert "Puzzles 1, 3 of sudoku-4x4-generated (test split)" in (Path("figures") / names[0]).read_text()


def test_plot_puzzle_refuses_what_is_not_there(made, capsys):
    assert main(["plot", "puzzle", str(made), "--idx", "99"]) == 2
    assert "has no test puzzle 99" in capsys.readouterr().err
    assert main(["plot", "puzzle", str(made), "--film", "gif"]) == 2
    assert "--film is for a diag.npz" in capsys.readouterr().err
    assert main(["plot", "puzzle", "diag.npz", "--idx", "1", "2"]) == 2
    assert main(["plot", "puzzle", "diag.npz"]) == 3
