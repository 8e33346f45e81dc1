"""Copies of ARC tasks vote: who is asked, what is mapped back, what is written."""

from __future__ import annotations

import json
import re
from pathlib import Path

import numpy as np
import pytest
import torch

from rrdyn.cli.app import main
from rrdyn.data.arc.kind import Arc
from rrdyn.data.arc.recipe import ArcRecipe
from rrdyn.data.build import build as build_data
from rrdyn.data.folder import open_split
from rrdyn.measurement.voting import cast, submission
from rrdyn.models import build, save

SIZES = {"seq_len": 16, "vocab_size": 12, "num_puzzle_identifiers": 9}
MODEL = {"name": "trm", "hidden_size": 16, "num_heads": 2, "L_layers": 1, "H_cycles": 1, "L_cycles": 1,
         "mlp_t": True, "pos_encodings": "none", "puzzle_emb_ndim": 16,
         "puzzle_emb_len": 1, "halt_max_steps": 2}  # fmt: skip


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    return arc_in(tmp_path_factory.mktemp("arc"))


def arc_in(place: Path) -> Path:
    """Two tasks of four copies each, the last of which is not trained; and a model that has learnt nothing."""
    recipe = ArcRecipe(canvas=4, aug=3, held_out=1, test_n=2, pairs=6, test_pairs=3)
    data = build_data(recipe, place / "data", kind=Arc)
    torch.manual_seed(0)
    model = build({**MODEL, **SIZES, "forward_dtype": "float32"})
    with torch.no_grad():
        model.puzzle_table.normal_()
    save(model, place / "ckpt", {"dataset": str(data)})
    return place


@pytest.fixture(scope="module")
def split(place):
    return open_split(place / "data", "test")


def test_right_answers_to_all_copies_are_one_answer(split):
    idx = np.arange(len(split))
    found = cast(split, idx, np.asarray(split.labels), np.zeros(len(idx)))
    assert found["right"].all()
    questions = set(zip(found["task"].tolist(), found["question"].tolist()))
    assert len(set(zip(found["task"], found["question"], found["answer"]))) == len(questions) == 6
    originals = split.originals
    assert (found["preds"][originals] == np.asarray(split.labels)[originals]).all()


def test_a_submission_has_two_attempts_and_the_tasks_grids(split, place):
    idx = np.arange(len(split))
    made = submission(cast(split, idx, np.asarray(split.labels), np.zeros(len(idx))), ["a", "b"], split.puzzle)
    tasks = list(json.loads((place / "data" / "test_puzzles.json").read_text()).values())
    assert [[one["attempt_1"] for one in made[name]] for name in "ab"] == [
        [pair["output"] for pair in task["test"]] for task in tasks
    ]
    assert made["a"][0]["attempt_2"] == made["a"][0]["attempt_1"]


@pytest.mark.parametrize(
    ("words", "votes"),
    [([], 24), (["--copies", "2"], 12), (["--n", "1"], 12), (["--identifiers", "held-out"], 6),
     (["--identifiers", "trained"], 18), (["--identifiers", "blank"], 24)],
)  # fmt: skip
def test_who_votes(place, words, votes, tmp_path, capsys):
    assert (
        main(["vote", str(place / "ckpt"), *words, "--device", "cpu", "--out", str(tmp_path / "v.npz"), "--json"]) == 0
    )
    told = json.loads(capsys.readouterr().out)
    assert told["votes"] == votes
    assert told["passes"]["pass@2"]["n"] == told["tasks"]


def test_the_blank_identifier_answers_otherwise(place, tmp_path, capsys):
    for name in ("own", "blank"):
        words = ["--identifiers", name, "--out", str(tmp_path / f"{name}.npz"), "--submission", str(tmp_path / name)]
        assert main(["vote", str(place / "ckpt"), *words, "--device", "cpu", "--quiet"]) == 0
    own, blank = (np.load(tmp_path / f"{name}.npz")["preds"] for name in ("own", "blank"))
    assert (own != blank).any()
    assert set(json.loads((tmp_path / "own").read_text())) == {"mirror", "swap"}
    capsys.readouterr()


def test_a_submission_that_cannot_be_written_is_told_before_anything_is_measured(place, tmp_path, capsys):
    (tmp_path / "sub.json").write_text("mine")
    words = ["--submission", str(tmp_path / "sub.json"), "--out", str(tmp_path / "v.npz")]
    assert main(["vote", str(place / "ckpt"), "--device", "cpu", *words]) == 1
    assert "no file of ours" in capsys.readouterr().err
    assert [path.name for path in tmp_path.iterdir()] == ["sub.json"]


def test_votes_are_read_by_what_else_was_measured(place, tmp_path, capsys):
    checkpoint, files = str(place / "ckpt"), {}
    for name, words in {"diagnose": ["--k", "1"], "fate": ["--horizon", "4", "--multipliers", "0"]}.items():
        for n in (24, 8):
            files[name, n] = str(tmp_path / f"{name}_{n}.npz")
            line = [name, checkpoint, "--n", str(n), *words, "--device", "cpu", "--out", files[name, n], "--quiet"]
            assert main(line) == 0
    capsys.readouterr()
    votes = ["vote", checkpoint, "--device", "cpu", "--out", str(tmp_path / "v.npz"), "--json", "--beside"]
    assert main([*votes, files["diagnose", 24], files["fate", 24]]) == 0
    told = json.loads(capsys.readouterr().out)
    assert [row["reader"] for row in told["readers"]] == ["q_halt", "residual", "lambda_1", "settled"]
    assert told["readers"][0]["counted"]["pass@1"]["value"] == told["passes"]["pass@1"]["value"]
    assert main([*votes, files["fate", 8]]) == 3
    assert "lacks some of the copies that vote" in capsys.readouterr().err
    assert main([*votes, str(tmp_path / "v.npz")]) == 3
    assert "says nothing of votes" in capsys.readouterr().err
    assert (
        main([*votes[:4], "--out", str(tmp_path / "b.npz"), "--identifiers", "blank", "--beside", files["fate", 24]])
        == 3
    )
    assert "is of other identifiers" in capsys.readouterr().err


