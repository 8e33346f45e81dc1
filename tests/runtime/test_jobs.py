"""Commands side by side: how many at once, with what of the machine; one that fails, and an interrupt."""

from __future__ import annotations

import sys
import time

import pytest

from rrdyn.runtime.jobs import share, side_by_side

NOTE = """
import os, sys, time
folder, code = sys.argv[1:]
print("began", os.environ.get("CUDA_VISIBLE_DEVICES"), os.environ["OMP_NUM_THREADS"], flush=True)
began = time.monotonic()
time.sleep(0.3)
print("from", began, "to", time.monotonic())
sys.exit(int(code))
"""
WAITS = """
import signal, sys, time
def save(*_):
    print("saved", flush=True)
    sys.exit(130)
signal.signal(signal.SIGTERM, save)
print("ready", flush=True)
time.sleep(60)
"""


def times(log):
    words = log.read_text().split("from")[1].split()
    return float(words[0]), float(words[2])


def test_so_many_at_a_time_whatever_one_of_them_does(tmp_path, monkeypatch):
    monkeypatch.setenv("OMP_NUM_THREADS", "3")
    logs = [tmp_path / "logs" / f"{number}.log" for number in range(4)]
    lines = [[sys.executable, "-c", NOTE, str(tmp_path), "7" if number == 1 else "0"] for number in range(4)]
    ended = dict(side_by_side(lines, 2, logs, gpus=("4", "6")))
    assert ended == {0: 0, 1: 7, 2: 0, 3: 0}
    spans = [times(log) for log in logs]
    for begin, _ in spans:
        assert sum(first <= begin < last for first, last in spans) <= 2
    assert {log.read_text().split()[1] for log in logs} == {"4", "6"}
    assert all("began" in log.read_text() and " 3\n" in log.read_text() for log in logs)


def test_stopped_it_lets_those_under_way_save(tmp_path):
    logs = [tmp_path / f"{number}.log" for number in range(3)]
    lines = [[sys.executable, "-c", "pass"], *[[sys.executable, "-c", WAITS]] * 2]
    going = side_by_side(lines, 3, logs)
    assert next(going) == (0, 0)
    while not all(log.read_text() for log in logs[1:]):
        time.sleep(0.05)
    with pytest.raises(KeyboardInterrupt):
        going.throw(KeyboardInterrupt)
    assert [log.read_text().split() for log in logs[1:]] == [["ready", "saved"]] * 2


def test_the_processors_are_shared_out_unless_that_was_chosen(monkeypatch):
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    monkeypatch.setattr("os.cpu_count", lambda: 8)
    assert share(1, 3, ()) == {"OMP_NUM_THREADS": "2"}
    assert share(1, 16, ("0",)) == {"OMP_NUM_THREADS": "1", "CUDA_VISIBLE_DEVICES": "0"}
