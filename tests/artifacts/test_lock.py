"""Locks: who holds a file or a folder, and what others hear."""

from __future__ import annotations

import os
import threading
import time

import pytest

from rrdyn.artifacts.errors import RrdynError, UsageError
from rrdyn.artifacts.lock import Claim, locked


def test_a_claim_is_held_by_one_and_names_its_process(tmp_path):
    first, second = (Claim(tmp_path / ".lock", "it is used") for _ in range(2))
    first.take()
    with pytest.raises(UsageError, match="it is used by another process") as caught:
        second.take()
    assert f"process {os.getpid()}" in str(caught.value)
    first.release()
    assert list(tmp_path.iterdir()) == []
    second.take()
    second.release()


def test_what_a_killed_process_left_is_no_claim(tmp_path):
    (tmp_path / ".lock").touch()
    (tmp_path / ".lock.txt").write_text("process 1")
    claim = Claim(tmp_path / ".lock", "it is used")
    claim.take()
    claim.release()


def test_a_claim_where_nothing_can_be_written_is_one_message(tmp_path):
    (tmp_path / ".lock").mkdir()
    with pytest.raises(RrdynError, match="cannot write"):
        Claim(tmp_path / ".lock", "it is used").take()


def test_one_at_a_time_is_inside_and_nothing_is_left(tmp_path):
    inside, most = [], []

    def enter():
        with locked(tmp_path):
            inside.append(1)
            most.append(len(inside))
            time.sleep(0.01)
            inside.pop()

    threads = [threading.Thread(target=enter) for _ in range(5)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert most == [1] * 5
    assert list(tmp_path.iterdir()) == []
