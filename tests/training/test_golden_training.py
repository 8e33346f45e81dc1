"""Training against the published code: six ACT steps, and three steps of its whole trainer."""

from __future__ import annotations

import json

import numpy as np
import pytest
import torch
import yaml
from tiny_runs import GOLDEN

from rrdyn.models import build
from rrdyn.runtime.launch import Group
from rrdyn.training.augmentation import AugConfig
from rrdyn.training.config import TrainConfig
from rrdyn.training.learner import Learner
from rrdyn.training.objectives import Share, Streaming
from rrdyn.training.trainer import Trainer

RUNS = ["hrm_s16v6_stablemax_act", "trm_att_pe16_s16v6_stablemax_act", "trm_mlp_pe16_s16v6_stablemax"]


@pytest.mark.parametrize("name", RUNS)
def test_six_act_steps(name):
    """Losses, halting, reloading, metrics and every gradient, at fixed weights."""
    about = json.loads((GOLDEN / f"{name}.json").read_text())
    golden = np.load(GOLDEN / f"{name}.npz")
    family = about["cls"].lower()
    model = build({"name": family, **about["arch"], "no_ACT_continue": family == "trm"})
    model.load_state_dict(torch.load(GOLDEN / f"{name}.pt", weights_only=True))
    learner = Learner(model.train(), loss=about["loss_type"].removesuffix("_cross_entropy"))
    objective = Streaming(learner, AugConfig(), Share.of(4), seed=0)
    for t in range(6):
        names = ("inputs", "labels", "puzzle_identifiers")
        batch = {key: torch.from_numpy(golden[f"t{t}/batch_{key}"]) for key in names}
        batch["index"] = torch.arange(4)
        model.zero_grad()
        learner.zero_puzzle_grad()
        stats = objective.step(batch, t + 1, lambda: None)
        carry = objective.carry
        assert float(stats["loss"]) == pytest.approx(float(golden[f"t{t}/loss"]), rel=1e-4)
        np.testing.assert_array_equal(carry.halted, golden[f"t{t}/halted"])
        np.testing.assert_array_equal(carry.steps, golden[f"t{t}/steps"])
        for key in names:
            np.testing.assert_array_equal(carry.rows[key], golden[f"t{t}/current_{key}"])
        for ours, theirs in (("exact_n", "count"), ("exact", "exact_accuracy"), ("q_right", "q_halt_accuracy")):
            assert int(stats[ours]) == int(golden[f"t{t}/metric_{theirs}"])
        if t == 2:
            _same_gradients(model, learner, golden)


def _same_gradients(model, learner, golden):
    parameters = dict(model.named_parameters())
    compared = 0
    for key in golden.files:
        if key.startswith("grad_t2/model."):
            expected = golden[key]
            # the published code divides by the global batch outside of the loss
            found = 4 * parameters[key.removeprefix("grad_t2/model.")].grad.numpy()
            assert np.abs(found - expected).max() <= 1e-3 * np.abs(expected).max(), key
            compared += 1
    assert compared == len(parameters)
    rows = np.zeros(learner.puzzle_grad.shape, np.float32)
    np.add.at(rows, golden["t2/local_ids"], golden["grad_t2/local_weights"])
    np.testing.assert_allclose(4 * learner.puzzle_grad, rows, atol=1e-3 * np.abs(rows).max())


def test_three_steps_of_the_whole_trainer():
    """Schedule, AdamATan2, SignSGD and ACT together: the published trainer's step_0 becomes its step_3."""
    published = yaml.safe_load((GOLDEN / "hrm_all_config.yaml").read_text())
    golden = np.load(GOLDEN / "hrm_three_steps.npz")

    def read(step: int) -> dict[str, torch.Tensor]:
        stored = torch.load(GOLDEN / f"hrm_step_{step}.pt", weights_only=True)
        return {key.removeprefix("_orig_mod.model."): value for key, value in stored.items()}

    model = build({**published["arch"], "seq_len": 81, "vocab_size": 11, "num_puzzle_identifiers": 1})
    model.load_state_dict(read(0))
    optim = {
        "lr": 1e-3, "lr_warmup_steps": 2, "lr_min_ratio": 0.1, "weight_decay": 1.0, "puzzle_emb_lr": 1e-2,
        "puzzle_emb_weight_decay": 1.0, "ema_rate": 0,
    }  # fmt: skip
    config = TrainConfig(data="unused", global_batch=4, steps=200, dtype="float32", optim=optim)
    trainer = Trainer(config, model.train(), Group(), total_steps=200, device=torch.device("cpu"))
    for t in (1, 2, 3):
        batch = {
            key: torch.from_numpy(golden[f"step{t}/batch_{key}"]) for key in ("inputs", "labels", "puzzle_identifiers")
        }
        trainer.train_step({**batch, "index": torch.arange(4)})
        assert trainer.lr == pytest.approx(golden[f"step{t}/lr"][1], rel=1e-12)
        np.testing.assert_array_equal(trainer.objective.carry.halted, golden[f"step{t}/halted"])
        np.testing.assert_allclose(model.inner.puzzle_emb.weights, golden[f"step{t}/puzzle_emb"], atol=1e-8)
    for key, expected in read(3).items():
        torch.testing.assert_close(model.state_dict()[key], expected, rtol=0, atol=2e-5, msg=key)
