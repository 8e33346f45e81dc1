"""Commands need nothing that only POSIX systems have: here it is taken away. (No test has run on Windows itself.)"""

from __future__ import annotations

import os
import signal

import pytest
import torch

from rrdyn.artifacts import files
from rrdyn.artifacts.npz import read_npz
from rrdyn.cli.app import main
from rrdyn.runtime import devices
from rrdyn.training.folder import RunFolder


@pytest.fixture
def windows(monkeypatch):
    """Without the calls that Windows lacks, and with the refusals it has."""
    for name in ("pread", "fork", "getuid", "statvfs", "sysconf", "sched_getaffinity"):
        monkeypatch.delattr(os, name, raising=False)
    for name in ("SIGALRM", "setitimer", "SIGKILL", "SIGHUP"):
        monkeypatch.delattr(signal, name, raising=False)
    monkeypatch.setattr(files, "POSIX", False)
    opened = os.open

    def no_folders(path, *rest, **more):
        if os.path.isdir(path):
            raise PermissionError(13, "Permission denied")
        return opened(path, *rest, **more)

    monkeypatch.setattr(os, "open", no_folders)
    monkeypatch.setattr(os, "symlink", lambda *_: (_ for _ in ()).throw(OSError("a privilege is not held")))


def test_a_file_is_written_and_read(windows, tmp_path, capsys):
    assert main(["toy", "--n", "50", "--T", "4", "8", "--seeds", "0", "--out", str(tmp_path / "toy.npz")]) == 0
    assert read_npz(tmp_path / "toy.npz")["ftle"].shape == (2, 1, 50)
    assert main(["inspect", str(tmp_path / "toy.npz")]) == 0
    with files.replacing_folder(tmp_path / "folder") as partial:
        (partial / "file").write_text("a")
    assert (tmp_path / "folder" / "file").read_text() == "a"


def test_the_best_checkpoint_is_named_where_nothing_can_be_linked(windows, tmp_path):
    folder = RunFolder(tmp_path)
    folder.step_folder(3).mkdir(parents=True)
    folder.point("best", 3)
    assert (folder.checkpoints / "best").read_text() == "step_3"


def test_free_memory_is_guessed_where_the_system_does_not_tell(windows):
    """It was asked of `os.sysconf`, so that no run could be planned."""
    assert devices.free_memory(torch.device("cpu")) == 4 << 30
