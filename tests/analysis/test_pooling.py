"""Trajectories of several cells put together: pooling, smoothing, quantiles, crossing."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.plotting.cell_writers import FORKS, kl_of, study

from rrdyn.analysis.pooling import crossing, mean_mass, pool, rolling
from rrdyn.artifacts.cells import read_cells
from rrdyn.artifacts.errors import Notice

pytestmark = pytest.mark.filterwarnings("ignore::rrdyn.artifacts.errors.Notice")


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    return study(tmp_path_factory.mktemp("cells"))


def test_cells_of_the_window_are_pooled_and_others_left_out(root):
    with pytest.warns(Notice, match="older"):
        cells = read_cells(root, 40)
    assert [one.name for one in cells] == ["toy_s0", "toy_s1", "toy_s2"]
    here = pool(cells, "1.0")
    assert here.n == 24
    assert here.kl[8, :40] == pytest.approx(kl_of("1.0", 1)[0])
    assert np.isnan(here.kl[9, 37:]).all()  # shorter trajectories stay short
    assert here.forks.tolist() == FORKS


def test_mass_is_interpolated_between_fork_points(root):
    here = pool(read_cells(root, 40), "2.0")
    expected = np.interp(np.arange(40), FORKS, here.mass[5])
    assert here.alive[5] == pytest.approx(expected)


@settings(deadline=None)
@given(st.lists(st.floats(0, 5), min_size=1, max_size=30), st.integers(1, 9))
def test_rolling_mean_is_the_edge_padded_convolution(values, window):
    x = np.array(values)
    if len(x) < window:
        expected = x
    else:
        padded = np.pad(x, window // 2, mode="edge") if window > 1 else x
        expected = np.convolve(padded, np.ones(window) / window, mode="valid")[: len(x)]
    assert rolling(x[None], window)[0] == pytest.approx(expected)


def test_rolling_mean_stops_where_the_trajectory_stops():
    row = np.array([[1.0, 2.0, 3.0, np.nan, np.nan]])
    assert rolling(row, 3)[0] == pytest.approx([4 / 3, 2.0, 8 / 3, np.nan, np.nan], nan_ok=True)


def test_crossing_and_mean_mass_pass_over_what_is_not_there():
    rows = np.array([[0.5, np.nan, 2.0], [0.5, 1.0, np.nan], [np.nan, np.nan, np.nan]])
    assert crossing(rows, 1.0).tolist() == [True, False, False]
    assert mean_mass(rows).tolist() == [1.25, 0.75, np.inf]