def test_kinds_without_copies_cannot_vote(tmp_path, capsys):
    assert main(["data", "sudoku", "--source", "generate", "--size", "4", "--clues", "8", "--n", "4", "--test-n", "2",
                 "--val-groups", "0", "--out", str(tmp_path / "data"), "--quiet"]) == 0  # fmt: skip
    save(build({**MODEL, **SIZES, "vocab_size": 6, "num_puzzle_identifiers": 1}), tmp_path / "ckpt",
         {"dataset": str(tmp_path / "data")})  # fmt: skip
    capsys.readouterr()
    assert main(["vote", str(tmp_path / "ckpt"), "--device", "cpu"]) == 3
    assert "has no copies that could vote" in capsys.readouterr().err


# ---- a task typed in -------------------------------------------------------------------------------------------------


def solve(place, path, capsys, *more) -> str:
    assert main(["solve", str(place / "ckpt"), "--puzzle", str(path), "--device", "cpu", *more]) == 0
    return capsys.readouterr().out


def test_a_task_of_the_dataset_is_asked_under_its_identifiers(place, tmp_path, capsys):
    tasks = json.loads((place / "data" / "test_puzzles.json").read_text())
    (tmp_path / "swap.json").write_text(json.dumps(tasks["swap"]))
    told = json.loads(solve(place, tmp_path / "swap.json", capsys, "--json"))
    assert (told["task"], told["known"], len(told["questions"])) == ("swap", True, 3)
    assert told["questions"][0]["copies"] == 4
    words = ["--submission", str(tmp_path / "sub.json"), "--out", str(tmp_path / "v.npz")]
    assert main(["vote", str(place / "ckpt"), "--device", "cpu", *words]) == 0  # the same copies, the same votes
    submitted = json.loads((tmp_path / "sub.json").read_text())["swap"]
    assert [one["attempts"][0] for one in told["questions"]] == [one["attempt_1"] for one in submitted]


def test_a_task_nobody_knows_is_asked_in_its_turns(place, tmp_path, capsys):
    (tmp_path / "new.json").write_text('{"train": [{"input": [[1]], "output": [[2]]}], "test": [{"input": [[3, 0]]}]}')
    told = solve(place, tmp_path / "new.json", capsys)
    assert told.startswith("question 1     attempt 1: ")
    assert "of 8 votes" in told
    assert "\n30 " in told
    assert "was not trained on this task" in told


@pytest.mark.parametrize(
    ("text", "message"),
    [('{"train": []}', "bad is no ARC task"),
     ('{"train": [{"input": [[1]], "output": [[2]]}], "test": [{"input": [[3, 0, 0, 0, 0]]}]}', "a grid does not fit")],
)  # fmt: skip
def test_a_task_that_cannot_be_asked(place, text, message, tmp_path, capsys):
    (tmp_path / "bad.json").write_text(text)
    assert main(["solve", str(place / "ckpt"), "--puzzle", str(tmp_path / "bad.json"), "--device", "cpu"]) == 3
    assert message in capsys.readouterr().err


def test_from_the_json_of_tasks_to_a_report(tmp_path, monkeypatch, capsys):
    """Files of tasks, a training, votes, exponents, fates, the 2x2, one task solved, and the page of it all."""
    monkeypatch.chdir(tmp_path)
    for subset in ("training", "evaluation"):
        (tmp_path / "tasks" / subset).mkdir(parents=True)
        (tmp_path / "tasks" / subset / f"{subset}.json").write_text(json.dumps(mirrored(subset == "evaluation")))
    last = "study/run/checkpoints/last"
    lines = [
        "data arc --source tasks --canvas 4 --aug 3 --val-groups 1 --out data",
        "train data --preset arc-small --steps 3 --batch 4 --eval-every 3 --eval-n 1 --device cpu --out study/run",
        f"vote {last} --device cpu --out study/votes.npz",
        f"diagnose {last} --n 8 --k 1 --device cpu --out study/diag.npz",
        f"fate {last} --n 8 --horizon 6 --multipliers 0 --device cpu --out study/fate.npz",
        "analyze-2x2 study/diag.npz",
        f"solve {last} --puzzle tasks/evaluation/evaluation.json --device cpu",
        "report study --out page.html",
    ]
    for line in lines:
        assert main([*line.split(), "--quiet"]) == 0, (line, capsys.readouterr().err)
    capsys.readouterr()
    beside = ["--beside", "study/diag.npz", "study/fate.npz"]
    assert main(["vote", last, "--device", "cpu", "--out", "study/votes.npz", *beside, "--json"]) == 0
    said = json.loads(capsys.readouterr().out)
    assert (said["tasks"], said["questions"], said["votes"]) == (1, 2, 8)
    assert [row["reader"] for row in said["readers"]] == ["q_halt", "residual", "lambda_1", "settled"]
    page = (tmp_path / "page.html").read_text()
    assert re.search(r"Of \d failures at segment 3", page)


def mirrored(asked: bool) -> dict:
    """A task whose answer is the grid from right to left."""
    rng = np.random.default_rng(asked)
    grids = [rng.integers(1, 10, (2, 3)) for _ in range(5)]
    pairs = [{"input": grid.tolist(), "output": grid[:, ::-1].tolist()} for grid in grids]
    return {"train": pairs[:3], "test": pairs[3:]}
