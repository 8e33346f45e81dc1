"""Gradients through several segments, and noise between them."""

from __future__ import annotations

import pytest
import torch
from tiny_runs import random_rows, tiny_learner

from rrdyn.models.losses import answer_loss, correctness, halt_loss, total_loss
from rrdyn.training.augmentation import read_aug
from rrdyn.training.objective import Share
from rrdyn.training.path_noise import PathNoise
from rrdyn.training.rollouts import Rollouts
from rrdyn.training.unrolled import Unrolled

SHARE = Share(global_batch=4, slots=slice(0, 4))


def gradients(learner, objective) -> list[torch.Tensor]:
    learner.model.zero_grad()
    objective.step(random_rows(4), 1, lambda: None)
    return [p.grad.clone() for p in learner.model.parameters() if p.grad is not None]


def assert_equal_but_for_rounding(ours: list[torch.Tensor], theirs: list[torch.Tensor]) -> None:
    largest = max(float(gradient.abs().max()) for gradient in theirs)
    for one, other in zip(ours, theirs, strict=True):
        torch.testing.assert_close(one, other, rtol=0, atol=1e-11 * largest)


def unrolled(learner, through: int) -> Unrolled:
    aug = read_aug("bptt").model_copy(update={"settings": {"through": through}})
    return Unrolled(learner, aug, SHARE, seed=0)


def test_a_whole_budget_is_plain_autograd():
    learner = tiny_learner()
    model, rows = learner.model, random_rows(4)
    found = gradients(learner, unrolled(learner, 4))
    model.zero_grad()
    e = model.embed(rows["inputs"], rows["puzzle_identifiers"])
    z, total = model.initial(4), 0.0
    for _ in range(4):
        z = model.segment(z, e)
        readout = model.read(z)
        exact = correctness(readout.logits.argmax(-1), rows["labels"]).exact
        total = total + total_loss(answer_loss(readout.logits, rows["labels"]), halt_loss(readout.q_halt, exact)).sum()
    (total / 16).backward()
    assert_equal_but_for_rounding(found, [p.grad for p in model.parameters() if p.grad is not None])


@pytest.mark.parametrize("arch", ["trm", "hrm", "srm"])
def test_windows_follow_the_same_states(arch):
    learner, rows = tiny_learner(arch), random_rows(4)
    plain = Rollouts(learner, read_aug("none-fixed"), SHARE, seed=0).step(rows, 1, lambda: None)
    for through in (1, 3, 4):
        stats = unrolled(learner, through).step(rows, 1, lambda: None)
        assert float(stats["loss"]) == pytest.approx(float(plain["loss"]), rel=1e-12)
    one, four = (gradients(learner, unrolled(learner, through)) for through in (1, 4))
    assert any((a - b).abs().max() > 1e-6 for a, b in zip(one, four))


def test_micro_batches_add_up():
    learner = tiny_learner()
    whole = gradients(learner, unrolled(learner, 4))
    learner.micro = 1
    assert_equal_but_for_rounding(gradients(learner, unrolled(learner, 4)), whole)


def test_noise_on_the_way_is_of_its_size_and_of_its_key():
    learner, rows = tiny_learner(), random_rows(4)
    aug = read_aug("path-noise").model_copy(update={"settings": {"sigma": 0.5}})
    z = learner.initial(4)
    alive = torch.arange(4)
    noise = PathNoise(learner, aug, SHARE, seed=0)
    moved = noise.enter(z, alive, rows, range(1), step=3, segment=2)
    eps = torch.cat([(a - b).flatten() for a, b in zip(moved, z)])
    assert float(eps.std()) == pytest.approx(0.5, rel=0.05)
    assert noise.enter(z, alive, rows, range(1), step=3, segment=0) is z
    some = noise.enter(type(z)(*(p[1:2] for p in z)), alive[1:2], rows, range(1), step=3, segment=2)
    for part, whole in zip(some, moved):
        assert torch.equal(part[0], whole[1])
    quiet = PathNoise(learner, aug.model_copy(update={"settings": {"sigma": 0.0}}), SHARE, seed=0)
    for ours, theirs in zip(gradients(learner, quiet), gradients(learner, Rollouts(
        learner, read_aug("none-fixed"), SHARE, seed=0))):  # fmt: skip
        assert torch.equal(ours, theirs)
