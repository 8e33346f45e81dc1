"""The warning of an arm whose noise changes no answers."""

from __future__ import annotations

from rrdyn.training.augmentation import read_aug
from rrdyn.training.effect import Effect


def told(aug, changed, *, total=100_000, last=12_000, noise=1e-4):
    effect = Effect(aug, total)
    said = {step: effect.add(step, {"changed": changed, "noise": noise}) for step in range(0, last, 50)}
    return {step: text for step, text in said.items() if text}


def test_it_is_told_once_when_the_ramp_has_ended():
    said = told(read_aug("multi4"), 0.014)
    assert list(said) == [5100]
    assert "arm multi4 changes 1.40% of the answers" in said[5100]
    assert "aug.noise.sigma_max=3e-01" in said[5100]
    assert "aug.noise.sigma=1e-01" in str(told(read_aug("curriculum"), 0.0, last=13_000))


def test_a_ramp_that_never_ends_counts_from_the_middle_of_the_run():
    assert list(told(read_aug("multi4"), 0.0, total=1000, last=1000)) == [600]


def test_noise_that_acts_or_is_not_there_or_cannot_be_told_is_no_matter():
    assert not told(read_aug("multi4"), 0.03)
    assert not told(read_aug("none-fixed"), 0.0)
    assert not told(read_aug("multi4"), 0.0, noise=None)
    assert not told(read_aug("single"), None)
