from __future__ import annotations

import numpy as np
import pytest

from rrdyn.analysis.readers import MEANING, ORACLES, READERS, Particles


def particles(right, q=None, residual=None, answer=None):
    """Of one puzzle, K particles x T segments."""
    right = np.array([right], dtype=bool)
    n, K, T = right.shape
    q = np.zeros((n, K, T)) if q is None else np.array([q], dtype=float)
    flat = np.zeros((1, K)) if residual is None else np.array([residual], dtype=float)
    return Particles(right=right, q_halt=q, residual=flat, return_distance=flat, lambda_1=flat,
                     answer=np.array([answer if answer is not None else range(K)]))  # fmt: skip


CASE = particles(
    [[0, 0], [1, 0], [0, 1], [0, 1]], q=[[-1, 0.5], [3, -2], [-1, -0.2], [-3, -0.4]], residual=[0.1, 0.9, 0.3, 0.2],
    answer=[0, 1, 2, 2],
)  # fmt: skip


@pytest.mark.parametrize(("reader", "chance"), [
    ("q_halt", 0), ("q_ever", 1), ("halt_first", 1), ("residual", 0), ("return_distance", 0), ("majority", 1),
    ("weighted", 1), ("lambda_1", 0), ("random", 0.5), ("oracle", 1), ("oracle_ever", 1),
])  # fmt: skip
def test_each_takes_the_answer_it_says(reader, chance):
    right, _ = READERS[reader](CASE)
    assert right[0] == pytest.approx(chance)


def test_a_weighted_vote_adds_up_sure_answers():
    """Two doubtful particles against a sure one: by heads they win, by weight they do not."""
    three = particles([[1], [0], [0]], q=[[4], [-2], [-2]], answer=[0, 1, 1])
    assert READERS["majority"](three)[0][0] == 0
    right, share = READERS["weighted"](three)
    assert right[0] == 1
    assert share[0] == pytest.approx(0.982 / (0.982 + 2 * 0.1192), abs=1e-3)


def test_ties_are_broken_at_random():
    for reader in ("q_halt", "residual", "majority", "weighted"):
        assert READERS[reader](particles([[1], [0], [0], [1]]))[0][0] == pytest.approx(0.5)
    same = particles([[1], [1], [0], [0]], answer=[0, 0, 1, 1])
    assert READERS["weighted"](same)[0][0] == pytest.approx(0.5)


def test_one_particle_is_read_alike_by_all_that_look_at_the_readout():
    one = particles([[0, 1]], q=[[2, -1]])
    assert {READERS[name](one)[0][0] for name in MEANING if name not in ("q_ever", "halt_first")} == {1.0}
    assert set(ORACLES) <= READERS.keys() == MEANING.keys()
