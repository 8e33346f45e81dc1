"""Training against the published code: ACT steps, and three steps of its whole trainer."""

from __future__ import annotations

import json
from contextlib import nullcontext
from pathlib import Path

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
from rrdyn.training.objective import Share
from rrdyn.training.streaming import Streaming
from rrdyn.training.trainer import Trainer

RUNS = {
    "hrm_s16v6_stablemax_act": (6, 1e-3),
    "trm_att_pe16_s16v6_stablemax_act": (6, 1e-3),
    "trm_mlp_pe16_s16v6_stablemax": (3, 1e-1),
}
"""Name -> steps compared, and how far a gradient may be off, as a share of the largest (a loss: a quarter of that). The
TRM-MLP of random weights is chaotic: it stretches the rounding of another processor to 4% in three segments."""


@pytest.mark.parametrize("name", RUNS)
def test_act_steps(name):
    """Losses, halting, reloading, metrics and every gradient, at fixed weights."""
    steps, limit = RUNS[name]
    about = json.loads((GOLDEN / f"{name}.json").read_text())
    golden = np.load(GOLDEN / f"{name}.npz")
    family = about["cls"].lower()
    model = build({"name": family, **about["arch"], "no_ACT_continue": family == "trm"})
    model.load_state_dict(torch.load(GOLDEN / f"{name}.pt", weights_only=True))
    learner = Learner(model.train(), loss=about["loss_type"].removesuffix("_cross_entropy"))
    objective = Streaming(learner, AugConfig(), Share.of(4), seed=0)
    for t in range(steps):
        names = ("inputs", "labels", "puzzle_identifiers")
        batch = {key: torch.from_numpy(golden[f"t{t}/batch_{key}"]) for key in names}
        batch["index"] = torch.arange(4)
        model.zero_grad()
        learner.zero_puzzle_grad()
        stats = objective.step(batch, t + 1, lambda: None)
        carry = objective.carry
        assert float(stats["loss"]) == pytest.approx(float(golden[f"t{t}/loss"]), rel=limit / 4)
        np.testing.assert_array_equal(carry.halted, golden[f"t{t}/halted"])
        np.testing.assert_array_equal(carry.steps, golden[f"t{t}/steps"])
        for key in names:
            np.testing.assert_array_equal(carry.rows[key], golden[f"t{t}/current_{key}"])
        for ours, theirs in (("exact_n", "count"), ("exact", "exact_accuracy"), ("q_right", "q_halt_accuracy")):
            assert int(stats[ours]) == int(golden[f"t{t}/metric_{theirs}"])
        if t == 2:
            _same_gradients(model, learner, golden, limit)


def _same_gradients(model, learner, golden, limit: float):
    parameters = dict(model.named_parameters())
    compared = 0
    for key in golden.files:
        if key.startswith("grad_t2/model."):
            expected = golden[key]
            # the published code divides by the global batch outside of the loss
            found = 4 * parameters[key.removeprefix("grad_t2/model.")].grad.numpy()
            assert np.abs(found - expected).max() <= limit * np.abs(expected).max(), key
            compared += 1
    assert compared == len(parameters)
    rows = np.zeros(learner.puzzle_grad.shape, np.float32)
    np.add.at(rows, golden["t2/local_ids"], golden["grad_t2/local_weights"])
    np.testing.assert_allclose(4 * learner.puzzle_grad, rows, atol=limit * np.abs(rows).max())


