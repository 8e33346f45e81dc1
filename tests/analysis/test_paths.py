"""Paths of puzzles: the running exponent, and the cells that its puzzles are drawn in."""

from __future__ import annotations

import numpy as np
import pytest
from tests.plotting import artifact_writers

from rrdyn.analysis.cells import letters
from rrdyn.analysis.paths import cells_by_own_threshold, cells_from_points, median_path, running_exponent
from rrdyn.analysis.puzzles import read_puzzles
from rrdyn.analysis.thresholds import otsu
from rrdyn.artifacts.errors import InputError


@pytest.fixture(scope="module")
def puzzles(tmp_path_factory):
    root = tmp_path_factory.mktemp("paths")
    return read_puzzles(artifact_writers.diag(root / "diag.npz", artifact_writers.dataset(root / "data")))


def test_the_running_exponent_ends_at_the_spectrum(puzzles):
    running, unit = running_exponent(puzzles)
    assert running.shape == (puzzles.n, puzzles.segments)
    assert running[:, -1] == pytest.approx(puzzles.lambda_1, abs=1e-6)
    assert unit == "nats per sub-update"


def test_cells_of_a_file_alone_are_those_of_otsu(puzzles):
    drift = puzzles.log_late_drift()
    assert np.array_equal(cells_by_own_threshold(puzzles), letters(drift < otsu(drift), puzzles.correct))


def test_cells_of_points_follow_the_index_and_points_of_another_file_are_refused(puzzles, tmp_path):
    shuffled = np.random.default_rng(0).permutation(puzzles.n)
    cells = np.array(list("ABCD"))[np.arange(puzzles.n) % 4]
    points = {"idx": puzzles.idx[shuffled].astype(float), "cell": cells[shuffled]}
    assert np.array_equal(cells_from_points(puzzles, points, tmp_path), cells)
    with pytest.raises(InputError, match="other puzzles"):
        cells_from_points(puzzles, {name: values[:9] for name, values in points.items()}, tmp_path)


def test_the_median_path_is_that_of_each_segment():
    assert median_path(np.array([[0.0, 5], [1, 1], [9, 2]])).tolist() == [1.0, 2.0]
