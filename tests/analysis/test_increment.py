"""Does lambda_1 add to late drift and q_halt: nothing where it is their function, something where it is not."""

from __future__ import annotations

import numpy as np
import pytest
from tests.analysis.made_files import diagnosis, write_diagnosis

from rrdyn.analysis import increment
from rrdyn.analysis.puzzles import read_puzzles


def world(seed: int, n: int = 3000, own: float = 0.0):
    """Late drift and q_halt tell part of the answer; lambda_1 bends them together and adds `own` of its own."""
    rng = np.random.default_rng(seed)
    drift, halt, hidden = rng.normal(size=(3, n))
    odds = 1.2 * drift - 0.8 * halt + 0.4 * drift * halt + own * hidden
    label = rng.random(n) < 1 / (1 + np.exp(odds))
    exponent = 0.1 * np.tanh(drift) + 0.05 * halt**2 + 0.05 * drift * halt + 0.1 * own * hidden
    return {"drift": drift, "q_halt": halt}, {"lambda_1": exponent}, label


@pytest.mark.parametrize("seed", range(6))
def test_a_function_of_the_others_adds_nothing(seed):
    base, added, label = world(seed)
    (found,) = increment.measure(base, added, label, seed=seed)
    assert found.low <= 0 <= found.high
    assert abs(found.delta) < 0.005
    assert "no sign" in found.says()


@pytest.mark.parametrize("seed", range(3))
def test_a_known_part_is_recovered(seed):
    base, added, label = world(seed, own=1.5)
    (found,) = increment.measure(base, added, label, seed=seed)
    assert found.low > 0
    assert "adds to" in found.says()
    # against the models that know the truth
    rng = np.random.default_rng(seed)
    drift, halt, hidden = rng.normal(size=(3, 3000))
    truth = 1.2 * drift - 0.8 * halt + 0.4 * drift * halt
    from rrdyn.analysis.ranks import auc

    gain = auc(-(truth + 1.5 * hidden), label) - auc(-truth, label)
    assert found.delta == pytest.approx(gain, abs=0.03)
    assert found.deviance_gain > 100


def test_noise_does_not_help():
    base, _, label = world(0)
    noise = {"noise": np.random.default_rng(9).normal(size=len(label))}
    (found,) = increment.measure(base, noise, label)
    assert found.low <= 0 <= found.high


def test_the_straight_models_mistake_a_bend_for_news():
    rng = np.random.default_rng(0)
    drift, halt = rng.normal(size=(2, 4000))
    label = rng.random(4000) < 1 / (1 + np.exp(2 * (drift**2 - 1)))
    for shape, adds in (("linear", True), ("spline", False)):
        (found,) = increment.measure({"drift": drift, "q_halt": halt}, {"lambda_1": drift**2}, label, shape=shape)
        assert (found.low > 0) == adds


def test_nothing_left_to_add_and_too_few_to_ask():
    base, added, label = world(0, n=400)
    (found,) = increment.measure(base | {"answer": 5.0 * label}, added, label)
    assert found.auc_base == 1
    assert "nothing to add" in found.says()
    assert found.low < 0 < found.high
    few = np.zeros(400, bool)
    few[:10] = True
    assert increment.measure(base, added, few) == []


def test_of_a_file(tmp_path):
    puzzles = read_puzzles(write_diagnosis(tmp_path / "d.npz", diagnosis(n=600)))
    found = increment.of_puzzles(puzzles)
    assert found.says == found.spline["lambda_1"].says
    assert set(found.linear) == {"lambda_1", "spectral_mean"}
    assert found == increment.of_puzzles(puzzles)
    small = read_puzzles(write_diagnosis(tmp_path / "e.npz", diagnosis(n=30, k=1)))
    assert "not measured" in increment.of_puzzles(small).says
