from __future__ import annotations

import numpy as np
import pytest
from tests.analysis.made_files import ESTIMATOR, write_restarts

from rrdyn.analysis.clock import budget, sub_updates_per_segment
from rrdyn.analysis.runs import read_runs
from rrdyn.artifacts.files import write_text


@pytest.mark.parametrize(
    ("meta", "sub_updates", "readout"),
    [
        ({}, None, None),
        ({"estimator": ESTIMATOR}, 21, None),
        ({"model": {"H_cycles": 3, "L_cycles": 6, "halt_max_steps": 16}}, 21, 16),
        ({"model": {"H_cycles": 2, "L_cycles": 2, "halt_max_steps": 8}, "readout": 4}, 6, 4),
        ({"model": "trm", "estimator": None, "sub_updates": 15}, 15, None),
    ],
)
def test_what_the_provenance_tells(meta, sub_updates, readout):
    assert sub_updates_per_segment(meta) == sub_updates
    assert budget(meta) == readout


def test_sigma_star_of_a_calibrated_file(tmp_path):
    write_text(tmp_path / "a-b-c" / "d-s0" / "train.jsonl", "")
    arrays = {"solve": np.zeros((1, 1, 1), bool), "base": np.zeros(1, bool), "sigmas": np.zeros(1)}
    write_restarts(tmp_path / "a-b-c" / "d-s0" / "perturb.npz", arrays, sigma_star=0.125)
    (row,) = read_runs(tmp_path)
    assert row["sigma_star"] == 0.125
    assert row["accuracy_best"] is None
