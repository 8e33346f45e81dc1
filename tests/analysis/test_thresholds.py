"""The trap cases of Otsu's threshold, and every way to choose one."""

from __future__ import annotations

import numpy as np
import pytest

from rrdyn.analysis.thresholds import Tau, choose, from_words, otsu, separability
from rrdyn.artifacts.errors import UsageError

N = 2048


def two_modes(share: float, seed: int = 0, width: float = 0.3) -> np.ndarray:
    rng = np.random.default_rng(seed)
    slow = round(share * N)
    return np.concatenate([rng.normal(-1.8, width, slow), rng.normal(1.5, 0.25, N - slow)])


def chosen(drift: np.ndarray, **tau):
    return choose(drift, np.ones(len(drift), bool), Tau(**tau))


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("width", [0.3, 0.7])
def test_four_exact_zeros_do_not_move_the_settled_fraction(seed, width):
    drift = two_modes(0.87, seed, width)
    before = chosen(drift).settled(drift).mean()
    frozen = drift.copy()
    frozen[:4] = -12.0
    found = chosen(frozen)
    assert abs(found.settled(frozen).mean() - before) <= 0.01
    assert found.frozen == 4
    almost = drift.copy()
    almost[:4] = -11.0  # not exactly zero, but far below all others
    assert abs(chosen(almost).settled(almost).mean() - before) <= 0.01


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("width", [0.3, 0.5])
def test_99_percent_settled_is_reported_as_such(seed, width):
    drift = two_modes(0.99, seed, width)
    for method in ("otsu", "mixture"):
        assert chosen(drift, method=method).settled(drift).mean() >= 0.97


@pytest.mark.parametrize("kind", ["normal", "uniform", "exponential", "laplace", "lognormal"])
@pytest.mark.parametrize("seed", range(3))
def test_one_mode_warns(kind, seed):
    rng = np.random.default_rng(seed)
    drift = {
        "normal": rng.normal(size=N),
        "uniform": rng.random(N),
        "exponential": np.log10(rng.exponential(size=N)),
        "laplace": rng.laplace(size=N),
        "lognormal": rng.lognormal(0, 0.5, N),
    }[kind]
    found = chosen(drift)
    assert found.eta < 0.8
    assert "one mode only" in found.warning


def test_eta_of_known_shapes():
    rng = np.random.default_rng(0)
    one = rng.normal(size=200_000)
    assert separability(one, otsu(one)) == pytest.approx(2 / np.pi, abs=0.01)
    two = np.concatenate([rng.normal(0, 1, 5000), rng.normal(20, 1, 5000)])
    assert separability(two, otsu(two)) > 0.98
    assert separability(np.ones(5), 1.0) is None


def test_methods():
    drift = two_modes(0.6)
    correct = drift < 0
    by_otsu = choose(drift, correct, Tau())
    assert by_otsu.method == "otsu"
    assert by_otsu.warning is None
    assert chosen(drift, method="fixed", value=-1.0).tau == -1.0
    by_mixture = chosen(drift, method="mixture")
    assert by_mixture.mixture.means == pytest.approx((-1.8, 1.5), abs=0.05)
    assert -1.8 < by_mixture.tau < 1.5
    band = choose(drift, correct, Tau(method="band"))
    assert band.tau < by_otsu.tau
    assert band.settled(drift).sum() == pytest.approx(0.95 * correct.sum(), abs=3)
    none = choose(drift, ~correct, Tau(method="band"))
    assert none.method == "otsu"
    assert "no band" in none.warning


def test_what_does_not_move_is_settled_under_any_threshold():
    drift = np.array([-12.0, -1.0, 0.0, 1.0])
    assert chosen(drift, method="fixed", value=-20.0).settled(drift).tolist() == [True, False, False, False]


@pytest.mark.parametrize("drift", [np.zeros(1), np.full(50, -12.0), np.full(50, 1.0), np.array([0.0, 1.0])])
def test_hardly_any_data(drift):
    found = chosen(drift)
    assert np.isfinite(found.tau)
    assert found.warning


def test_words_of_the_command_line():
    assert from_words(["fixed", "-1.5", "a.npz"]) == (Tau(method="fixed", value=-1.5), ["a.npz"])
    assert from_words(["fixed:-1.5"]) == (Tau(method="fixed", value=-1.5), [])
    assert from_words(["band", "a.npz"]) == (Tau(method="band"), ["a.npz"])
    for words in (["fixed"], ["fixed", "a.npz"], ["fixed", "nan"], ["median"]):
        with pytest.raises(UsageError, match="--tau"):
            from_words(words)
