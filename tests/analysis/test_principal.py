"""Principal components of a trajectory, and of random walks."""

from __future__ import annotations

import numpy as np
import pytest

from rrdyn.analysis.principal import principal, random_walk


def test_expected_variance_of_a_random_walk_matches_drawn_walks():
    rng = np.random.default_rng(0)
    walks = np.cumsum(rng.normal(size=(17, 20_000)), axis=0)
    _, explained = principal(walks)
    assert explained[:5] == pytest.approx(random_walk(17)[:5], rel=0.03)
    assert random_walk(17).sum() == pytest.approx(1.0)


def test_a_plane_curve_lies_in_its_plane_and_starts_left_and_below():
    t = np.linspace(0, 3, 17)
    states = np.column_stack([np.cos(t), np.sin(t)]) @ np.random.default_rng(1).normal(size=(2, 6))
    coordinates, explained = principal(states)
    assert explained[:2].sum() == pytest.approx(1.0)
    assert (coordinates[0, :2] <= 0).all()
    assert np.linalg.norm(coordinates[0] - coordinates[-1]) == pytest.approx(np.linalg.norm(states[0] - states[-1]))


def test_a_state_that_does_not_move_has_no_variance():
    assert not principal(np.ones((5, 3)))[1].any()
