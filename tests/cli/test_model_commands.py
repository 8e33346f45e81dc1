"""evaluate, solve, export, inspect, hub: what a person reads, what a program reads, what is refused.

The pages of `solve` are held by a snapshot; after a wanted change: UPDATE_SNAPSHOTS=1 python -m pytest FILE
"""

from __future__ import annotations

import json
import os
import shutil
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from rrdyn.artifacts.npz import write_npz
from rrdyn.artifacts.schemas import ROLLOUT
from rrdyn.cli.app import main
from rrdyn.data.sudoku.kind import Sudoku
from rrdyn.data.writer import write_split
from rrdyn.models import load, save
from rrdyn.runtime import hub

DATA = Path(__file__).parents[1] / "golden" / "models"
SNAPSHOT = Path(__file__).with_name("snapshots") / "solve.json"
SUDOKU, MAZE = str(DATA / "sudoku4.pt"), str(DATA / "maze5.pt")
PUZZLES = {
    "sudoku right": (SUDOKU, ".2.43......34.2."),
    "sudoku wrong": (SUDOKU, "..1.1...2.....4."),
    "sudoku impossible": (SUDOKU, "12....3....4...."),
    "maze right": (MAZE, " #   G###S   # ## #      "),
    "maze wrong": (MAZE, " #   #   G    #  #   #  S"),
    "maze impossible": (MAZE, "S#   ##                 G"),
}


@pytest.fixture(scope="module")
def dataset(tmp_path_factory):
    folder = tmp_path_factory.mktemp("data") / "four"
    solution = np.array([2, 3, 4, 5, 4, 5, 2, 3, 3, 2, 5, 4, 5, 4, 3, 2], dtype=np.uint8)
    inputs = np.where(np.random.default_rng(0).random((6, 16)) < 0.4, 1, solution).astype(np.uint8)
    write_split(folder, "test", Sudoku(4), inputs, np.tile(solution, (6, 1)))
    return folder


@pytest.fixture(scope="module")
def run(tmp_path_factory, dataset):
    folder = tmp_path_factory.mktemp("runs") / "run4"
    save(load(SUDOKU), folder / "checkpoints" / "step_8", {"dataset": {"path": str(dataset)}, "step": 8, "seed": 1})
    return folder


@pytest.fixture
def terminal(monkeypatch):
    monkeypatch.setenv("COLUMNS", "100")
    monkeypatch.delenv("NO_COLOR", raising=False)

    def as_terminal():
        monkeypatch.setattr(sys.stdout, "isatty", lambda: True, raising=False)

    return as_terminal


@pytest.mark.parametrize("name", PUZZLES)
def test_solve_in_a_terminal(name, terminal, capsys):
    terminal()
    checkpoint, puzzle = PUZZLES[name]
    assert main(["solve", checkpoint, "--puzzle", puzzle, "--segments", "4"]) == 0
    page = capsys.readouterr().out
    # the last digits of the halting logits are the machine's, not the page's
    lines = [line for line in page.splitlines() if not line.startswith("q_halt")]
    held = json.loads(SNAPSHOT.read_text()) if SNAPSHOT.exists() else {}
    if os.environ.get("UPDATE_SNAPSHOTS"):
        SNAPSHOT.write_text(json.dumps({**held, name: lines}, indent=1) + "\n")
        return
    assert lines == held[name]


def test_solve_without_a_terminal_has_no_colours(terminal, capsys, monkeypatch):
    main(["solve", *PUZZLES["maze right"][:1], "--puzzle", PUZZLES["maze right"][1]])
    assert "\x1b" not in capsys.readouterr().out
    terminal()
    monkeypatch.setenv("NO_COLOR", "1")
    main(["solve", SUDOKU, "--puzzle", PUZZLES["sudoku right"][1]])
    assert "\x1b" not in capsys.readouterr().out


def test_solve_as_json_and_from_a_file(tmp_path, capsys):
    (tmp_path / "p.txt").write_text(". 2 | . 4\n3 . | . .\n----+----\n. . | . 3\n4 . | 2 .\n")
    assert main(["solve", SUDOKU, "--puzzle", str(tmp_path / "p.txt"), "--segments", "3", "--json"]) == 0
    record = json.loads(capsys.readouterr().out)
    assert (record["kind"], record["solutions"], record["right"], record["verdict"]) == ("sudoku", "one", True, "right")
    assert [row["segment"] for row in record["segments"]] == [1, 2, 3]


