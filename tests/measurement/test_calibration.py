"""sigma* of a small trained model: different bisections, and the command, find the same scale."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from tests.dynamics.small_models import grids

from rrdyn.artifacts.npz import read_npz
from rrdyn.artifacts.schemas import PERTURB
from rrdyn.cli.app import main
from rrdyn.data.folder import write_split
from rrdyn.data.sudoku.kind import Sudoku
from rrdyn.measurement.calibration import calibrate
from rrdyn.measurement.perturbation import PerturbationConfig
from rrdyn.measurement.subject import open_subject

TRAINED = Path(__file__).parents[1] / "golden" / "models" / "sudoku4.pt"


@pytest.fixture(scope="module")
def puzzles(tmp_path_factory):
    folder = tmp_path_factory.mktemp("sigma_star") / "four"
    write_split(folder, "test", Sudoku(4), *grids(40))
    return folder


def test_two_bisections_and_the_command_agree(puzzles, tmp_path):
    subject = open_subject(TRAINED, data=puzzles, split="test", dtype=torch.float32, device=torch.device("cpu"))
    config = PerturbationConfig(n=6, copies=2, segments=3, readout=3)
    found = [calibrate(subject, config, 0.5, puzzles=4, bracket=ends) for ends in ((3e-3, 7.0), (0.02, 2.0))]
    stars = [each.sigma_star for each in found]
    assert all(star is not None for star in stars), found[0].told
    assert max(stars) / min(stars) < 1.05
    assert len({each.tried[2] for each in found}) == 2, "they went different ways"

    line = ["perturb", str(TRAINED), "--data", str(puzzles), "--n", "6", "--copies", "2", "--segments", "3"]
    line += ["--readout", "3", "--calibrate-kl", "0.5", "--calibrate-n", "4", "--alphas", "0", "0.25", "1", "2"]
    assert main([*line, "--quiet", "--out", str(tmp_path / "perturb.npz")]) == 0
    artifact = read_npz(tmp_path / "perturb.npz", PERTURB)
    star = artifact.meta["sigma_star"]
    assert max(*stars, star) / min(*stars, star) < 1.05
    np.testing.assert_allclose(artifact["sigmas"], np.array([0, 0.25, 1, 2]) * star)
    # the KL at sigma* straddles the budget: what is below stays under it, what is above goes over
    below, above = (np.percentile(artifact["kl"][:, at], 95) for at in (1, 3))
    assert below < 0.5 < above
