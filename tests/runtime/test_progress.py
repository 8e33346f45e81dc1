"""Progress: one line that is rewritten on a terminal, a few plain lines elsewhere, and those in a log file too."""

from __future__ import annotations

import sys

import pytest

from rrdyn.runtime import progress
from rrdyn.runtime.progress import each


@pytest.fixture
def clock(monkeypatch):
    """Three seconds go by at every look at the time."""
    now = iter(range(0, 10_000, 3))
    monkeypatch.setattr(progress.time, "monotonic", lambda: float(next(now)))


def test_elsewhere_a_line_every_ten_seconds(clock, capsys):
    assert list(each("abcdefgh", "looked at")) == list("abcdefgh")
    told = capsys.readouterr()
    assert told.out == ""
    assert told.err == "looked at  4/8  0:12 gone, 0:12 left\nlooked at  8/8  0:24 gone, 0:00 left\n"


def test_a_total_that_is_not_known_promises_nothing(clock, capsys):
    assert len(list(each(iter([5] * 4), "rows", total=0, size=int))) == 4
    assert capsys.readouterr().err == "rows  20  0:12 gone\n"


def test_on_a_terminal_one_line_is_rewritten(clock, monkeypatch, capsys):
    monkeypatch.delenv("CI", raising=False)
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True, raising=False)
    list(each("ab", "looked at"))
    told = capsys.readouterr().err
    assert told == "\r\x1b[2Klooked at  1/2  0:03 gone\r\x1b[2Klooked at  2/2  0:06 gone, 0:00 left\n"


def test_what_is_done_at_once_is_not_told(monkeypatch, capsys):
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True, raising=False)
    list(each("ab", "looked at"))
    assert capsys.readouterr().err == ""


def test_quiet_shows_nothing_and_the_log_file_has_it(clock, tmp_path, monkeypatch, capsys):
    monkeypatch.setenv(progress.QUIET, "1")
    monkeypatch.setenv(progress.LOG_FILE, str(tmp_path / "log"))
    list(each("abcdefgh", "looked at"))
    assert capsys.readouterr().err == ""
    assert (tmp_path / "log").read_text().count("INFO | looked at  4/8") == 1