def test_solve_a_puzzle_of_the_dataset(run, capsys):
    assert main(["solve", str(run), "--idx", "2", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["right"] is True
    assert main(["solve", str(run), "--idx", "99"]) == 2
    assert "--idx is out of range" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        ([SUDOKU], 2, "which puzzle?"),
        ([SUDOKU, "--puzzle", "12"], 3, "wrong length"),
        ([SUDOKU, "--idx", "0"], 3, "names no dataset"),
        (["nothing.pt", "--puzzle", "1"], 3, "does not exist"),
        ([SUDOKU, "--puzzle", "nofile.txt"], 3, "nofile.txt does not exist"),
        ([SUDOKU, "--puzzle", "puzzles/17"], 3, "puzzles/17 does not exist"),
        ([SUDOKU, "--puzzle", "1" * 16, "--device", "tpu"], 2, "--device is not"),
    ],
)
def test_solve_refuses(arguments, code, message, capsys):
    assert main(["solve", *arguments]) == code
    found = capsys.readouterr()
    assert message in found.err
    assert "Traceback" not in found.err
    assert not found.out


def test_evaluate(run, dataset, tmp_path, capsys):
    out = tmp_path / "eval.json"
    assert main(["evaluate", str(run), "--n", "0", "--out", str(out)]) == 0
    found = capsys.readouterr()
    assert "6 puzzles, budget 8 segments" in found.out
    assert "answers lost" in found.out
    assert f"wrote {out}" in found.err
    record = json.loads(out.read_text())
    assert record["segments"][0]["exact"]["n"] == 6
    assert record["meta"]["dataset"]["name"] == "four"
    assert main(["evaluate", SUDOKU, "--data", str(dataset), "--halt", "--json", "--quiet", "--n", "4"]) == 0
    found = capsys.readouterr()
    assert json.loads(found.out)["n"] == 4
    assert not found.err
    assert main(["evaluate", SUDOKU]) == 3
    assert "does not say which dataset" in capsys.readouterr().err
    assert main(["evaluate", MAZE, "--data", str(dataset)]) == 3


@pytest.mark.parametrize("layout", ["upstream", "hub", "rrdyn"])
def test_export_and_inspect(run, layout, tmp_path, capsys):
    out = tmp_path / layout
    assert main(["export", str(run), str(out), "--layout", layout]) == 0
    wrote = [line.split()[1] for line in capsys.readouterr().err.splitlines() if line.startswith("wrote")]
    assert main(["inspect", wrote[0], "--json"]) == 0
    record = json.loads(capsys.readouterr().out)
    assert record["parameters"]["all"] > 10_000
    assert record["expects"]["seq_len"] == 16


def test_export_to_one_file(run, tmp_path, capsys):
    out = tmp_path / "ckpt.pt"
    assert main(["export", str(run), str(out)]) == 0
    assert torch.load(out, weights_only=True)["step"] == 8
    assert main(["evaluate", str(out), "--n", "2", "--json"]) == 0  # it names its dataset
    assert main(["export", str(run), str(tmp_path / "folder")]) == 2
    assert main(["export", str(run), str(out), "--layout", "hub"]) == 2
    assert "which layout?" in capsys.readouterr().err


def test_inspect_every_kind(run, dataset, tmp_path, capsys):
    write_npz(
        tmp_path / "r.npz", ROLLOUT, {"exact": np.eye(3, dtype=bool), "drift": np.full((3, 3), np.nan)}, {"seed": 5}
    )
    np.savez(tmp_path / "foreign.npz", a=np.arange(3))
    (tmp_path / "t.csv").write_text("a,b\n1,2\n")
    (tmp_path / "r.json").write_text('{"schema": "evaluation", "n": 3, "meta": {"seed": 2}}')
    said = {}
    for path in (
        tmp_path / "r.npz",
        tmp_path / "foreign.npz",
        tmp_path / "t.csv",
        tmp_path / "r.json",
        run,
        dataset,
        SUDOKU,
    ):
        assert main(["inspect", str(path)]) == 0
        said[Path(path).name] = capsys.readouterr().out
    assert "33.3% true" in said["r.npz"]
    assert "9 not finite" in said["r.npz"]
    assert "whole answer right after each segment" in said["r.npz"]
    assert "no known schema" in said["foreign.npz"]
    assert "1 rows: a, b" in said["t.csv"]
    assert "evaluation file" in said["r.json"]
    assert "a TRM (MLP mixing, hidden 32, 17 positions)" in said["sudoku4.pt"]
    assert "checkpoints" in said[run.name]


def test_inspect_a_study(run, tmp_path, capsys):
    (tmp_path / "study.json").write_text('{"done": {"rrdyn train x": 1.5}}')
    (tmp_path / "pretrain").symlink_to(run)
    assert main(["inspect", str(tmp_path)]) == 0
    said = capsys.readouterr().out
    assert "runs        pretrain" in said
    assert "1.5 s  rrdyn train x" in said


