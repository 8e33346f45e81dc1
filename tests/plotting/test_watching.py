"""Curves that are followed while a run trains: redrawn when a log has grown, in a figure and in a terminal."""

from __future__ import annotations

import json
from itertools import islice

import numpy as np
import pytest
from tests.plotting.log_writers import own_log

from rrdyn.cli.app import main
from rrdyn.plotting import sparklines, watching
from rrdyn.plotting.log_schema import read_schema
from rrdyn.plotting.runs import gather, read_runs

OURS = read_schema("rrdyn")


@pytest.fixture
def looks(monkeypatch):
    """Instead of waiting: what happens to the logs before each look; after the last, Ctrl-C."""

    def install(*happenings):
        left = list(happenings)

        def wait(seconds):
            if not left:
                raise KeyboardInterrupt
            left.pop(0)()

        monkeypatch.setattr(watching, "sleep", wait)

    return install


def test_only_files_that_changed_are_news(tmp_path, looks):
    path = tmp_path / "a.log"
    looks(lambda: None, lambda: path.write_text("1"), lambda: None, lambda: path.write_text("12"), path.unlink)
    news = watching.changes(lambda: list(tmp_path.glob("*.log")))
    assert [path.read_text() if path.exists() else None for _ in islice(news, 3)] == ["1", "12", None]
    with pytest.raises(KeyboardInterrupt):
        next(news)


def test_a_figure_is_drawn_again_when_a_log_has_grown(tmp_path, looks, capsys, monkeypatch):
    path = own_log(tmp_path / "a.log", "none", 0, last=100)
    looks(lambda: None, lambda: own_log(path, "none", 0, last=200))
    monkeypatch.setattr("rrdyn.plotting.plate.PICTURES", ())  # what is drawn stands in the table
    monkeypatch.setattr("rrdyn.plotting.plate.refuse_foreign", lambda stem, table: None)
    assert main(["plot", "dynamics", str(tmp_path), "--watch", "--out", str(tmp_path / "drawn")]) == 130
    assert "again" in capsys.readouterr().err
    rows = (tmp_path / "drawn" / "dynamics.data.csv").read_text().splitlines()
    assert max(int(row.split(",")[5]) for row in rows[1:]) == 200


def test_a_terminal_shows_each_column_with_its_newest_number(tmp_path):
    own_log(tmp_path / "a.log", "multi4", 3, last=400)
    runs, _ = read_runs(gather([tmp_path]), OURS)
    head, *rows = sparklines.view(runs, OURS, 80).splitlines()
    assert head == "a: multi4, seed 3, step 400"
    acc = next(row for row in rows if row.startswith("acc "))
    values = runs[0].columns["acc"]
    values = values[np.isfinite(values)]
    assert f"{values[-1]:.4g}" in acc
    assert acc.endswith("n = 8")
    assert sum(character in sparklines.BLOCKS for character in acc) == 8  # one an evaluation, nothing in between
    assert all(len(row) <= 80 for row in rows)


def test_a_sparkline_goes_from_the_lowest_to_the_highest():
    assert sparklines.sparkline(np.array([0.0, 1.0, 7.0]), 10) == "▁▂█"
    assert sparklines.sparkline(np.array([2.0, 2.0]), 10) == "▄▄"
    assert sparklines.sparkline(np.arange(800.0), 8, sparklines.PLAIN) == sparklines.PLAIN


def test_watch_redraws_on_a_terminal_and_waits_for_a_first_row(tmp_path, looks, capsys, monkeypatch):
    path = tmp_path / "train.log"
    path.write_text("")
    looks(lambda: own_log(path, "none", 0, last=100), lambda: own_log(path, "none", 0, last=200))
    monkeypatch.setattr("sys.stdout.isatty", lambda: True, raising=False)
    assert main(["watch", str(tmp_path)]) == 130
    waiting, first, second = capsys.readouterr().out.split("\x1b[2J\x1b[H")[1:]
    assert waiting.startswith("waiting: none of 1 files is a log")
    assert "step 100" in first
    assert "step 200" in second


def test_watch_prints_once_off_a_terminal_and_as_json(tmp_path, capsys):
    own_log(tmp_path / "a.log", "none", 0, last=100)
    assert main(["watch", str(tmp_path)]) == 0
    assert "step 100" in capsys.readouterr().out
    assert main(["watch", str(tmp_path), "--json"]) == 0
    (told,) = json.loads(capsys.readouterr().out)["runs"]
    assert told["columns"]["acc"] == {"n": 2, "step": 100, "last": 0.0, "lowest": 0.0, "highest": 0.0}
    assert main(["watch", str(tmp_path / "nothing")]) == 3
