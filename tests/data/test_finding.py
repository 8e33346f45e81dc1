"""The dataset of a checkpoint, found by its digest after a study has been moved, and taken by nothing else."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from tests.data.small_folder import small

from rrdyn.cli.app import main
from rrdyn.data.finding import find_dataset
from rrdyn.data.folder import open_split
from rrdyn.models import load, save

MODEL = Path(__file__).parents[1] / "golden" / "models" / "sudoku4.pt"


@pytest.fixture
def study(tmp_path, monkeypatch):
    """A checkpoint and its dataset, made in one folder; the shell is in another by now."""
    (tmp_path / "shell").mkdir()
    small(tmp_path / "made" / "study" / "puzzles" / "four")
    digest = open_split(tmp_path / "made/study/puzzles/four", "train").digest
    dataset = {"path": "study/puzzles/four", "digest": digest}
    save(load(MODEL), tmp_path / "made/study/run/checkpoints/step_8", {"dataset": dataset, "step": 8})
    monkeypatch.chdir(tmp_path / "shell")
    return tmp_path / "made" / "study"


def evaluated(checkpoint, capsys, *more):
    code = main(["evaluate", str(checkpoint), "--n", "2", "--json", "--device", "cpu", *more])
    return code, json.loads(capsys.readouterr().out)


def test_a_study_is_moved_and_renamed(study, tmp_path, capsys):
    moved = shutil.move(study, tmp_path / "elsewhere")
    assert evaluated(moved / "run", capsys)[0] == 0
    assert main(["inspect", str(moved / "run"), "--json"]) == 0
    expects = json.loads(capsys.readouterr().out)["checkpoint"]["expects"]
    assert expects["dataset_here"]
    assert Path(expects["dataset"]).samefile(moved / "puzzles" / "four")


def test_a_checkpoint_alone_finds_what_lies_in_the_current_folder_and_in_data(study, tmp_path):
    digest = open_split(study / "puzzles/four", "train").digest
    alone = tmp_path / "a" / "b" / "ckpt.pt"
    assert find_dataset(digest, "study/puzzles/four", alone) is None
    shutil.copytree(study / "puzzles/four", "data/under another name")
    assert find_dataset(digest, "study/puzzles/four", alone) == Path("data/under another name")
    shutil.copytree("data", "here")
    assert find_dataset(digest, "/gone/here", alone / "x") is not None


def test_another_dataset_under_the_same_name_is_never_taken(study, capsys):
    small(Path("study/puzzles/four"), count=3)
    code, answer = evaluated(study / "run", capsys)
    assert code == 0, "that of the study is nearer than nothing"
    shutil.rmtree(study / "puzzles")
    code, answer = evaluated(study / "run", capsys)
    assert code == 3
    assert answer["error"]["found"] == "another training split under that name"
    assert evaluated(study / "run", capsys, "--data", "study/puzzles/four")[0] == 0
    shutil.rmtree("study")
    code, answer = evaluated(study / "run", capsys)
    assert (code, answer["error"]["found"]) == (3, "it names study/puzzles/four")


@pytest.mark.parametrize("out", ["sent/ckpt.pt", "sent --layout rrdyn", "sent --layout upstream"])
def test_an_export_takes_its_dataset_along(study, out, capsys):
    assert main(["export", str(study / "run"), *out.split(), "--with-data", "--json"]) == 0
    wrote = json.loads(capsys.readouterr().out)["wrote"]
    shutil.rmtree(study)
    shutil.move("sent", "received")
    assert evaluated(wrote[0].replace("sent", "received"), capsys)[0] == 0
