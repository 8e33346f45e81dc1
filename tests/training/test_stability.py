"""Terms on the dynamics: each moves what it is a term of the way it should, is logged, and resumes to the bit."""

from __future__ import annotations

import json
from typing import get_args

import pytest
import torch
from tiny_runs import random_rows, tiny_config, tiny_learner

from rrdyn.artifacts.errors import UsageError
from rrdyn.training.augmentation import read_aug
from rrdyn.training.loop import train
from rrdyn.training.objective import Share
from rrdyn.training.registry import find_objective
from rrdyn.training.rollouts import Rollouts
from rrdyn.training.stability import Stability, Term

ARMS = ("flossing", "floss-leading", "floss-spectrum", "floss-volume", "jacobian", "radius", "fixed-point")
LOW = {"leading": -9.0, "spectrum": -9.0, "volume": -9.0}
"""Targets below what is measured, so that a one-sided term has something to do."""


def objective(term: str, learner, **settings) -> Stability:
    aug = read_aug("flossing").model_copy(
        update={"settings": {"term": term, "weight": 1.0, "k": 2, "target": LOW.get(term, 0.0), **settings}}
    )
    return Stability(learner, aug, Share(global_batch=4, slots=slice(0, 4)), seed=0)


@pytest.mark.parametrize("term", get_args(Term))
def test_a_step_down_the_term_lowers_it(term):
    learner = tiny_learner("trm", mlp_t=True, pos_encodings="none")
    rows, one = random_rows(4), objective(term, learner, after=0)  # from z0, which does not move with the weights
    parameters = [p for p in learner.model.parameters() if p.requires_grad]
    before = one._hold(rows, 1)["penalty"]
    slope = sum(float(p.grad.square().sum()) for p in parameters if p.grad is not None)
    assert slope > 0
    with torch.no_grad():
        for p in parameters:
            if p.grad is not None:
                p -= 1e-7 / slope**0.5 * p.grad
    after = one._hold(rows, 1)["penalty"]
    assert after < before
    # by its slope times the step; the vector that a power iteration begins with turns along with the weights
    near = 0.3 if term == "radius" else 1e-3
    assert float(before - after) / 4 == pytest.approx(1e-7 * slope**0.5, rel=near)


def test_a_one_sided_term_leaves_what_is_below_its_target_alone():
    learner = tiny_learner()
    stats = objective("leading", learner, target=9.0)._hold(random_rows(4), 1)
    assert float(stats["penalty"]) == 0
    assert all(p.grad is None or float(p.grad.abs().max()) == 0 for p in learner.model.parameters())
    assert float(stats["measured"]) / 4 < 9


def test_the_loss_keeps_its_gradient_beside_the_term():
    learner = tiny_learner()
    rows = random_rows(4)
    grads = []
    for make in (lambda: objective("flossing", learner, weight=0.0), lambda: Rollouts(
        learner, read_aug("none-fixed"), Share(global_batch=4, slots=slice(0, 4)), seed=0)):  # fmt: skip
        learner.model.zero_grad()
        make().step(rows, 1, lambda: None)
        grads.append([None if p.grad is None else p.grad.clone() for p in learner.model.parameters()])
    for ours, theirs in zip(*grads):
        assert theirs is None or torch.equal(ours, theirs)


@pytest.mark.parametrize("name", ARMS)
def test_arms_are_known_by_name(name):
    aug = read_aug(name)
    assert aug.name == name
    find_objective(aug.rollout).check(aug)
    with pytest.raises(UsageError, match="update segment"):
        find_objective(aug.rollout).check(aug.model_copy(update={"update": "segment"}))


def test_a_run_logs_its_term_and_goes_on_to_the_bit(dataset, tmp_path):
    settings = {"term": "flossing", "weight": 0.1, "k": 2, "examples": 2}
    aug = read_aug("flossing").model_copy(update={"settings": settings})
    light = {"every": 2, "n": 4, "perturbed_n": 0, "lyapunov_n": 0, "batch": 4}
    short = tiny_config(dataset, aug=aug, steps=2, global_batch=4, eval=light, log_every=1)
    whole = short.model_copy(update={"steps": 4})
    train(whole, tmp_path / "whole")
    train(short, tmp_path / "halves")
    train(whole, tmp_path / "halves", state=tmp_path / "halves" / "checkpoints" / "step_2" / "state.pt")
    one, two = ((tmp_path / name / "checkpoints/step_4/model.safetensors").read_bytes() for name in ("whole", "halves"))
    assert one == two
    rows = [json.loads(line) for line in (tmp_path / "whole" / "train.jsonl").read_text().splitlines()]
    logged = [row for row in rows if row.get("penalty") is not None]
    assert logged
    assert all(row["penalty"] >= 0 and row["measured"] is not None for row in logged)
