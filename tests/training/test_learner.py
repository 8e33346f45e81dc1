"""Gradients of a supervised segment: which arithmetic they are made in, and how many states they hold."""

from __future__ import annotations

import pytest
import torch
from tiny_runs import arm, random_rows, tiny_learner

from rrdyn.training.learner import Learner
from rrdyn.training.objective import Share
from rrdyn.training.rollouts import Rollouts


def gradients(arch: str, autocast: torch.dtype | None, **changes) -> dict[str, torch.Tensor]:
    learner = tiny_learner(arch, torch.float32, **changes)
    learner.autocast = autocast
    rows, count = random_rows(6), 6
    z = learner.initial(count)
    for last in (False, True):  # the first segment's products come before any gradient
        flags = {**rows, "last": torch.full((count,), last)}
        z = learner.segment(z, flags, torch.full((count,), 1 / count)).z
    found = {name: parameter.grad for name, parameter in learner.model.named_parameters()}
    found["puzzle vectors"] = learner.puzzle_grad
    return found


@pytest.mark.parametrize(("arch", "changes"), [("trm", {}), ("trm", {"mlp_t": True, "pos_encodings": "none"}),
                                               ("hrm", {})])  # fmt: skip
def test_narrow_products_give_every_weight_its_gradient(arch, changes):
    """Near that of float32. Below torch 2.11 autocast kept casts made without a gradient: half the weights had none."""
    exact, narrow = gradients(arch, None, **changes), gradients(arch, torch.bfloat16, **changes)
    for name, expected in exact.items():
        found = narrow[name]
        assert found is not None, name
        alike = torch.nn.functional.cosine_similarity(found.flatten(), expected.flatten(), dim=0)
        assert alike > 0.95, (name, float(alike))
        assert 0.8 < float(found.norm() / expected.norm()) < 1.25, name


@pytest.mark.parametrize("name", ["multi4", "wta4"])
def test_copies_hold_no_more_states_than_a_micro_batch(monkeypatch, name):
    """Whatever K: with K = 8 the states of all nine rollouts stood side by side."""
    learner, most = tiny_learner(), []
    learner.micro = 8
    plain = Learner.initial

    def noted(self, rows):
        most.append(rows)
        return plain(self, rows)

    objective = Rollouts(learner, arm(name, copies=8), Share.of(6), 0)
    monkeypatch.setattr(Learner, "initial", noted)
    objective.step(random_rows(6), 1, lambda: None)
    assert max(most) == 8


def test_what_a_model_asks_for_its_weights_weighs_as_much_as_its_examples():
    """The anchor of a learned kappa: its gradient is that of weight times the penalty, whatever the micro-batch."""
    learner = tiny_learner("srm")
    with torch.no_grad():
        learner.model.inner.kappa_logit.add_(1.0)
    rows = {**random_rows(4), "last": torch.zeros(4, dtype=torch.bool)}
    parameter, found = learner.model.inner.kappa_logit, []
    for anchor, micro in ((0.0, 0), (2.0, 0), (2.0, 1)):
        learner.model.config = learner.model.config.model_copy(update={"kappa_anchor": anchor})
        learner.micro, parameter.grad = micro, None
        learner.segment(learner.initial(4), rows, torch.full((4,), 0.25))
        found.append(float(parameter.grad))
    (expected,) = torch.autograd.grad(learner.model.penalty(), parameter)
    assert found[1] - found[0] == pytest.approx(float(expected), rel=1e-4)
    assert found[2] == pytest.approx(found[1], rel=1e-4)
