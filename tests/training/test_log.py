"""The table of train.log, and what happens to train.jsonl when a run goes on."""

from __future__ import annotations

import json
import sys
from types import SimpleNamespace
from unittest.mock import Mock

import pytest
import torch

from rrdyn.artifacts.errors import UsageError
from rrdyn.runtime.launch import Group
from rrdyn.training.log import COLUMNS, TrainLog, header, make_tracker, table_row
from rrdyn.training.meter import Meter


def test_rows_stand_under_their_names():
    row = table_row(
        {"step": 7, "epoch": 0.5, "loss": 1.25, "lr": 1e-4, "acc": None, "eta": 3661.0, "noise": float("nan")}
    )
    assert len(row) == len(header())
    cells = dict(zip(header().split(), row.split(), strict=True))
    assert cells == {
        **dict.fromkeys(COLUMNS, "-"),
        **{"step": "7", "epoch": "0.50", "loss": "1.2500", "lr": "1.00e-04", "eta": "1:01:01"},
    }
    for name, (width, _) in COLUMNS.items():
        assert len(name) <= width


def test_the_header_is_repeated(tmp_path):
    log = TrainLog(tmp_path, heading=["argv: x"])
    for step in range(60):
        log.row({"step": step, "loss": 1.0})
    lines = (tmp_path / "train.log").read_text().splitlines()
    assert sum("acc_pert" in line for line in lines) == 3
    assert len((tmp_path / "train.jsonl").read_text().splitlines()) == 60


def test_rewinding_forgets_later_rows_and_half_lines(tmp_path):
    log = TrainLog(tmp_path, heading=[])
    for step in (1, 2, 3):
        log.row({"step": step, "value": float("nan")})
    with open(tmp_path / "train.jsonl", "a") as stream:
        stream.write('{"step": 2, "va')
    log.rewind(2)
    rows = [json.loads(line) for line in (tmp_path / "train.jsonl").read_text().splitlines()]
    assert [row["step"] for row in rows] == [1, 2]
    assert rows[0]["value"] is None


def test_meter_means():
    meter = Meter(examples_per_step=8)
    one = torch.tensor(1)
    meter.add({"loss": one * 6.0, "loss_n": one * 2, "exact": one, "exact_n": one * 4, "q_right": one * 3}, 0.5)
    meter.add({"loss": one * 2.0, "loss_n": one * 2}, 1.5)
    row = meter.row(Group(), torch.device("cpu"))
    assert row["loss"] == 2.0
    assert row["train_exact"] == 0.25
    assert row["train_q_acc"] == 0.75
    assert row["noise"] is None
    assert row["changed"] is None
    assert row["sps"] == 8.0
    assert meter.row(Group(), torch.device("cpu"))["loss"] is None


def test_wandb_is_told_the_config_and_goes_on_in_the_same_run(tmp_path, monkeypatch):
    begun, rows = [], []

    def init(**asked):
        begun.append(asked)
        log = Mock(side_effect=lambda row, step: rows.append((row, step)))
        return SimpleNamespace(id=asked["id"] or "made-by-the-server", log=log)

    monkeypatch.setitem(sys.modules, "wandb", SimpleNamespace(init=init))
    for step in (0, 2):
        log = TrainLog(tmp_path, heading=[], trackers=["wandb"], config={"seed": 3}, step=step)
        log.row({"step": step + 2, "loss": 1.5, "acc": None})
    assert [asked["id"] for asked in begun] == [None, "made-by-the-server"]
    assert all(asked["config"] == {"seed": 3} and asked["resume"] == "allow" for asked in begun)
    assert rows == [({"step": 2, "loss": 1.5}, 2), ({"step": 4, "loss": 1.5}, 4)]


def test_trackio_goes_on_in_the_same_run_and_keeps_stdout_clean(tmp_path, monkeypatch, capsys):
    begun, rows = [], []

    def init(**asked):
        print("* Trackio project initialized")
        begun.append(asked)
        return SimpleNamespace(
            name="as-trackio-named-it", log=lambda row, step: (print("sent"), rows.append((row, step)))
        )

    monkeypatch.setitem(sys.modules, "trackio", SimpleNamespace(init=init))
    for step in (0, 2):
        make_tracker("trackio", tmp_path, {"seed": 3}, step)({"step": step + 2, "loss": 1.5, "acc": None})
    assert [asked["resume"] for asked in begun] == ["never", "allow"]
    assert begun[1]["name"] == "as-trackio-named-it"
    assert rows == [({"step": 2, "loss": 1.5}, 2), ({"step": 4, "loss": 1.5}, 4)]
    assert capsys.readouterr().out == ""


def test_tensorboard_takes_back_what_was_sent_after_the_step_of_a_resume(tmp_path, monkeypatch):
    writers = []

    def writer(folder, purge_step):
        writers.append(Mock(purge_step=purge_step))
        return writers[-1]

    monkeypatch.setitem(sys.modules, "torch.utils.tensorboard", SimpleNamespace(SummaryWriter=writer))
    for step in (0, 40):
        make_tracker("tensorboard", tmp_path, {}, step)({"step": step + 1, "loss": 1.5, "acc": None})
    assert [made.purge_step for made in writers] == [None, 41]
    writers[1].add_scalar.assert_called_once_with("loss", 1.5, 41)


def test_a_tracker_that_is_not_installed(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "wandb", None)
    with pytest.raises(UsageError, match="wandb is not installed") as caught:
        make_tracker("wandb", tmp_path, {}, 0)
    assert "rrdyn[wandb]" in str(caught.value)
    monkeypatch.setitem(sys.modules, "trackio", None)
    with pytest.raises(UsageError, match="pip install trackio"):
        make_tracker("trackio", tmp_path, {}, 0)
