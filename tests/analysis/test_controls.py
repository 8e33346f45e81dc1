from __future__ import annotations

import numpy as np
import pytest
from tests.analysis.made_files import diagnosis, write_diagnosis

from rrdyn.analysis import controls
from rrdyn.analysis.puzzles import read_puzzles
from rrdyn.analysis.ranks import auc


def test_matching_removes_what_the_bins_explain():
    rng = np.random.default_rng(0)
    by = np.repeat(np.arange(10.0), 500)
    label = rng.random(5000) < 0.05 + 0.09 * by
    score = by + 0.3 * rng.normal(size=5000)
    assert auc(score, label) > 0.75
    found = controls.matched_auc(score, label, by)
    assert found.low <= 0.5 <= found.high
    assert found.pairs == sum(b.n_correct * (b.n - b.n_correct) for b in found.bins)


def test_matching_keeps_what_they_do_not():
    rng = np.random.default_rng(1)
    by, label = rng.normal(size=4000), rng.random(4000) < 0.5
    found = controls.matched_auc(rng.normal(size=4000) + 1.5 * label, label, by)
    assert found.bins_used == 10
    assert found.low < 0.8556 < found.high  # Phi(1.5 / sqrt 2)


def test_matched_value_by_counting_pairs():
    rng = np.random.default_rng(2)
    by, label, score = rng.normal(size=60), rng.random(60) < 0.4, rng.integers(0, 5, 60).astype(float)
    found = controls.matched_auc(score, label, by, bins=4)
    place = np.searchsorted(np.quantile(by, [0.25, 0.5, 0.75]), by)
    wins = pairs = 0.0
    for b in range(4):
        gaps = score[label & (place == b)][:, None] - score[~label & (place == b)][None]
        wins += ((gaps > 0) + 0.5 * (gaps == 0)).sum()
        pairs += gaps.size
    assert found.auc == pytest.approx(wins / pairs, abs=1e-12)


def test_bins_with_one_class_are_counted_and_left_out():
    by, label = np.repeat([0.0, 1.0], 20), np.repeat([True, False], 20)
    found = controls.matched_auc(np.arange(40.0), label, by)
    assert found.auc is None
    assert found.bins_with_one_class == 2


def test_horizon(tmp_path):
    arrays = diagnosis(n=500)
    right = arrays["exact_correct"] == 1
    rng = np.random.default_rng(0)
    growth = rng.normal(0, 1, arrays["log_r"].shape)
    growth[:, 8:, 0] += np.where(right, -2.0, 2.0)[:, None]  # nothing is to be seen before segment 9
    arrays["log_r"] = growth.astype(np.float32)
    found = controls.horizon(read_puzzles(write_diagnosis(tmp_path / "d.npz", arrays)))
    assert [row.segments for row in found.rows] == list(range(1, 17))
    assert found.early.segments == 4
    assert found.early.verdict == "no signal yet"
    assert found.rows[-1].auc > 0.99
    del arrays["log_r"]
    assert controls.horizon(read_puzzles(write_diagnosis(tmp_path / "e.npz", arrays))) is None


def test_overlap_of_known_distributions(tmp_path):
    arrays = diagnosis(n=4000)
    right = arrays["exact_correct"] == 1
    rng = np.random.default_rng(0)
    for gap, wanted in ((0.0, 1.0), (2.0, 0.3173), (20.0, 0.0)):
        late = rng.normal(size=4000) + gap * ~right
        arrays["drift_zH"] = np.repeat(10 ** late[:, None], 16, axis=1).astype(np.float32)
        puzzles = read_puzzles(write_diagnosis(tmp_path / f"d{gap}.npz", arrays))
        found = controls.overlap(puzzles, rng, 200).overlap
        assert found.value == pytest.approx(wanted, abs=0.05)
        assert found.low <= found.high
