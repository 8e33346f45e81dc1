"""A checkpoint with its puzzles: which weights of a file are measured is part of every result."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from rrdyn.artifacts.npz import read_npz
from rrdyn.artifacts.schemas import DIAG
from rrdyn.cli.app import main
from rrdyn.models import load


@pytest.fixture
def both(tmp_path, trm_checkpoint, dataset):
    """One file with raw weights and their average."""
    model = load(trm_checkpoint)
    raw = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    average = {name: tensor + 0.1 * torch.randn_like(tensor) for name, tensor in raw.items()}
    torch.save({"config": model.config.model_dump(), "model": raw, "ema": average}, tmp_path / "both.pt")
    return tmp_path / "both.pt"


def test_raw_weights_and_their_average_are_two_results(both, trm_checkpoint, dataset, tmp_path, capsys):
    def diagnosed(checkpoint, *more):
        out = tmp_path / "diag.npz"
        line = [
            "diagnose",
            str(checkpoint),
            "--n",
            "2",
            "--k",
            "1",
            "--segments",
            "2",
            "--data",
            str(dataset),
            "--out",
            str(out),
        ]
        assert main([*line, *more]) == 0
        return read_npz(out, DIAG)

    average = diagnosed(both)
    assert "the moving average ema taken" in capsys.readouterr().err
    raw = diagnosed(both, "--weights", "raw")
    assert (average.meta["taken"], raw.meta["taken"]) == ("ema", "model")
    assert average.meta["key"] != raw.meta["key"]
    assert not np.array_equal(average["drift_zH"], raw["drift_zH"])
    alone = diagnosed(trm_checkpoint)
    assert np.array_equal(alone["drift_zH"], raw["drift_zH"])
    assert "taken" not in alone.meta
