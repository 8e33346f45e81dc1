"""Curves of other programs: W&B's exports, tables of loggers of one's own, TensorBoard, our rows without their log."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from rrdyn.artifacts.errors import InputError, Notice
from rrdyn.plotting.log_schema import read_schema
from rrdyn.plotting.logs import Skipped
from rrdyn.plotting.runs import gather, read_any, read_runs

SCHEMA = read_schema("rrdyn")


def write(path: Path, text: str) -> Path:
    path.write_text(text)
    return path


def test_a_plain_table_is_a_run(tmp_path):
    # a CSVLogger's metrics.csv (Lightning writes one row a metric, the others empty)
    path = write(
        tmp_path / "metrics.csv", "step,train/lm_loss,all/exact_accuracy\n10,2.5,\n10,,0.25\n20,1.5,\n20,,0.5\n"
    )
    (run,) = read_any(path, SCHEMA)
    assert run.name == run.facts["arm"] == "metrics"
    assert set(run.steps) == {10, 20}
    assert run.columns["acc"][-1] == 0.5


def test_the_history_of_wandb_reads_by_its_step(tmp_path):
    # api.run(...).history().to_csv(...)
    path = write(tmp_path / "history.csv", "_step,_runtime,_timestamp,loss,acc\n0,1.0,1e9,3.0,0.0\n5,2.0,1e9,2.0,NaN\n")
    (run,) = read_any(path, SCHEMA)
    assert run.steps.tolist() == [0, 5]
    assert run.columns["loss"].tolist() == [3.0, 2.0]
    assert np.isnan(run.columns["acc"][1])


def test_the_export_of_a_chart_of_wandb_has_a_run_a_column(tmp_path):
    # the three dots of a panel, "Export to CSV": Step, RUN - METRIC and its range
    head = (
        '"Step","base - acc","base - acc__MIN","base - acc__MAX","multi4 - acc","multi4 - acc__MIN","multi4 - acc__MAX"'
    )
    path = write(tmp_path / "wandb_export.csv", f"{head}\n100,0.1,0.1,0.1,0.2,0.2,0.2\n200,0.3,0.3,0.3,,,\n")
    with pytest.warns(Notice):
        runs, notes = read_runs([path], SCHEMA)
    assert {run.facts["arm"]: run.columns["acc"].tolist() for run in runs} == {"base": [0.1, 0.3], "multi4": [0.2]}
    assert any("read as acc of multi4" in note for note in notes)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("time,acc\n1,0.5\n", "it has no column step"),
        ("step,speed\n1,0.5\n", "none of its columns is drawn; it has step, speed"),
        ("step,acc\n", "its table has no rows"),
        ("step,acc\nx,0.5\n", "no row with a step and a number"),
    ],
)
def test_what_is_skipped_is_said(tmp_path, text, why):
    path = write(tmp_path / "x.csv", text)
    with pytest.raises(Skipped, match=why):
        read_any(path, SCHEMA)
    with pytest.warns(Notice, match="skipped x.csv"), pytest.raises(InputError, match="none of 1 files"):
        read_runs([path], SCHEMA)


def test_our_rows_alone_say_whose_they_are(tmp_path):
    rows = [{"arm": "multi4", "seed": 3, "task": "maze", "preset": "maze-small", "step": 5, "loss": 2.0},
            {"step": 10, "loss": 1.0, "acc": 0.5}]  # fmt: skip
    path = write(tmp_path / "train.jsonl", "".join(json.dumps(row) + "\n" for row in rows))
    (run,) = read_any(path, SCHEMA)
    assert {key: run.facts[key] for key in ("arm", "seed", "task", "preset")} == {
        "arm": "multi4", "seed": "3", "task": "maze", "preset": "maze-small",
    }  # fmt: skip
    assert run.seed == "3"


def test_a_folder_without_logs_of_ours_gives_its_tables_and_events(tmp_path):
    table = write(tmp_path / "metrics.csv", "step,acc\n1,0.5\n")
    event = write(tmp_path / "events.out.tfevents.1700000000.host.1.0", "")
    assert gather([tmp_path]) == [event, table]
    log = write(tmp_path / "train.jsonl", '{"step": 1, "acc": 0.5}\n')
    assert gather([tmp_path]) == [log]


def test_events_need_tensorboard_and_say_so(tmp_path, monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "tensorboard.backend.event_processing.event_accumulator", None)
    path = write(tmp_path / "events.out.tfevents.1700000000.host.1.0", "")
    with pytest.raises(Skipped, match=r"rrdyn\[tensorboard\]"):
        read_any(path, SCHEMA)


def test_events_of_tensorboard_are_read_where_it_is_there(tmp_path):
    pytest.importorskip("tensorboard")
    from torch.utils.tensorboard import SummaryWriter

    with SummaryWriter(str(tmp_path / "base")) as writer:
        for step in (10, 20):
            writer.add_scalar("train/loss", 30 / step, step)
        writer.add_scalar("all/exact_accuracy", 0.25, 20)
    (run,) = [run for path in gather([tmp_path / "base"]) for run in read_any(path, SCHEMA)]
    assert run.facts["arm"] == "base"
    assert run.steps.tolist() == [10, 20]
    np.testing.assert_allclose(run.columns["loss"], [3.0, 1.5])
    np.testing.assert_allclose(run.columns["acc"], [np.nan, 0.25])
