"""What other files say of votes, joined by puzzle."""

from __future__ import annotations

import numpy as np
import pytest
from tests.analysis.test_scaling import N, fates
from tests.plotting.artifact_writers import dataset, diag

from rrdyn.analysis.vote_readers import vote_scores
from rrdyn.artifacts.errors import InputError
from rrdyn.artifacts.npz import read_npz, write_npz
from rrdyn.artifacts.schemas import DIAG


def test_scores_follow_the_votes(tmp_path):
    idx = np.array([9, 0, 6, 0])
    meta = {"dataset": {"digest": "d", "split": "test", "puzzles": 3 * N}, "settings": {"segments": 2}}
    found = vote_scores(idx, meta, [fates(tmp_path / "fate.npz")])
    assert found["settled"].tolist() == [1.0, 1.0, 1.0, 1.0]
    with pytest.raises(InputError, match="lacks some of the copies"):
        vote_scores(np.array([1]), meta, [tmp_path / "fate.npz"])
    with pytest.raises(InputError, match="is of other puzzles"):
        vote_scores(idx, meta, [fates(tmp_path / "other.npz", digest="e")])


def test_the_higher_score_is_the_smaller_exponent_and_residual(tmp_path):
    made = read_npz(diag(tmp_path / "diag.npz", dataset(tmp_path / "data")))
    residual = np.random.default_rng(0).random(made["q_halt"].shape)
    path = write_npz(tmp_path / "more.npz", DIAG, {**made.arrays, "residual": residual}, made.meta)
    found = vote_scores(made["idx"], made.meta, [path])
    assert np.argmax(found["lambda_1"]) == np.argmin(made["lyap_spec"][:, 0])
    assert np.argmax(found["residual"]) == np.argmin(residual[:, -1])
