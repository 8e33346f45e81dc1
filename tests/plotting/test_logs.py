"""Reading logs: cells, headers, resumes, cut and empty files, both families."""

from __future__ import annotations

import math
import os
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.plotting.log_writers import FOREIGN_ARMS, STAMP, foreign_log, own_head, own_jsonl, own_log, own_rows, table

from rrdyn.artifacts.errors import InputError, Notice, UsageError
from rrdyn.plotting.log_schema import LogSchema, read_schema
from rrdyn.plotting.logs import Run, Skipped, as_number, as_numbers, header_names, read_log, settled
from rrdyn.plotting.runs import gather, read_runs

OURS, FOREIGN = read_schema("rrdyn"), read_schema("reward_hacking")


@pytest.mark.parametrize(
    ("token", "value"),
    [
        ("7/28", 0.25),
        ("+0.264", 0.264),
        ("-1e-3", -0.001),
        ("−0.5", -0.5),
        ("T", 1.0),
        ("F", 0.0),
        ("12%", 0.12),
        ("3", 3.0),
    ],
)
def test_cells_that_are_numbers(token, value):
    assert as_number(token) == pytest.approx(value, abs=0)


@pytest.mark.parametrize("token", ["-", "nan", "0/0", "5/0", "1:05", "?", "a/b", ""])
def test_cells_that_are_not(token):
    assert math.isnan(as_number(token))


def test_a_plain_column_takes_the_fast_path_to_the_same_numbers():
    plain = ["1", "nan", "+0.5", "-2e3"]
    assert np.array_equal(as_numbers(plain), [as_number(token) for token in plain], equal_nan=True)


def test_header_decorations_are_stripped():
    assert header_names("step  hack_s? ↑gt_s↓ | lam1* q_acc") == ["step", "hack_s", "gt_s", "", "lam1", "q_acc"]


def test_foreign_family_reads_facts_fractions_and_gaps(tmp_path):
    run = read_log(foreign_log(tmp_path / "a.log", "online erasure", 2), FOREIGN)
    assert run.facts == {"arm": "projected", "seed": "2", "refresh": "10", "vhack": "v"}
    assert FOREIGN.arm_of(run.facts) == "online erasure"
    assert run.steps.tolist() == list(range(60))
    assert run.columns["gt_s"][30] == 10 / 28
    assert np.isnan(run.columns["cos_pre_t"][3])
    assert np.isnan(run.columns["hack_abl"]).all()  # a column this log lacks


@pytest.mark.parametrize("arm", FOREIGN_ARMS)
def test_arms_of_the_foreign_family(tmp_path, arm):
    assert FOREIGN.arm_of(read_log(foreign_log(tmp_path / "a.log", arm, 1), FOREIGN).facts) == arm


def test_padding_of_the_logger_level_does_not_matter(tmp_path):
    path = foreign_log(tmp_path / "a.log", "vanilla", 1)
    first = read_log(path, FOREIGN)
    path.write_text(path.read_text().replace(STAMP, STAMP.replace("| INFO     |", "| INFO |")))
    assert np.array_equal(read_log(path, FOREIGN).columns["hack_s"], first.columns["hack_s"])


def test_columns_may_change_inside_a_file(tmp_path):
    path = tmp_path / "a.log"
    path.write_text("| INFO | step loss\n| INFO | 1 5.0\n| INFO | step loss acc\n| INFO | 2 4.0 0.5\n")
    run = read_log(path, OURS)
    assert run.steps.tolist() == [1, 2]
    assert np.array_equal(run.columns["acc"], [np.nan, 0.5], equal_nan=True)


@pytest.mark.parametrize(
    ("content", "reason"),
    [("", "empty"), ("hello\n", "no header line"), ("| INFO | step loss acc\n", "no rows")],
)
def test_files_that_hold_no_run_are_skipped_with_the_reason(tmp_path, content, reason):
    path = tmp_path / "a.log"
    path.write_text(content)
    with pytest.raises(Skipped, match=reason):
        read_log(path, OURS)


