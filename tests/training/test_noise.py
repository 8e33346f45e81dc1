"""The noise on z0: keyed draws, the ramp, the distributions."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rrdyn.artifacts.errors import UsageError
from rrdyn.training.augmentation import aug_presets, read_aug
from rrdyn.training.noise import NoiseConfig, draw

SHAPE = (5, 4)


def drawn(config: NoiseConfig, examples, copies=range(4), step=100, seed=0):
    shapes = {"z_H": SHAPE, "z_L": SHAPE}
    eps, sigma = draw(config, seed=seed, step=step, examples=examples, copies=copies, shapes=shapes)
    return eps["z_H"], eps["z_L"], sigma


@given(
    examples=st.lists(st.integers(0, 10**9), min_size=1, max_size=6, unique=True),
    step=st.integers(1, 10**6),
    sampling=st.sampled_from(["fixed", "band", "loguniform"]),
)
def test_a_draw_depends_on_its_key_alone(examples, step, sampling):
    config = NoiseConfig(sampling=sampling)
    together = drawn(config, examples, step=step)
    for place, example in enumerate(examples):
        for copy in range(4):
            alone = drawn(config, [example], range(copy, copy + 1), step=step)
            for whole, one in zip(together, alone):
                np.testing.assert_array_equal(whole[4 * place + copy], one[0])


def test_other_steps_seeds_copies_and_latents_get_other_noise():
    config = NoiseConfig(sampling="fixed", sigma=1.0)
    base = drawn(config, [7])
    assert not np.array_equal(base[0], base[1])
    assert not np.array_equal(base[0][1], base[0][2])
    for other in (drawn(config, [7], step=101), drawn(config, [7], seed=1), drawn(config, [8])):
        assert not np.array_equal(base[0][1], other[0][1])


def test_copy_zero_is_clean():
    eps_H, eps_L, sigma = drawn(NoiseConfig(sampling="fixed", sigma=1.0), [1, 2])
    for array in (eps_H, eps_L):
        assert not array[[0, 4]].any()
        assert array[[1, 2, 3, 5, 6, 7]].any(axis=(1, 2)).all()
    assert sigma.tolist() == [0, 1, 1, 1] * 2


@pytest.mark.parametrize(("where", "moved"), [("both", (True, True)), ("z_H", (True, False)), ("z_L", (False, True))])
def test_where(where, moved):
    both = drawn(NoiseConfig(sampling="fixed"), [3])
    some = drawn(NoiseConfig(sampling="fixed", where=where), [3])
    for part, whole, here in zip(some, both, moved):
        np.testing.assert_array_equal(part, whole if here else 0 * whole)


def test_ramp_and_warmup():
    config = NoiseConfig(sampling="fixed", sigma=1.0, warmup_steps=10, ramp_steps=20)
    assert [config.ramp(step) for step in (1, 10, 11, 20, 30, 31, 1000)] == [0, 0, 0.05, 0.5, 1, 1, 1]
    assert not drawn(config, [1], step=10)[0].any()
    np.testing.assert_allclose(drawn(config, [1], step=20)[2], [0, 0.5, 0.5, 0.5])


def test_sigma_distributions():
    examples = range(500)

    def sigmas(**settings):
        return drawn(NoiseConfig(**settings), examples, range(1, 2))[2]

    log = np.log10(sigmas(sampling="loguniform", sigma_min=1e-5, sigma_max=1e-3))
    assert log.min() > -5
    assert log.max() < -3
    assert abs(log.mean() + 4) < 0.1
    assert abs(log.std() - 2 / np.sqrt(12)) < 0.05
    band = sigmas(sampling="band", sigma=1.0, band=1.0)
    assert band.min() > 0.5
    assert band.max() < 2.0
    mixed = sigmas(sampling="fixed", sigma=1.0, p_clean=0.25)
    assert set(np.unique(mixed)) == {0.0, 1.0}
    assert abs((mixed == 0).mean() - 0.25) < 0.07


def test_noise_is_centred_and_has_the_scale_it_says():
    eps, _, _ = drawn(NoiseConfig(sampling="fixed", sigma=2.0), range(2000), range(1, 2))
    assert abs(eps.mean()) < 0.05
    assert abs(eps.std() - 2.0) < 0.03


def test_presets_are_the_published_arms():
    assert aug_presets() == ["curriculum", "multi4", "multi4-act", "none", "none-fixed", "single", "wta4"]
    multi4 = read_aug("multi4")
    noise = multi4.noise
    assert (multi4.copies, multi4.rollout, multi4.aggregate, multi4.supervise) == (4, "parallel_fixed", "mean", "all")
    assert (noise.sigma_min, noise.sigma_max, noise.ramp_steps, noise.where) == (3e-5, 3e-3, 5000, "both")
    assert noise.describe() == "3e-05..0.003"
    assert read_aug("single").copy_numbers == range(1, 2)
    assert read_aug("wta4").aggregate == "min"


@pytest.mark.parametrize(
    ("settings", "text"),
    [
        ({"rollout": "act", "copies": 2}, "act_mask"),
        ({"rollout": "act", "noise": {"sampling": "fixed"}}, "clean_copy"),
        ({"rollout": "parallel_fixed", "update": "segment", "aggregate": "min"}, "per segment"),
        ({"rollout": "act_mask", "normalise": "step", "aggregate": "min"}, "choose one"),
        ({"noise": {"sigma_min": 1.0, "sigma_max": 0.1}}, "sigma_min"),
        ({"copies": 0}, "at least 1"),
        ({"cpies": 4}, "did you mean copies?"),
    ],
)
def test_impossible_arms_are_refused(settings, text):
    from rrdyn.training.augmentation import AugConfig

    with pytest.raises(UsageError) as caught:
        AugConfig(**settings)
    assert text in str(caught.value)
