"""Weights that others trained, measured as they are. Not in the repository: read from beside it, where they are."""

from __future__ import annotations

import shutil
from math import sqrt
from pathlib import Path

import numpy as np
import pytest
import torch

from rrdyn.artifacts.npz import read_npz
from rrdyn.cli.app import main
from rrdyn.dynamics.trajectory import follow
from rrdyn.measurement.answers import Answers
from rrdyn.measurement.subject import open_subject

MOD113 = Path(__file__).parents[3] / "shared" / "weights" / "mod113"
"""Two TRMs of github.com/adityapandey9/Progress-Measures-for-Grokking-in-TRM at 2fb8e7c, `checkpoints/trm_minimal`."""
AT_4 = {0: 0.68, 3: 0.99}
"""Accuracy at segment 4 by an independent forward, n = 300 random pairs."""

pytestmark = pytest.mark.skipif(not MOD113.exists(), reason="the weights are not beside the repository")


@pytest.mark.parametrize("seed", [0, 3])
def test_modular_trms_are_right_at_segment_1_and_as_often_as_told_at_segment_4(seed, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    parts = [open_subject(MOD113 / f"seed_{seed}.pt", split=split) for split in ("train", "test")]
    assert [len(part.split) for part in parts] == [3831, 8938]
    assert np.concatenate([right(part, 1, len(part.split))[:, 0] for part in parts]).mean() >= 0.99
    told = AT_4[seed]
    assert abs(right(parts[1], 4, 1000)[:, 3].mean() - told) < 3 * sqrt(told * (1 - told) * (1 / 300 + 1 / 1000))


@torch.inference_mode()
def right(subject, segments, n):
    """(n, segments) whether each answer is right."""
    questions, model = subject.questions(subject.choose(n, 0)), subject.model
    answers = Answers(model, questions.labels, keep=("exact",))
    recurrence = model.recurrence(model.embed(questions.inputs, questions.identifiers))
    follow(recurrence, model.initial(len(questions)), segments, [answers])
    return answers.table.columns()["exact"].numpy()


@pytest.mark.parametrize("command", ["fate", "diagnose"])
def test_a_file_in_a_folder_to_be_read_is_measured_with_no_more_than_its_name(command, tmp_path, monkeypatch, capsys):
    home = tmp_path / "weights"
    home.mkdir()
    shutil.copy(MOD113 / "seed_0.pt", home)
    home.chmod(0o555)
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    fewer = ["--n", "4"] + (["--horizon", "32"] if command == "fate" else [])
    try:
        assert main([command, str(home / "seed_0.pt"), *fewer, "--device", "cpu"]) == 0
    finally:
        home.chmod(0o755)
    assert sorted(path.name for path in home.iterdir()) == ["seed_0.pt"]
    made = read_npz(tmp_path / "here" / f"{'diag' if command == 'diagnose' else command}_seed_0.npz")
    assert made.meta["dataset"]["name"].startswith("modular")
    assert "modular puzzles of its sizes are made at data/modular-113-0.3-seed0" in capsys.readouterr().err