def test_a_foreign_log_without_its_argv_line_is_skipped(tmp_path):
    path = foreign_log(tmp_path / "a.log", "vanilla", 1)
    path.write_text(path.read_text().replace("argv:", "args:"))
    with pytest.raises(Skipped, match="argv:"):
        read_log(path, FOREIGN)


@pytest.mark.parametrize("cut", [1, 5, 40, 95])
def test_a_log_cut_anywhere_in_its_last_line_loses_that_line_only(tmp_path, cut):
    path = own_log(tmp_path / "a.log", "none", 0)
    whole = read_log(path, OURS)
    path.write_text(path.read_text()[:-cut])
    run = read_log(path, OURS)
    assert run.steps.tolist() == whole.steps.tolist()[:-1]
    assert "cut off" in run.notes[0]


def test_a_resumed_log_has_each_step_once_and_the_later_rows(tmp_path):
    run = read_log(own_log(tmp_path / "a.log", "multi4", 1, resumed_at=400), OURS)
    assert run.steps.tolist() == list(range(10, 801, 10))
    assert "again after a resume" in run.notes[0]


@given(st.lists(st.integers(0, 50), min_size=1, max_size=40))
def test_settled_steps_increase_strictly_and_keep_the_last_of_each(steps):
    rows = np.arange(len(steps), dtype=float)
    run = settled(Run(path=None, facts={}, steps=np.array(steps), columns={"row": rows}))
    assert (np.diff(run.steps) > 0).all()
    last = {step: row for row, step in enumerate(steps)}
    assert all(last[int(step)] == row for step, row in zip(run.steps, run.columns["row"]))
    assert run.steps[-1] == steps[-1]


def test_own_runs_are_read_from_jsonl_and_agree_with_their_table(tmp_path):
    own_jsonl(tmp_path / "run", "multi4", 2)
    (fast,), _ = read_runs(gather([tmp_path / "run"]), OURS)
    slow = read_log(tmp_path / "run" / "train.log", OURS)
    assert fast.path.name == "train.jsonl"
    assert fast.facts == slow.facts
    assert fast.facts.items() >= {"arm": "multi4", "seed": "2", "preset": "trm-small", "copies": "K=4"}.items()
    assert fast.columns["drift"] == pytest.approx(slow.columns["drift"], rel=1e-3, nan_ok=True)


def test_a_jsonl_cut_in_its_last_line_is_read_up_to_it(tmp_path):
    path = own_jsonl(tmp_path / "run", "none", 0)
    path.write_text(path.read_text()[:-30])
    with pytest.warns(Notice, match="1 broken line was left out"):
        (run,), _ = read_runs([path], OURS)
    assert run.steps[-1] == 790


def test_gather_finds_files_globs_folders_and_run_folders_once(tmp_path):
    own_log(tmp_path / "logs" / "a.log", "none", 0)
    own_log(tmp_path / "logs" / "b.log", "none", 1)
    own_jsonl(tmp_path / "logs" / "deep" / "run", "none", 2)
    names = ["logs/a.log", "logs/b.log", "logs/deep/run/train.jsonl"]
    expected = [tmp_path / name for name in names]
    assert gather([tmp_path / "logs"]) == expected
    assert gather([tmp_path / "logs", str(tmp_path / "logs" / "*.log")]) == expected
    with pytest.raises(InputError, match="nothing matches"):
        gather([str(tmp_path / "*.txt")])
    with pytest.raises(InputError, match="does not exist"):
        gather([tmp_path / "none"])


