"""The objectives against each other: copies, noise, halting, micro-batches, aggregation."""

from __future__ import annotations

import pytest
import torch
from tiny_runs import arm, random_rows, tiny_learner

from rrdyn.training.augmentation import AugConfig
from rrdyn.training.learner import Learner
from rrdyn.training.objective import Share, perturbed
from rrdyn.training.rollouts import Rollouts
from rrdyn.training.streaming import Streaming

EXAMPLES = 3
STEP = 5


def gradients(aug: AugConfig, arch: str = "trm", *, micro: int = 0, learner: Learner | None = None):
    """Gradients of one rollout step by name, the puzzle embeddings' among them, and its stats."""
    learner = learner or tiny_learner(arch)
    learner.micro = micro
    stats = Rollouts(learner, aug, Share.of(EXAMPLES), seed=3).step(random_rows(EXAMPLES), STEP, lambda: None)
    found = {name: p.grad.clone() for name, p in learner.model.named_parameters() if p.grad is not None}
    return {**found, "puzzle": learner.puzzle_grad.clone()}, stats


def assert_same(found, expected, limit=1e-12):
    assert found.keys() == expected.keys()
    for name in expected:
        scale = expected[name].abs().max().clamp_min(1e-9)
        assert (found[name] - expected[name]).abs().max() <= limit * scale, name


@pytest.mark.parametrize("arch", ["trm", "hrm"])
def test_four_clean_copies_have_the_gradient_of_one(arch):
    quiet = {"sampling": "fixed", "sigma": 0.0}
    four, _ = gradients(AugConfig(rollout="parallel_fixed", copies=4, noise=quiet), arch)
    one, _ = gradients(arm("none-fixed"), arch)
    assert_same(four, one)


@pytest.mark.parametrize("arch", ["trm", "hrm"])
def test_the_gradient_is_the_mean_of_the_copies_alone(arch):
    """Each copy is rolled out alone from its own draw; K = 4 together gives the mean of the four gradients."""
    aug = arm("multi4")
    together, stats = gradients(aug, arch)
    assert stats["noise_n"] == 3 * EXAMPLES
    rows, total = random_rows(EXAMPLES), None
    for copy in range(4):
        learner = tiny_learner(arch)
        single = Rollouts(learner, aug.model_copy(update={"copies": 1}), Share.of(EXAMPLES), seed=3)
        z0, _ = perturbed(learner, aug, rows, range(copy, copy + 1), seed=3, step=STEP)
        single.roll(rows, range(copy, copy + 1), z0, single.fixed_weights(EXAMPLES).flatten(1), step=STEP)
        alone = {name: p.grad for name, p in learner.model.named_parameters() if p.grad is not None}
        alone["puzzle"] = learner.puzzle_grad
        total = alone if total is None else {name: total[name] + alone[name] for name in alone}
    assert_same(together, {name: grad / 4 for name, grad in total.items()})


@pytest.mark.parametrize("arch", ["trm", "hrm"])
@pytest.mark.parametrize("normalise", ["trajectory", "step"])
def test_halting_copies_together_are_halting_copies_one_after_another(arch, normalise):
    aug = arm("multi4-act", normalise=normalise)
    masked, stats = gradients(aug, arch)
    serial, serial_stats = gradients(aug.model_copy(update={"rollout": "serial_act"}), arch)
    assert_same(masked, serial)
    for name in ("loss", "exact", "segments", "changed", "noise"):
        assert float(stats[name]) == pytest.approx(float(serial_stats[name]), rel=1e-12)
    assert float(stats["segments"]) < 4 * 4 * EXAMPLES, "some trajectory has to halt before the budget"


@pytest.mark.parametrize("name", ["none-fixed", "single", "multi4", "multi4-act", "wta4"])
@pytest.mark.parametrize("arch", ["trm", "hrm"])
def test_micro_batches_are_the_whole_batch(arch, name):
    whole, _ = gradients(arm(name), arch)
    for micro in (1, 2, 5):
        parts, _ = gradients(arm(name), arch, micro=micro)
        assert_same(parts, whole)


def test_micro_batches_of_streaming_are_the_whole_batch():
    found = []
    for micro in (0, 2):
        learner = tiny_learner()
        learner.micro = micro
        objective = Streaming(learner, AugConfig(), Share.of(EXAMPLES), seed=0)
        for step in range(1, 5):
            objective.step(random_rows(EXAMPLES, seed=step), step, lambda: None)
        found.append({name: p.grad for name, p in learner.model.named_parameters()} | {"puzzle": learner.puzzle_grad})
    assert_same(found[1], found[0])


def test_min_gives_the_gradient_of_the_best_copy_alone():
    aug = arm("wta4")
    learner = tiny_learner()
    objective = Rollouts(learner, aug, Share.of(EXAMPLES), seed=3)
    rows = random_rows(EXAMPLES)
    z0, _ = perturbed(learner, aug, rows, range(4), seed=3, step=STEP)
    rolled = objective.roll(rows, range(4), z0, None, step=STEP)
    best = rolled.losses.mean(0).view(EXAMPLES, 4).argmin(1)
    winners = torch.arange(EXAMPLES) * 4 + best
    expected = tiny_learner()
    weights = torch.full((4, EXAMPLES), 1 / (4 * EXAMPLES), dtype=torch.float64)
    start = type(z0)(z0.z_H[winners], z0.z_L[winners])
    Rollouts(expected, arm("none-fixed"), Share.of(EXAMPLES), 3).roll(rows, range(1), start, weights, step=STEP)
    alone = {name: p.grad for name, p in expected.model.named_parameters() if p.grad is not None}
    found, _ = gradients(aug)
    assert_same(found, alone | {"puzzle": expected.puzzle_grad})


