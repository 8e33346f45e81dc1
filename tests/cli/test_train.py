"""`rrdyn train` as a person types it: tasks, recipes, arms, resuming, mistakes."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
import torch
import yaml

from rrdyn.artifacts.config import presets
from rrdyn.cli.app import main
from rrdyn.data.defaults import ensure
from rrdyn.models import load

QUICK = [
    "--preset",
    "demo-tiny",
    "--steps",
    "4",
    "--batch",
    "4",
    "--eval-every",
    "2",
    "--eval-n",
    "8",
    "--log-every",
    "2",
]


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> str:
    return str(ensure("sudoku", "sudoku-4x4-tiny", root=tmp_path_factory.mktemp("data")))


def rows(run: Path) -> list[dict]:
    return [json.loads(line) for line in (run / "train.jsonl").read_text().splitlines()]


def test_a_run_folder(data, tmp_path, capsys):
    run = tmp_path / "run"
    assert main(["train", data, *QUICK, "--out", str(run), "--json"]) == 0
    heard = capsys.readouterr()
    said = json.loads(heard.out)
    assert said["step"] == 4
    assert {path.name for path in run.iterdir()} >= {
        "config.yaml",
        "meta.json",
        "train.log",
        "train.jsonl",
        "checkpoints",
    }
    assert {path.name for path in (run / "checkpoints").iterdir()} == {"step_2", "step_4", "best", "last"}
    assert {path.name for path in (run / "checkpoints" / "last").iterdir()} == {
        "model.safetensors",
        "meta.json",
        "state.pt",
    }
    assert [row["step"] for row in rows(run)] == [2, 4]
    assert "plan: " in heard.err
    assert "to the end" in heard.err
    config = yaml.safe_load((run / "config.yaml").read_text())
    assert (config["preset"], config["aug"]["name"], config["steps"], config["task"]) == (
        "demo-tiny",
        "none",
        4,
        "sudoku",
    )
    meta = json.loads((run / "meta.json").read_text())
    assert meta["arm"] == "none"
    assert meta["dataset"]["path"] == data
    model = load(run / "checkpoints" / "last")
    assert model.source.step == 4
    assert model.source.dataset is not None


def test_a_run_of_the_same_settings_that_has_not_ended_is_told(data, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert main(["train", data, *QUICK]) == 0
    (first,) = (tmp_path / "runs").glob("*/*")
    assert main(["train", data, *QUICK, "--dry-run"]) == 0
    assert "has begun in" not in capsys.readouterr().err
    shutil.rmtree(first / "checkpoints" / "step_4")  # as if it had been stopped at step 2
    assert main(["train", data, *QUICK, "--dry-run"]) == 0
    begun = first.relative_to(tmp_path)
    assert f"a run of these settings has begun in {begun}: rrdyn train --resume {begun}" in capsys.readouterr().err
    assert main(["train", data, *QUICK, "--lr", "1e-5", "--dry-run"]) == 0
    assert "has begun in" not in capsys.readouterr().err
    (first / "config.yaml").write_text("steps: [")  # damaged: no reason not to begin another
    assert main(["train", data, *QUICK, "--dry-run"]) == 0


def test_the_table_can_be_read_back(data, tmp_path, capsys):
    """What docs/training.md promises to whoever parses train.log."""
    run = tmp_path / "run"
    start = ["--init", str(pretrained(data, tmp_path))]
    line = ["train", data, *QUICK, "--aug", "multi4", *start, "--seed", "3", "--out", str(run)]
    assert main([*line, "--ramp-steps", "0", "--quiet"]) == 0
    lines = (run / "train.log").read_text().splitlines()
    assert all(" | INFO | " in text for text in lines)
    told = [text.split(" | INFO | ")[1] for text in lines]
    assert any(text.startswith("argv: rrdyn ") for text in told)
    preset = next(text for text in told if text.startswith("preset="))
    assert "preset=demo-tiny arm=multi4 seed=3 K=4 sigma=3e-05..0.003" in preset
    names = next(text for text in told if text.split()[:2] == ["step", "epoch"]).split()
    assert " ".join(names) == "step epoch loss lr acc acc_pert drift lam1 q_acc noise changed sps eta"
    table = [dict(zip(names, text.split(), strict=True)) for text in told if text.split()[0].isdigit()]
    assert [int(row["step"]) for row in table] == [0, 2, 4]
    assert table[0]["loss"] == "-"
    assert float(table[1]["noise"]) > 0
    assert 0 <= float(table[1]["changed"]) <= 1
    assert [row["step"] for row in rows(run)] == [0, 2, 4]
    widths = {len(text) for text in told if text.split()[0].isdigit()}
    assert len(widths) == 1


def pretrained(data: str, folder: Path) -> Path:
    run = folder / "pretrained"
    assert main(["train", data, *QUICK, "--out", str(run), "--quiet"]) == 0
    return run / "checkpoints" / "last"


def test_the_same_line_again_goes_on(data, tmp_path, capsys):
    study = tmp_path / "study"
    shutil.copytree(data, study / "data")
    line = ["train", str(study / "data"), *QUICK, "--out", str(study / "run"), "--set", "optim.lr_min_ratio=1.0"]
    assert main(line) == 0
    assert main([*line, "--steps", "6"]) == 0
    assert "going on from" in capsys.readouterr().err
    assert [row["step"] for row in rows(study / "run")] == [2, 4, 6]
    moved = study.rename(tmp_path / "moved")  # its dataset is found where it lies now
    assert main(["train", "--resume", str(moved / "run"), "--steps", "8"]) == 0
    assert [row["step"] for row in rows(moved / "run")] == [2, 4, 6, 8]


def test_fine_tuning_starts_from_the_checkpoint(data, tmp_path):
    start = pretrained(data, tmp_path)
    run = tmp_path / "tuned"
    assert main(["train", data, *QUICK, "--aug", "none-fixed", "--init", str(start), "--out", str(run), "--quiet"]) == 0
    first = load(run / "checkpoints" / "step_0").state_dict()
    for name, tensor in load(start).state_dict().items():
        assert torch.equal(first[name], tensor), name
    assert rows(run)[0]["step"] == 0
    config = yaml.safe_load((run / "config.yaml").read_text())
    assert config["model"]["name"] == "trm"
    assert config["init"] == str(start)


def test_a_plan_and_no_run(data, tmp_path, capsys):
    run = tmp_path / "run"
    assert main(["train", data, *QUICK, "--out", str(run), "--dry-run", "--json"]) == 0
    heard = capsys.readouterr()
    assert "parameters" not in heard.err, "the plan is said once"
    plan = json.loads(heard.out)["plan"]
    assert plan["steps"] == 4
    assert plan["step_seconds"] > 0
    assert plan["memory_gb"] > 0
    assert not run.exists()


def test_tasks_as_typed(tmp_path, monkeypatch, capsys):
    """`rrdyn train maze --aug multi4` with nothing prepared: data, plan, time; one small step stands for the rest."""
    monkeypatch.chdir(tmp_path)
    line = ["train", "maze", "--aug", "multi4", "--steps", "1", "--batch", "1", "--eval-n", "1"]
    assert main([*line, "--set", "eval.perturbed_n=0", "eval.lyapunov_n=0"]) == 0
    heard = capsys.readouterr().err
    assert "the small preset of the task" in heard
    assert "making it from the preset maze-7x7" in heard
    assert "plan: " in heard
    runs = list((tmp_path / "runs" / "maze-trm-mlp-multi4").iterdir())
    assert len(runs) == 1
    assert runs[0].name.endswith("-s0")


@pytest.mark.parametrize("preset", presets("train"))
def test_every_recipe_describes_a_run(preset, data, tmp_path, monkeypatch):
    """Every preset makes a config with every arm; the large ones are not built."""
    from rrdyn.training.augmentation import aug_presets
    from rrdyn.training.recipes import resolve

    for aug in aug_presets():
        config = resolve(data, preset=preset, aug=aug, changes={}, accelerated=False)
        assert config.preset == preset
        assert config.aug.name == aug
        assert config.model["name"] in ("trm", "hrm", "srm")


@pytest.mark.parametrize(
    ("arguments", "code", "text"),
    [
        (["train"], 2, "nothing to train on"),
        (["train", "nowhere"], 3, "nowhere does not exist"),
        (["train", "DATA", "--preset", "demo-tyni"], 2, "--preset demo-tiny"),
        (["train", "DATA", "--aug", "multi5"], 2, "--aug multi4"),
        (["train", "DATA", "--preset", "demo-tiny", "--lr", "0"], 2, "--lr is out of range"),
        (["train", "DATA", "--preset", "demo-tiny", "--set", "optim.lrr=1"], 2, "did you mean optim.lr?"),
        (["train", "DATA", "--preset", "demo-tiny", "--set", "lr"], 2, "expected: KEY=VALUE"),
        (["train", "DATA", "--preset", "demo-tiny", "--init", "nowhere.pt"], 3, "nowhere.pt does not exist"),
        (["train", "--resume", "nowhere"], 3, "is not a run to resume"),
        (["train", "DATA", "--preset", "demo-tiny", "--device", "cuda:7"], 2, "--device"),
        (["train", "DATA", "--preset", "demo-tiny", "--devices", "3", "--batch", "4"], 2, "does not split over 3"),
    ],
)
def test_mistakes(arguments, code, text, data, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert main([data if word == "DATA" else word for word in arguments]) == code
    message = capsys.readouterr().err
    assert text in message
    assert "Traceback" not in message


def test_a_finished_run_is_kept_and_counts_as_inspect_does(data, tmp_path, capsys):
    line = ["train", data, *QUICK, "--out", str(tmp_path / "run")]
    assert main(line) == 0
    assert f"wrote {tmp_path / 'run'}" in capsys.readouterr().err
    assert main(line) == 0
    again = capsys.readouterr().err
    assert f"kept {tmp_path / 'run'}" in again
    assert "wrote" not in again
    assert main(["inspect", str(tmp_path / "run"), "--json"]) == 0
    count = json.loads(capsys.readouterr().out)["checkpoint"]["parameters"]["all"]
    assert f"plan: {count:,} parameters" in again


def test_a_changed_setting_is_refused_by_name(data, tmp_path, capsys):
    line = ["train", data, *QUICK, "--out", str(tmp_path / "run")]
    assert main(line) == 0
    assert main([*line, "--lr", "0.5"]) == 2
    assert "optim.lr: 0.002 -> 0.5" in capsys.readouterr().err
