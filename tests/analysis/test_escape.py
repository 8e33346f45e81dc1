from __future__ import annotations

import numpy as np
import pytest
from lifelines import WeibullFitter

from rrdyn.analysis.escape import Escapes, fit_all, fit_exponential, fit_two_populations, fit_weibull


def seen(time: np.ndarray, horizon: int) -> Escapes:
    """What is seen of continuous escape times once a segment, up to a horizon."""
    whole = np.ceil(np.maximum(time, 1e-9))
    return Escapes.of(np.minimum(whole, horizon), whole <= horizon)


def test_exponential_in_closed_form():
    found = fit_exponential(Escapes.of(np.array([1, 2, 2, 4]), np.array([True, True, False, True])))
    # three events over 0 + 1 + 2 + 3 segments survived
    assert found.rate.value == pytest.approx(np.log(1 + 3 / 6))
    assert found.log_likelihood == pytest.approx(3 * np.log(1 / 3) + 6 * np.log(2 / 3))
    assert found.rate.low < found.rate.value < found.rate.high
    assert found.survival(np.array([0.0, 2.0])) == pytest.approx([1.0, (2 / 3) ** 2])


@pytest.mark.parametrize("seed", range(5))
def test_rates_are_recovered(seed):
    rng = np.random.default_rng(seed)
    found = fit_exponential(seen(rng.exponential(1 / 0.03, 4000), 112))
    assert found.rate.value == pytest.approx(0.03, rel=0.06)
    found = fit_weibull(seen(30 * rng.weibull(0.7, 4000), 112))
    assert found.parameters["shape"].covers(0.7) or abs(found.parameters["shape"].value - 0.7) < 0.03
    assert found.parameters["scale"].value == pytest.approx(30, rel=0.1)


@pytest.mark.parametrize("seed", range(3))
def test_two_populations_are_recovered(seed):
    rng = np.random.default_rng(seed)
    fast = rng.random(4000) < 0.4
    escapes = seen(np.where(fast, rng.exponential(1 / 0.2, 4000), rng.exponential(1 / 0.004, 4000)), 240)
    laws = {law.name: law for law in fit_all(escapes)}
    found = laws["two_population"].parameters
    assert found["fast_share"].value == pytest.approx(0.4, abs=0.04)
    assert found["fast_rate"].value == pytest.approx(0.2, rel=0.12)
    assert found["slow_rate"].value == pytest.approx(0.004, rel=0.15)
    assert all(interval.low < interval.value < interval.high for interval in found.values())
    assert min(laws.values(), key=lambda law: law.aic).name == "two_population"
    # the mean hazard of an exponential misses that it falls with time
    assert laws["weibull"].parameters["shape"].high < 1


def test_a_part_that_never_escapes():
    rng = np.random.default_rng(0)
    time = np.where(rng.random(2000) < 0.3, np.inf, rng.exponential(1 / 0.1, 2000))
    found = fit_two_populations(seen(time, 200)).parameters
    assert found["fast_share"].value == pytest.approx(0.7, abs=0.03)
    assert found["slow_rate"].value < 1e-4
    assert found["slow_rate"].low == 0.0


@pytest.mark.parametrize("seed", range(3))
def test_weibull_is_lifelines(seed):
    rng = np.random.default_rng(seed)
    whole = np.ceil(20 * rng.weibull(0.8, 300))
    event = whole <= 60
    time = np.minimum(whole, 60)
    found = fit_weibull(Escapes.of(time, event))
    lower, upper = np.where(event, time - 1, time), np.where(event, time, np.inf)
    wanted = WeibullFitter().fit_interval_censoring(lower, upper)
    assert found.log_likelihood == pytest.approx(wanted.log_likelihood_, abs=1e-5)
    assert found.parameters["shape"].value == pytest.approx(wanted.rho_, rel=1e-3)
    assert found.parameters["scale"].value == pytest.approx(wanted.lambda_, rel=1e-3)


def test_without_escapes_and_with_few():
    none = fit_all(Escapes.of(np.full(50, 100), np.zeros(50, bool)))
    assert [law.name for law in none] == ["exponential"]
    assert none[0].rate.value == 0
    assert none[0].rate.high == pytest.approx(3 / 5000)
    all_at_once = fit_exponential(Escapes.of(np.ones(10), np.ones(10, bool)))
    assert all_at_once.rate.value > 1
    few = fit_all(Escapes.of(np.array([1, 5, 9, 9]), np.array([True, True, False, False])))
    assert [law.name for law in few] == ["exponential", "weibull", "cure"]