def test_inspect_refuses_what_it_does_not_know(tmp_path, capsys):
    (tmp_path / "notes.txt").write_text("hello")
    (tmp_path / "empty").mkdir()
    for name in ("notes.txt", "empty", "nothing"):
        assert main(["inspect", str(tmp_path / name)]) == 3
    said = capsys.readouterr().err
    assert "Traceback" not in said
    assert "notes.txt is of no kind that rrdyn knows" in said
    assert "an artifact (.npz of diag, " in said
    assert "a table (.csv, .tsv), a checkpoint" in said


@pytest.mark.parametrize("command", ["diagnose", "inspect", "evaluate"])
def test_a_folder_of_several_checkpoints_is_refused_with_their_list(command, run, tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    shutil.copy(SUDOKU, "a.pt")
    shutil.copy(MAZE, "weights.pt")
    (tmp_path / "runs").mkdir()
    (tmp_path / "runs" / "base").symlink_to(run)
    assert main([command, "."]) == 3
    said = capsys.readouterr().err
    assert "found:    a.pt, weights.pt, runs/base" in said
    assert "try:      the same line with a.pt" in said


def test_a_study_is_refused_with_its_runs_and_one_run_is_not(run, tmp_path, capsys):
    for name in ("base", "multi4"):
        (tmp_path / name).symlink_to(run)
    assert main(["diagnose", str(tmp_path)]) == 3
    said = capsys.readouterr().err
    assert "found:    base, multi4" in said
    assert f"try:      the same line with {tmp_path / 'base'}" in said
    assert main(["evaluate", str(tmp_path / "base"), "--n", "1", "--quiet"]) == 0


def test_the_columns_of_inspect_hold_their_names(run, capsys):
    save(load(SUDOKU), run.parent / "dated", {"rrdyn_version": "1.2.3", "git_commit": "abc", "seed": 1})
    assert main(["inspect", str(run.parent / "dated")]) == 0
    said = capsys.readouterr().out
    assert "\nversion     1.2.3\ngit commit  abc\nseed        1" in said
    assert "beside them the initial state, 64 numbers that training leaves alone" in said


def test_hub_pull_and_push(run, tmp_path, capsys, monkeypatch):
    asked = []
    monkeypatch.setattr(hub, "pull", lambda ref: run / "checkpoints" / "step_8")
    monkeypatch.setattr(
        hub, "push", lambda path, ref, **more: asked.append((path, str(ref), more)) or "https://x/commit/1"
    )
    assert main(["hub", "pull", "hub://o/r/step_8", "--out", str(tmp_path / "here")]) == 0
    assert capsys.readouterr().out.strip() == str(tmp_path / "here" / "step_8")
    assert load(tmp_path / "here" / "step_8").source.step == 8
    assert main(["hub", "push", str(run), "o/r/x", "--private", "--no-card"]) == 0
    assert asked == [(str(run), "hub://o/r/x", {"private": True, "message": None, "card": None})]
    assert main(["hub", "pull", "nonsense"]) == 2
    said = capsys.readouterr().err
    assert "not a place on the Hub" in said
    assert "try:" not in said, "no other repository is put in the mouth of who pushes"


def test_a_published_layout_from_the_hub_and_then_offline(run, dataset, tmp_path, capsys, monkeypatch):
    """The source study's layout end to end: one argument opens the model and its puzzles."""
    sys.path.insert(0, str(Path(__file__).parents[1] / "runtime"))
    from hub_server import Hub, point_at_loopback

    point_at_loopback(tmp_path, monkeypatch)
    assert main(["export", str(run), str(tmp_path / "out"), "--layout", "hub", "--data", str(dataset), "--quiet"]) == 0
    files = [path for path in (tmp_path / "out").rglob("*") if path.is_file()]
    model = next(path for path in files if path.name == "weights.pt").parent.name
    with Hub() as server:
        monkeypatch.setenv("HF_ENDPOINT", server.endpoint)
        server.commit("o/chaos", {str(path.relative_to(tmp_path / "out")): path.read_bytes() for path in files})
        place = f"hub://o/chaos/{model}"
        assert main(["evaluate", place, "--n", "0", "--json", "--quiet"]) == 0
        online = json.loads(capsys.readouterr().out)
        assert online["n"] == 6
        assert main(["inspect", place, "--json", "--quiet"]) == 0
        assert json.loads(capsys.readouterr().out)["expects"]["dataset_here"] is True
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    assert main(["evaluate", place, "--n", "0", "--json", "--quiet"]) == 0
    assert json.loads(capsys.readouterr().out) == online
    assert main(["inspect", "hub://o/other", "--quiet"]) == 3
    assert "not in the cache" in capsys.readouterr().err