def three_steps(arch: dict, golden, weights: dict, dtype: str, ema_rate: float) -> Trainer:
    """Our trainer from the published step_0 over its three batches; halting, schedule and puzzle vectors compared."""
    sizes = {"seq_len": golden["step1/batch_inputs"].shape[1], "vocab_size": 11, "num_puzzle_identifiers": 1}
    model = build({**arch, **sizes})
    model.load_state_dict(weights)
    optim = {
        "lr": 1e-3, "lr_warmup_steps": 2, "lr_min_ratio": 0.1, "weight_decay": 1.0, "puzzle_emb_lr": 1e-2,
        "puzzle_emb_weight_decay": 1.0, "ema_rate": ema_rate,
    }  # fmt: skip
    config = TrainConfig(data="unused", global_batch=4, steps=200, dtype=dtype, optim=optim)
    trainer = Trainer(config, model.train(), Group(), total_steps=200, device=torch.device("cpu"))
    for t in (1, 2, 3):
        batch = {
            key: torch.from_numpy(golden[f"step{t}/batch_{key}"]) for key in ("inputs", "labels", "puzzle_identifiers")
        }
        trainer.train_step({**batch, "index": torch.arange(4)})
        assert trainer.lr == pytest.approx(golden[f"step{t}/lr"][1], rel=1e-12)
        np.testing.assert_array_equal(trainer.objective.carry.halted, golden[f"step{t}/halted"])
        vectors_agree(model.inner.puzzle_emb.weights.numpy(), golden[f"step{t}/puzzle_emb"], lr=1e-2, steps=t)
    return trainer


def vectors_agree(found: np.ndarray, expected: np.ndarray, *, lr: float, steps: int) -> None:
    """A step of SignSGD is lr long: where a gradient is next to zero, the processor's rounding decides its sign."""
    off = np.abs(found - expected)
    assert (off > 1e-7).mean() <= 0.25
    assert off.max() <= 2 * lr * steps


def published_weights(path: Path) -> dict[str, torch.Tensor]:
    stored = torch.load(path, weights_only=True)
    return {key.removeprefix("_orig_mod.").removeprefix("model."): value for key, value in stored.items()}


def apart(model, path: Path) -> torch.Tensor:
    """Distance of every weight from a published file; the puzzle vectors have a test of their own."""
    expected, own = published_weights(path), model.state_dict()
    return torch.cat([(own[key] - expected[key]).abs().flatten() for key in own if "puzzle_emb" not in key])


def test_three_steps_of_the_whole_trainer():
    """Schedule, AdamATan2, SignSGD and ACT together: the published trainer's step_0 becomes its step_3."""
    arch = yaml.safe_load((GOLDEN / "hrm_all_config.yaml").read_text())["arch"]
    golden = np.load(GOLDEN / "hrm_three_steps.npz")
    trainer = three_steps(arch, golden, published_weights(GOLDEN / "hrm_step_0.pt"), "float32", ema_rate=0)
    assert apart(trainer.model, GOLDEN / "hrm_step_3.pt").max() < 1e-6


PUBLISHED = Path(__file__).parents[3] / "shared" / "golden" / "checkpoints"


@pytest.mark.skipif(not PUBLISHED.is_dir(), reason="the published TRM checkpoints are 5 MB and not in the repository")
@pytest.mark.parametrize(("name", "dtype"), [("trm_mlp_float32", "float32"), ("trm_att_bfloat16", "bfloat16-state")])
def test_three_steps_of_the_published_trm(name, dtype):
    """A step is lr = 1e-3 long whatever the gradient's size: where a gradient is next to zero, rounding decides its
    sign, here and then everywhere a little. Hence a bound on most weights, and a wide one on all of them.
    """
    arch = yaml.safe_load((PUBLISHED / name / "all_config.yaml").read_text())["arch"]
    golden = np.load(PUBLISHED / name / "train3_golden.npz")
    trainer = three_steps(arch, golden, published_weights(PUBLISHED / name / "step_0"), dtype, ema_rate=0.999)
    for file, model in (("step_3", nullcontext(trainer.model)), ("step_3_ema", trainer.released_model())):
        with model as weights:
            off = apart(weights, PUBLISHED / name / file)
            assert off.median() < 1e-4, file
            assert off.quantile(0.9) < 5e-4, file
            assert off.max() < 6e-3, file
