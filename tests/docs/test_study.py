"""The committed study: its small checkpoint opens out of the box, and its page says what its files say."""

from __future__ import annotations

from pathlib import Path

from rrdyn.artifacts.npz import read_npz
from rrdyn.artifacts.schemas import DIAG
from rrdyn.cli.app import main

STUDY = Path(__file__).parents[2] / "docs" / "study"


def test_the_checkpoint_opens_out_of_the_box(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)  # not in the repository: the checkpoint finds its puzzles from where it lies
    out = tmp_path / "diag.npz"
    assert main(["diagnose", str(STUDY / "checkpoint"), "--n", "2", "--k", "2", "--out", str(out), "--quiet"]) == 0
    assert read_npz(out, DIAG)["lyap_spec"].shape == (2, 2)
