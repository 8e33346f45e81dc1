"""Does lambda_1 add to the rest: nothing where it is a function of it, something where it is not."""

from __future__ import annotations

import numpy as np
import pytest

from rrdyn.analysis import increment
from rrdyn.analysis.folds import FOLDS, Splits, log_odds
from rrdyn.analysis.independence import covariance_measure
from rrdyn.analysis.terms import Terms, chosen


def world(seed: int, n: int = 600, own: float = 0.0):
    """Late drift and q_halt tell part of the answer; lambda_1 bends them together and adds `own` of its own."""
    rng = np.random.default_rng(seed)
    drift, halt, hidden = rng.normal(size=(3, n))
    odds = 1.2 * drift - 0.8 * halt + 0.4 * drift * halt + own * hidden
    label = rng.random(n) < 1 / (1 + np.exp(odds))
    exponent = 0.1 * np.tanh(drift) + 0.05 * halt**2 + 0.05 * drift * halt + 0.1 * own * hidden
    return {"drift": drift, "q_halt": halt}, {"lambda_1": exponent}, label


@pytest.mark.parametrize("seed", range(4))
def test_a_function_of_the_others_adds_nothing(seed):
    base, added, label = world(seed)
    (found,) = increment.measure(base, added, label, seed=seed)
    assert not found.adds
    assert found.flexible.low <= 0
    assert abs(found.flexible.delta) < 0.01
    assert "adds to" not in found.says()


@pytest.mark.parametrize("seed", range(2))
def test_a_known_part_is_recovered(seed):
    base, added, label = world(seed, n=1500, own=1.5)
    (found,) = increment.measure(base, added, label, seed=seed)
    assert found.adds
    assert "adds to" in found.says()
    # against the models that know the truth
    rng = np.random.default_rng(seed)
    drift, halt, hidden = rng.normal(size=(3, 1500))
    truth = 1.2 * drift - 0.8 * halt + 0.4 * drift * halt
    from rrdyn.analysis.ranks import auc

    gain = auc(-(truth + 1.5 * hidden), label) - auc(-truth, label)
    assert found.flexible.delta == pytest.approx(gain, abs=0.03)
    assert found.flexible.low < gain < found.flexible.high
    assert found.smooth.deviance_gain > 100
    assert found.independence.p < 1e-6
    assert found.detectable < gain


def test_a_jump_at_the_same_place_is_no_news():
    """The case that smooth curves mistake: right answers jump where lambda_1 does, both with late drift."""
    smooth = []
    for seed in range(4):
        rng = np.random.default_rng(seed)
        drift, halt = rng.normal(size=(2, 600))
        label = rng.random(600) < 1 / (1 + np.exp(4.0 * (drift > 0.3) - 2.0))
        added = {"lambda_1": (drift > 0.3) + 0.1 * rng.normal(size=600)}
        (found,) = increment.measure({"drift": drift, "q_halt": halt}, added, label, seed=seed)
        assert not found.adds
        smooth.append(found.smooth.delta)
    assert np.mean(smooth) > 0.003  # curves alone see one


def test_the_split_into_folds_is_inside_the_interval():
    base, added, label = world(3, n=120, own=0.5)
    seeds = [increment.measure(base, added, label, seed=seed)[0].smooth for seed in range(5)]
    assert np.std([gain.delta for gain in seeds]) < np.mean([gain.between_splits for gain in seeds])
    half = np.mean([gain.high - gain.low for gain in seeds]) / 2
    assert np.ptp([gain.delta for gain in seeds]) < half


def test_nothing_left_to_add_and_too_few_to_ask():
    base, added, label = world(0, n=300)
    (found,) = increment.measure(base | {"answer": 5.0 * label}, added, label)
    assert found.smooth.auc_base == 1
    assert "nothing to add" in found.says()
    assert found.smooth.low < 0 < found.smooth.high
    few = np.zeros(300, bool)
    few[:10] = True
    assert increment.measure(base, added, few) == []


def test_several_columns_are_added_together():
    base, _, label = world(1, n=500)
    rng = np.random.default_rng(1)
    kinds = rng.integers(0, 3, 500)
    informative = np.where(label, rng.integers(0, 2, 500), kinds)
    told = np.column_stack([informative == code for code in (1, 2)]).astype(float)
    (found,) = increment.measure(base, {"fate": told}, label)
    assert found.independence.degrees == 2
    assert found.adds


def test_no_row_is_judged_by_a_model_that_saw_it():
    rng = np.random.default_rng(0)
    label = rng.random(80) < 0.5
    splits = Splits.of(label, seed=0, count=3)
    for split in range(3):
        held = np.concatenate([part.held for part in splits.parts if part.split == split])
        assert sorted(held.tolist()) == list(range(80))
    for part in splits.parts:
        assert not set(part.rows) & set(part.held)
        assert abs(label[part.held].mean() - label.mean()) < 0.1
    # an indicator of single rows fits the training rows wholly and tells nothing of others
    odds = log_odds(lambda place, rows: np.eye(80)[rows], label, splits)
    for part in splits.parts:
        assert np.ptp(odds[part.split, part.held]) < 1e-6
    assert len(splits.parts) == 3 * FOLDS


def test_a_jump_is_found_at_its_row():
    rng = np.random.default_rng(2)
    x, y = rng.normal(size=(2, 500))
    target = (x > 0.123).astype(float) + 0.05 * rng.normal(size=500)
    (term, *_) = chosen(Terms.of({"x": x, "y": y}), np.arange(500), target, binary=False, most=3)
    assert term.kind == "jump"
    assert term.variable == 0
    assert not ((x > 0.123) ^ ((x - x.mean()) / x.std() > term.other)).any()


def test_the_covariance_measure_holds_its_level_and_sees_a_dependence():
    rng = np.random.default_rng(4)
    p = np.array([covariance_measure(*_noise(rng)).p for _ in range(800)])
    assert 0.03 < (p < 0.05).mean() < 0.075
    answer, number = _noise(rng)
    assert covariance_measure(answer, number + answer[:, None]).p < 1e-6
    assert covariance_measure(answer, np.zeros((200, 1))).p == 1


def _noise(rng):
    return rng.normal(size=200), rng.normal(size=(200, 2))
