"""Selectors on a made case where each one's answer is known, and what stands around them."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.analysis.made_files import write_restarts

from rrdyn.analysis import select
from rrdyn.analysis.risk import aurc, aurc_interval, calibration, perfect_aurc, risk_coverage
from rrdyn.analysis.selectors import Restarts, best, halt_first, majority, picks


def made_case() -> Restarts:
    """Four puzzles, three restarts, two segments. Which selector is right where (at the second segment):

    puzzle       right restarts   q_halt picks   halts first   residual   lambda_1   majority
    0            0                0 right        2 wrong       0 right    1 wrong    wrong pair
    1            1, 2             0 wrong        1 right       1 right    2 right    right pair
    2            none             wrong          wrong, but right as it halts        wrong      wrong
    3            0, 1, 2          right          right         right      right      right
    """
    correct = np.zeros((4, 3, 2), bool)
    correct[0, 0, 1] = correct[1, 1:, 1] = correct[3, :, 1] = True
    correct[1, 1, 0] = correct[2, 0, 0] = True
    q_halt = np.full((4, 3, 2), -5.0)
    q_halt[:, 0, 1] = 3.0  # restart 0 is the surest at the readout
    q_halt[0, 2, 0] = q_halt[1, 1, 0] = q_halt[2, 0, 0] = 1.0  # these halt at the first segment
    residual = np.array([[0.1, 0.5, 0.5], [0.5, 0.1, 0.5], [0.1, 0.5, 0.5], [0.1, 0.5, 0.5]])
    lambda_1 = np.array([[0.0, -0.2, 0.0], [0.0, 0.0, -0.2], [0.0, 0.0, -0.2], [-0.2, 0.0, 0.0]])
    preds = np.zeros((4, 3, 2), np.uint8)
    preds[0] = [[1, 1], [2, 2], [2, 2]]
    preds[1] = [[3, 3], [1, 1], [1, 1]]
    preds[2] = [[2, 2], [3, 3], [4, 4]]
    return Restarts(
        correct=correct, q_halt=q_halt, preds=preds, residual=residual, drift=None, lambda_1=lambda_1,
        longer=np.array([True, True, False, True]), longer_segments=6,
    )  # fmt: skip


def test_every_selector_picks_what_it_should():
    found = {name: pick.right.tolist() for name, pick in picks(made_case()).items()}
    assert found == {
        "first": [1, 0, 0, 1],
        "random": pytest.approx([1 / 3, 2 / 3, 0, 1]),
        "q_halt": [1, 0, 0, 1],
        "halt_first": [0, 1, 1, 1],
        "residual": [1, 1, 0, 1],
        "lambda_1": [0, 1, 0, 1],
        "majority": [0, 1, 0, 1],
        "longer": [1, 1, 0, 1],
        "oracle": [1, 1, 0, 1],
    }
    assert picks(made_case())["halt_first"].segments == 3 * (1 + 1 + 1 + 2) / 4
    assert picks(made_case())["q_halt"].segments == 6


def test_ties_are_broken_at_random():
    right = np.array([[True, False, False]])
    assert best(np.array([[1.0, 1.0, 0.0]]), right)[0].tolist() == [0.5]
    assert best(np.array([[np.nan, 0.0, -1.0]]), right)[0].tolist() == [0.0]
    # two groups of one vote each among three: the chance is a third
    assert majority(np.array([[[1], [2], [3]]]), right)[0].tolist() == pytest.approx([1 / 3])
    chance, segment, _ = halt_first(np.ones((1, 2, 3), bool), np.full((1, 2, 3), -1.0))
    assert chance.tolist() == [1.0]
    assert segment.tolist() == [4]


def test_equal_restarts_make_equal_selectors():
    rng = np.random.default_rng(0)
    once = rng.random((20, 1, 5)) < 0.5
    same = Restarts(
        correct=np.repeat(once, 6, axis=1), q_halt=np.repeat(rng.normal(size=(20, 1, 5)), 6, axis=1),
        preds=np.ones((20, 6, 3), np.uint8), residual=np.ones((20, 6)), drift=None, lambda_1=np.ones((20, 6)),
    )  # fmt: skip
    found = picks(same)
    for name in ("random", "q_halt", "residual", "lambda_1", "majority", "oracle"):
        np.testing.assert_allclose(found[name].right, once[:, 0, -1], err_msg=name)


def test_risk_and_coverage_by_hand():
    coverage, risk = risk_coverage(np.array([3.0, 2.0, 1.0, 0.0]), np.array([1, 0, 1, 0]))
    assert coverage.tolist() == [0.25, 0.5, 0.75, 1.0]
    assert risk.tolist() == pytest.approx([0, 1 / 2, 1 / 3, 1 / 2])
    assert aurc(np.array([3.0, 2.0, 1.0, 0.0]), np.array([1, 0, 1, 0])) == pytest.approx(
        np.mean([0, 1 / 2, 1 / 3, 1 / 2])
    )
    tied = risk_coverage(np.zeros(4), np.array([1, 1, 0, 0]))[1]
    assert tied.tolist() == [0.5] * 4
    assert perfect_aurc(np.array([0, 1, 0, 1])) == pytest.approx(np.mean([0, 0, 1 / 3, 1 / 2]))


@given(st.lists(st.tuples(st.integers(0, 4), st.booleans()), min_size=1, max_size=30))
def test_no_ordering_beats_the_perfect_one(rows):
    confidence, right = np.array([row[0] for row in rows], float), np.array([row[1] for row in rows])
    assert perfect_aurc(right) - 1e-12 <= aurc(confidence, right) <= 1
    assert risk_coverage(confidence, right)[1][-1] == pytest.approx(1 - right.mean())


def test_bounds_of_aurc_hold_the_truth():
    rng = np.random.default_rng(0)
    confidence = rng.random(4000)
    wide = aurc(confidence, rng.random(4000) < confidence)
    inside = 0
    for _ in range(60):
        sure = rng.random(300)
        found = aurc_interval(sure, rng.random(300) < sure, rng, 400)
        inside += found.covers(wide)
    assert inside >= 50


def test_calibration():
    rng = np.random.default_rng(0)
    logit = rng.normal(0, 2, 20_000)
    right = rng.random(20_000) < 1 / (1 + np.exp(-logit))
    found = calibration(logit, right, np.arange(20_000))
    assert found.ece < 0.02
    assert found.slope == pytest.approx(1, abs=0.05)
    assert found.intercept == pytest.approx(0, abs=0.05)
    sure = calibration(3 * logit, right, np.arange(20_000))
    assert sure.slope == pytest.approx(1 / 3, abs=0.02)
    assert sure.ece > 0.1
    assert sum(row.n for row in found.bins) == 20_000
    # 2,000 restarts of 20 puzzles are not 2,000 puzzles
    few = calibration(logit[:2000], right[:2000], np.arange(2000) % 20).bins[5]
    many = calibration(logit[:2000], right[:2000], np.arange(2000)).bins[5]
    assert few.high - few.low > 2 * (many.high - many.low)


def perturbed(n: int = 60, k: int = 4, horizon: int = 24) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(0)
    time = np.ceil(rng.exponential(20 * rng.random(n)[:, None, None], (n, 3, k))) + 1
    time[:, 0] = time[:, 0, :1]
    correct = np.arange(1, horizon + 1) >= time[..., None]
    return {
        "solve": correct.any(-1),
        "base": correct[:, 0, 0, 15],
        "sigmas": np.array([0.0, 0.1, 1.0]),
        "correct": correct,
        "q_halt": np.where(correct, 2.0, -2.0) + rng.normal(size=correct.shape),
    }


def test_what_the_longer_run_frees_is_not_credited_to_the_noise(tmp_path):
    arrays = perturbed()
    found = select.study(write_restarts(tmp_path / "perturb.npz", arrays, readout=16), "p", replicates=200)
    failed = ~arrays["base"]
    at_zero, at_one = found.basin[0], found.basin[2]
    assert at_zero["n"] == failed.sum()
    assert at_zero["single_readout"] == 0.0
    assert at_zero["single_ever"] == pytest.approx(arrays["solve"][failed, 0, 0].mean())
    assert at_zero["single_ever"] > 0
    assert at_one["best_ever_gain"] == pytest.approx(at_one["best_ever"] - at_zero["best_ever"])
    assert at_zero["best_ever_gain"] == 0
    assert {row.selector for row in found.rows} == {"first", "random", "q_halt", "halt_first", "longer", "oracle"}
    assert set(found.left_out) == {"residual", "lambda_1", "majority"}
    assert found.readout == 16
    wrote = select.write(found, tmp_path / "out")
    assert {path.name for path in wrote} == {
        "select_p.csv", "risk_coverage_p.csv", "calibration_p.csv", "basin_p.csv", "select_p.json", "select_p.md"
    }  # fmt: skip


@pytest.mark.filterwarnings("ignore::rrdyn.artifacts.errors.Notice")
def test_the_notebooks_own_file_has_no_selectors_but_a_basin(tmp_path):
    arrays = {key: value for key, value in perturbed().items() if key in ("solve", "base", "sigmas")}
    found = select.study(write_restarts(tmp_path / "perturb.npz", arrays), "p", replicates=200)
    assert found.rows == []
    assert found.basin[1]["single_readout"] is None
    assert found.basin[1]["best_ever"] >= found.basin[1]["single_ever"]
    assert "Not judged" in select.summary(found)
    select.write(found, tmp_path)
