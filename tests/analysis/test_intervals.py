from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import binomtest, bootstrap, ks_2samp

from rrdyn.analysis import areas
from rrdyn.analysis.areas import CAREFUL, auc_intervals, auc_replicates, delong_intervals
from rrdyn.analysis.intervals import (
    mean,
    mean_difference,
    mean_over_seeds,
    median,
    median_difference,
    median_replicates,
    rate,
    rule_of_three,
)
from rrdyn.analysis.ranks import auc, delong
from rrdyn.runtime.streams import generator


@given(st.integers(1, 5000), st.data())
def test_rates(n, data):
    count = data.draw(st.integers(0, n))
    found = rate(count, n)
    assert 0 <= found.low <= count / n <= found.high <= 1
    if 0 < count < n:
        wanted = binomtest(count, n).proportion_ci(method="wilson")
        assert (found.low, found.high) == pytest.approx((wanted.low, wanted.high), abs=1e-12)
    elif count == 0:
        assert found.high == min(1, 3 / n)


def test_rule_of_three():
    assert rule_of_three(254) == 3 / 254
    assert rule_of_three(100, level=0.99) == pytest.approx(-np.log(0.01) / 100)
    assert rate(0, 0).low is None


@pytest.mark.parametrize("n", [3, 4, 15, 50, 101])
def test_medians_are_drawn_from_the_law_of_resampled_medians(n):
    rng = np.random.default_rng(n)
    values = np.sort(rng.normal(size=n))
    drawn = median_replicates(values, 20_000, rng)
    resampled = np.median(values[rng.integers(0, n, (20_000, n))], axis=1)
    assert ks_2samp(drawn, resampled).pvalue > 1e-3


def test_auc_replicates_are_aucs_of_resampled_rows():
    rng = np.random.default_rng(0)
    label = rng.random(80) < 0.4
    score = np.round(rng.normal(size=80) + label, 1)
    drawn = auc_replicates([score, -score], label, generator(1), 50)
    again = generator(1)
    positives, negatives = score[label], score[~label]
    picked = again.integers(0, len(positives), (50, len(positives)), dtype=np.int32)
    others = again.integers(0, len(negatives), (50, len(negatives)), dtype=np.int32)
    for number in range(50):
        sample = np.concatenate([positives[picked[number]], negatives[others[number]]])
        wanted = auc(sample, np.arange(len(sample)) < len(positives))
        assert drawn[0, number] == pytest.approx(wanted, abs=1e-12)
    np.testing.assert_allclose(drawn[0] + drawn[1], 1.0, atol=1e-12)


def test_bca_is_scipys_but_for_the_draws():
    rng = np.random.default_rng(3)
    values = rng.exponential(size=60)
    found = mean_difference(values, np.zeros(60), rng, 20_000)
    wanted = bootstrap((values,), np.mean, n_resamples=20_000, method="BCa", random_state=rng).confidence_interval
    assert (found.low, found.high) == pytest.approx((wanted.low, wanted.high), abs=0.02)
    label = rng.random(200) < 0.5
    score = rng.normal(size=200) + 1.5 * label
    found = auc_intervals([score], label, rng, 10_000)[0]
    wanted = bootstrap(
        (score[label], score[~label]),
        lambda one, two: auc(np.concatenate([one, two]), np.arange(len(one) + len(two)) < len(one)),
        n_resamples=2_000, method="BCa", random_state=rng, vectorized=False,
    ).confidence_interval  # fmt: skip
    assert (found.low, found.high) == pytest.approx((wanted.low, wanted.high), abs=0.01)


def test_closed_form_and_bootstrap_agree_and_the_size_decides(monkeypatch):
    rng = np.random.default_rng(5)
    label = rng.random(4000) < 0.5
    score = rng.normal(size=4000) + label
    (drawn,), (closed,) = auc_intervals([score], label, rng), delong_intervals([score], label)
    assert drawn.method == "bca"
    assert (drawn.low, drawn.high) == pytest.approx((closed.low, closed.high), abs=2e-3)
    monkeypatch.setattr(areas, "CLOSED_FORM_ABOVE", 3999)
    assert auc_intervals([score], label, rng)[0].method == "delong"
    spread = auc_replicates([score], label, rng, 500)[0].std()
    assert spread == pytest.approx(delong([score], label).errors[0], rel=0.15)


def test_separated_classes_still_have_a_bound():
    found = auc_intervals([np.arange(40.0)], np.arange(40) >= 20, np.random.default_rng(0))[0]
    assert found.value == found.high == 1.0
    assert 0.8 < found.low < 1
    tied = auc_intervals([np.zeros(40)], np.arange(40) >= 20, np.random.default_rng(0))[0]
    assert tied.value == 0.5
    assert tied.low < 0.5 < tied.high


@pytest.mark.parametrize(("m", "n", "shift"), [(5, 300, 1.5), (40, 60, 1.0), (200, 200, 3.5)])
def test_few_rows_or_an_area_near_one_widen_the_interval(m, n, shift, monkeypatch):
    rng = np.random.default_rng(m)
    label = np.arange(m + n) < m
    score = rng.normal(size=m + n) + shift * label
    (careful,) = auc_intervals([score], label, generator(0))
    assert careful.method == CAREFUL
    assert delong_intervals([score], label) == [careful]
    monkeypatch.setattr(areas, "CLASS_ENOUGH", 2)
    monkeypatch.setattr(areas, "AREA_ENOUGH", 1.0)
    (plain,) = delong_intervals([score], label)
    assert plain.method == "delong"
    assert 0 <= careful.low < plain.low < careful.value < plain.high < careful.high <= 1


@given(st.lists(st.floats(0, 1), min_size=2, max_size=6))
def test_a_share_over_seeds_stays_a_share(values):
    found = mean_over_seeds(np.array(values), share=True)
    if found.low is not None:
        assert 0 <= found.low <= found.value <= found.high <= 1
    plain = mean_over_seeds(np.array(values))
    assert (found.value, found.n) == (plain.value, plain.n)


@settings(max_examples=50)
@given(st.lists(st.floats(-100, 100), min_size=3, max_size=30), st.floats(0.1, 10), st.floats(-50, 50))
def test_intervals_move_with_the_data(values, scale, shift):
    values = np.round(np.array(values), 3)
    one = median(values, generator(0), 200)
    two = median(values * scale + shift, generator(0), 200)
    assert (two.low, two.high) == pytest.approx((one.low * scale + shift, one.high * scale + shift), abs=1e-6)


def test_too_little_data_gives_no_bounds():
    rng = np.random.default_rng(0)
    assert median(np.zeros(0), rng).value is None
    assert median(np.ones(2), rng).low is None
    assert median_difference(np.ones(5), np.zeros(0), rng).value is None
    assert median_difference(np.ones(5), np.zeros(2), rng).low is None
    assert mean(np.zeros(0), rng).value is None
    assert mean(np.full(5, 0.5), rng).low is None
    assert mean(np.array([0.0, 1.0, 1.0]), rng).method == "wilson"
    assert auc_intervals([np.arange(3.0)], np.array([True, False, False]), rng)[0].low is None


def test_the_same_seed_gives_the_same_interval():
    values = np.random.default_rng(0).normal(size=99)
    assert median(values, generator(7)) == median(values, generator(7))