def test_softmin_goes_from_mean_to_min():
    mean, _ = gradients(arm("multi4"))
    least, _ = gradients(arm("wta4"))
    hot, _ = gradients(arm("multi4", aggregate="softmin", temperature=1e6))
    cold, _ = gradients(arm("multi4", aggregate="softmin", temperature=1e-6))
    assert_same(hot, mean, limit=1e-5)
    assert_same(cold, least, limit=1e-5)


def test_softmin_is_the_gradient_of_its_formula():
    """Finite differences of -tau log mean exp(-L_k / tau) in one weight."""
    aug = arm("multi4", aggregate="softmin", temperature=0.05, supervise="last")
    learner = tiny_learner(H_cycles=1)  # one cycle a segment and the last one supervised: the gradient is not truncated
    learner.model.config = learner.model.config.model_copy(update={"halt_max_steps": 1})
    rows = random_rows(EXAMPLES)

    def value() -> float:
        objective = Rollouts(learner, aug, Share.of(EXAMPLES), seed=3)
        z0, _ = perturbed(learner, aug, rows, range(4), seed=3, step=STEP)
        losses = objective.roll(rows, range(4), z0, None, step=STEP).losses[-1].view(EXAMPLES, 4)
        return float((-0.05 * torch.logsumexp(-losses / 0.05, 1) + 0.05 * torch.log(torch.tensor(4.0))).mean())

    found, _ = gradients(aug, learner=learner)
    weight, delta = learner.model.inner.lm_head.weight, 1e-6
    with torch.no_grad():
        weight[2, 3] += delta
        above = value()
        weight[2, 3] -= 2 * delta
        below = value()
    assert found["inner.lm_head.weight"][2, 3].item() == pytest.approx((above - below) / (2 * delta), rel=1e-4)


def test_supervising_the_last_segment_only():
    """A rollout of one segment fewer has no gradient from it; the last segment alone has the last segment's."""
    last, _ = gradients(arm("none-fixed", supervise="last"))
    learner = tiny_learner()
    rows = random_rows(EXAMPLES)
    z = learner.initial(EXAMPLES)
    weights = torch.full((EXAMPLES,), 1 / EXAMPLES, dtype=torch.float64)
    for t in range(4):
        here = {**rows, "last": torch.full((EXAMPLES,), t == 3)}
        z = learner.segment(z, here, weights if t == 3 else None).z
    expected = {name: p.grad for name, p in learner.model.named_parameters()} | {"puzzle": learner.puzzle_grad}
    assert_same(last, expected)


def test_an_update_per_segment_updates_sixteen_times_smaller_pieces():
    learner = tiny_learner()
    objective = Rollouts(learner, arm("multi4", update="segment"), Share.of(EXAMPLES), seed=0)
    norms = []

    def update() -> None:
        norms.append(float(learner.model.inner.lm_head.weight.grad.norm()))
        learner.model.zero_grad(set_to_none=False)

    objective.step(random_rows(EXAMPLES), 1, update)
    assert len(norms) == 4
    assert all(norm > 0 for norm in norms)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_the_realised_noise_is_what_was_drawn(dtype):
    learner = tiny_learner(dtype=dtype)
    aug = arm("multi4", noise={"sampling": "fixed", "sigma": 1e-5})
    clean = learner.initial(4 * EXAMPLES)
    z0, stats = perturbed(learner, aug, random_rows(EXAMPLES), range(4), seed=0, step=1)
    moved = torch.stack([(new - old).double().flatten(1).norm(dim=1) for new, old in zip(z0, clean)]).norm(dim=0)
    assert moved.view(EXAMPLES, 4)[:, 0].eq(0).all()
    relative = float(stats["noise"] / stats["noise_n"])
    state_rms = torch.stack([part.double().square().mean() for part in clean]).mean().sqrt()
    assert relative == pytest.approx(1e-5 / float(state_rms), rel=0.1)


def test_bfloat16_products_leave_small_noise_in_the_state():
    """The trap this avoids: added to a bfloat16 state, noise of 1e-4 changes few elements at all."""
    learner = tiny_learner(dtype=torch.float32)
    learner.autocast = torch.bfloat16
    aug = arm("multi4", noise={"sampling": "fixed", "sigma": 1e-4})
    rows = random_rows(EXAMPLES)
    z0, _ = perturbed(learner, aug, rows, range(2), seed=0, step=1)
    clean = learner.initial(2 * EXAMPLES)
    assert (z0.z_H != clean.z_H).view(EXAMPLES, 2, -1)[:, 1].double().mean() > 0.99
    doubled = {name: column.repeat_interleave(2, 0) for name, column in rows.items()}
    last = torch.zeros(2 * EXAMPLES, dtype=torch.bool)
    outcome = learner.segment(z0, {**doubled, "last": last}, torch.ones(2 * EXAMPLES))
    assert outcome.z.z_H.dtype == torch.float32
    after = outcome.z.z_H.view(EXAMPLES, 2, -1)
    assert (after[:, 0] != after[:, 1]).double().mean() > 0.9


def test_streaming_from_a_perturbed_start():
    """The arm `single` under ACT streaming: a slot that reloads starts at its own perturbed z0."""
    aug = AugConfig(rollout="act", clean_copy=False, noise={"sampling": "fixed", "sigma": 0.1})
    learner = tiny_learner()
    stats = Streaming(learner, aug, Share.of(EXAMPLES), seed=0).step(random_rows(EXAMPLES), 1, lambda: None)
    assert int(stats["noise_n"]) == EXAMPLES
