"""The narrow copies of the weights that a GPU takes, here on a CPU: the same numbers to rounding, made once a step."""

from __future__ import annotations

import pytest
import torch
from tiny_runs import arm, random_rows, tiny_config, tiny_learner

from rrdyn.runtime.launch import Group
from rrdyn.training.narrow import ALIGNED, NarrowWeights
from rrdyn.training.objective import Share
from rrdyn.training.rollouts import Rollouts
from rrdyn.training.trainer import Trainer

MIXING = {"mlp_t": True, "pos_encodings": "none"}


def narrowed(arch: str, **changes):
    learner = tiny_learner(arch, torch.float32, **changes)
    learner.autocast = torch.bfloat16
    learner.narrow = NarrowWeights(learner.model, torch.bfloat16)
    return learner


def gradients(learner, segments: int = 2) -> dict[str, torch.Tensor]:
    rows, count = random_rows(6), 6
    z = learner.initial(count)
    for _ in range(segments):
        flags = {**rows, "last": torch.zeros(count, dtype=torch.bool)}
        z = learner.segment(z, flags, torch.full((count,), 1 / count)).z
    return {name: parameter.grad for name, parameter in learner.model.named_parameters()}


@pytest.mark.parametrize(("arch", "changes"), [("trm", {}), ("trm", MIXING), ("hrm", {}), ("srm", {})])
def test_every_weight_has_the_gradient_of_casts_at_use(arch, changes):
    plain = tiny_learner(arch, torch.float32, **changes)
    plain.autocast = torch.bfloat16
    expected, found = gradients(plain), gradients(narrowed(arch, **changes))
    for name, grad in expected.items():
        assert found[name].dtype == torch.float32
        alike = torch.nn.functional.cosine_similarity(found[name].flatten(), grad.flatten(), dim=0)
        assert alike > 0.98, (name, float(alike))
        assert 0.9 < float(found[name].norm() / grad.norm()) < 1.1, name


def test_an_odd_number_of_positions_is_rounded_up():
    """97 positions of a Sudoku: rows of 194 bytes, which no tensor core takes 16 bytes at a time."""
    learner = narrowed("trm", **MIXING)
    mixing = learner.model.inner.L_level.layers[0].mlp_t
    assert mixing.size == 17
    gradients(learner)
    shapes = {id(linear): copy.shape for linear, copy in zip(learner.narrow.linears, learner.narrow.copies)}
    assert shapes[id(mixing.gate_up_proj)] == (512, 24)
    assert shapes[id(mixing.down_proj)] == (24, 256)
    assert all(copy.shape[-1] % ALIGNED == 0 for copy in learner.narrow.copies)
    assert mixing.gate_up_proj.narrow is None  # outside of a pass there is none
    assert mixing.gate_up_proj.weight.grad.shape == (512, 17)


def test_they_are_made_once_a_step_and_follow_the_weights(monkeypatch):
    learner = narrowed("trm")
    learner.micro, made, plain = 2, [], torch._foreach_copy_
    monkeypatch.setattr(torch, "_foreach_copy_", lambda *given: (made.append(1), plain(*given)))
    objective = Rollouts(learner, arm("multi4"), Share.of(4), 0)
    rows = {name: column[:4] for name, column in random_rows(6).items()}
    first = objective.step(rows, 1, lambda: None)["loss"]
    assert torch.equal(objective.step(rows, 1, lambda: None)["loss"], first)
    assert len(made) == 1
    with torch.no_grad():
        learner.model.inner.lm_head.weight.add_(1.0)
    learner.weights_changed()
    assert not torch.equal(objective.step(rows, 1, lambda: None)["loss"], first)
    assert len(made) == 2


def test_whoever_changes_the_weights_says_so(dataset):
    learner = tiny_learner("trm", torch.float32)
    trainer = Trainer(tiny_config(dataset), learner.model, Group(), total_steps=4, device=torch.device("cpu"))
    trainer.learner.narrow = NarrowWeights(learner.model, torch.bfloat16)
    state = trainer.state_dict()
    for change in (trainer.update, lambda: trainer.load_state_dict(state)):
        trainer.learner.narrow.stale = False
        change()
        assert trainer.learner.narrow.stale