def test_loose_rows_are_read_with_the_facts_of_their_table_and_else_go_by_their_name(tmp_path):
    own_jsonl(tmp_path / "away", "multi4", 2)
    for suffix in (".jsonl", ".log"):
        (tmp_path / "away" / f"train{suffix}").rename(tmp_path / f"copied{suffix}")
    (tmp_path / "alone.jsonl").write_text((tmp_path / "copied.jsonl").read_text())
    runs, notes = read_runs(gather([tmp_path]), OURS)
    assert [run.path.name for run in runs] == ["alone.jsonl", "copied.jsonl"]
    assert [(OURS.arm_of(run.facts), run.seed) for run in runs] == [("alone", "?"), ("multi4", "2")]
    assert notes == []


def test_a_pipe_among_the_logs_is_not_waited_for(tmp_path):
    own_log(tmp_path / "a.log", "none", 0)
    os.mkfifo(tmp_path / "b.log")
    with pytest.warns(Notice, match=r"skipped b\.log: .* is a named pipe"):
        assert len(read_runs(gather([tmp_path]), OURS)[0]) == 1


def test_two_runs_of_one_seed_are_not_joined_for_logging_at_other_steps(tmp_path):
    own_log(tmp_path / "a.log", "none", 0, last=400)
    rows = own_rows("none", 0, 25, 800, every=25)
    (tmp_path / "b.log").write_text("\n".join(own_head("none", 0) + table(rows)) + "\n")
    with pytest.warns(Notice, match="seed 0 stands 2 times"):
        assert len(read_runs(gather([tmp_path]), OURS)[0]) == 2


def test_what_was_skipped_is_told(tmp_path):
    own_log(tmp_path / "a.log", "none", 0)
    (tmp_path / "empty.log").write_text("")
    with pytest.warns(Notice, match=r"skipped empty\.log: it is empty"):
        runs, notes = read_runs(gather([tmp_path]), OURS)
    assert len(runs) == 1
    assert notes == ["skipped empty.log: it is empty"]
    (tmp_path / "a.log").unlink()
    with pytest.warns(Notice), pytest.raises(InputError, match="none of 1 files"):
        read_runs(gather([tmp_path]), OURS)


def test_a_run_continued_in_a_second_file_is_one_run(tmp_path):
    own_log(tmp_path / "first.log", "none", 3, last=400)
    text = own_log(tmp_path / "second.log", "none", 3).read_text().splitlines()
    later = [line for line in text if not line.split()[4].isdigit() or int(line.split()[4]) > 350]
    (tmp_path / "second.log").write_text("\n".join(later) + "\n")
    with pytest.warns(Notice):
        runs, notes = read_runs(gather([tmp_path]), OURS)
    assert len(runs) == 1
    assert runs[0].steps.tolist() == [row["step"] for row in own_rows("none", 3, 10, 800)]
    assert any("continues first.log" in note for note in notes)


def test_a_schema_is_checked():
    known = FOREIGN.model_dump()
    with pytest.raises(UsageError, match="groups"):
        LogSchema(**{**known, "facts": {"arm": {"line": ["x"], "pattern": "arm", "default": ""}}})
    with pytest.raises(UsageError, match="unknown key color"):
        LogSchema(**{**known, "color": "red"})
    with pytest.raises(UsageError, match="no fact gives"):
        LogSchema(**{**known, "arms": [{"name": "a", "when": {"nothing": "1"}}]})
    with pytest.raises(UsageError, match="no plot preset"):
        read_schema("rrdynn")


def test_logs_that_rrdyn_train_wrote_are_read():
    logs = Path(__file__).parents[2] / "docs" / "gallery" / "study" / "logs"
    runs, notes = read_runs(gather([logs]), OURS)
    assert notes == []
    found = {(OURS.arm_of(run.facts), run.seed) for run in runs}
    assert found >= {("none-fixed", "0"), ("single", "1"), ("multi4", "0")}
    for run in runs:
        assert run.steps.tolist() == list(range(1, 31))
        assert np.isfinite(run.columns["acc"]).sum() == 10
        assert np.isfinite(run.columns["lam1"]).any()
