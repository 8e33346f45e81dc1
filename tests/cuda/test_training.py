"""Every training arm, model, dtype and preset on a device other than the CPU: trained, saved, resumed, evaluated."""

from __future__ import annotations

import json

import numpy as np
import pytest
import torch
import yaml
from tests.cuda.conftest import ARCHITECTURES

from rrdyn.artifacts.config import presets, read_preset
from rrdyn.cli.app import main
from rrdyn.data.defaults import ensure
from rrdyn.training.augmentation import aug_presets

SETTINGS = {
    "global_batch": 2, "steps": 2, "log_every": 1, "compile": "off",
    "optim": {"lr": 1e-3, "lr_warmup_steps": 1, "ema_rate": 0.9},
    "eval": {"every": 2, "n": 2, "perturbed_n": 1, "lyapunov_n": 1, "batch": 4},
}  # fmt: skip
SMALL = {"hidden_size": 16, "num_heads": 2, "H_cycles": 2, "L_cycles": 2, "H_layers": 1, "L_layers": 1,
         "expansion": 1.0, "puzzle_emb_ndim": 16, "halt_max_steps": 2}  # fmt: skip
VARIANTS = {"serial": {"rollout": "serial_act"}, "softmin": {"aggregate": "softmin"}, "last": {"supervise": "last"},
            "an update a segment": {"update": "segment"}}  # fmt: skip
"""Of multi4."""
ARMS = (*aug_presets(), *VARIANTS)
DTYPES = ("float32", "bfloat16", "float64", "bfloat16-state")


def preset(folder, model: str, **changes) -> str:
    """A recipe of seconds as a file; `model` of ARCHITECTURES."""
    architecture = {key: value for key, value in ARCHITECTURES[model].items()
                    if key not in ("seq_len", "vocab_size", "forward_dtype")}  # fmt: skip
    path = folder / "tiny.yaml"
    path.write_text(yaml.safe_dump({"model": {**architecture, "halt_max_steps": 2}, **SETTINGS, **changes}))
    return str(path)


def loud(folder, name: str) -> str:
    """An arm as a file, its noise loud and there from the first step."""
    content = {**read_preset("aug", "multi4" if name in VARIANTS else name), **VARIANTS.get(name, {})}
    if "noise" in content:
        noise = {key: content["noise"][key] for key in ("sampling", "band", "p_clean") if key in content["noise"]}
        content["noise"] = {**noise, "sigma": 0.2, "sigma_min": 0.1, "sigma_max": 0.3}
    path = folder / "arm.yaml"
    path.write_text(yaml.safe_dump(content))
    return str(path)


def trained(folder, dataset, *more: str, model: str = "mlp", arm: str = "none", device: str = "cuda", **changes):
    """A run of two steps with an evaluation; its log rows."""
    run = folder / f"run-{device}"
    line = ["train", str(dataset), "--preset", preset(folder, model, **changes), "--aug", loud(folder, arm)]
    assert main([*line, "--out", str(run), "--device", device, "--quiet", *more]) == 0
    return [json.loads(row) for row in (run / "train.jsonl").read_text().splitlines()]


@pytest.mark.parametrize("arm", ["none", "multi4-act", "wta4"])
def test_an_arm(card, arm, dataset, tmp_path):
    rows = trained(tmp_path, dataset, arm=arm)
    assert [row["step"] for row in rows] == [1, 2]
    assert np.isfinite(rows[-1]["loss"])


@pytest.mark.parametrize("dtype", ["bfloat16", "float64"])
def test_a_dtype(card, dtype, dataset, tmp_path):
    assert np.isfinite(trained(tmp_path, dataset, model="attention", dtype=dtype)[-1]["loss"])


def test_resuming_and_fine_tuning(card, dataset, tmp_path):
    """A saved state goes back to the device; a run goes on from it, and from its weights."""
    trained(tmp_path, dataset, model="hrm")
    run = str(tmp_path / "run-cuda")
    assert main(["train", "--resume", run, "--steps", "3", "--device", "cuda", "--quiet"]) == 0
    line = ["train", str(dataset), "--init", run, "--preset", preset(tmp_path, "hrm", steps=1), "--device", "cuda"]
    assert main([*line, "--out", str(tmp_path / "tuned"), "--quiet"]) == 0
    assert (tmp_path / "tuned" / "checkpoints" / "step_1" / "model.safetensors").is_file()


def test_training_on_it_is_training_on_a_cpu(ledger, dataset, tmp_path):
    """The same weights to rounding, so that what the pretended device computes is known to be right."""
    for device in ("cuda", "cpu"):
        trained(tmp_path, dataset, arm="multi4-act", device=device, dtype="float64")
    weights = [
        torch.load(tmp_path / f"run-{device}/checkpoints/step_2/state.pt", weights_only=True)["trainer"]["weights"]
        for device in ("cuda", "cpu")
    ]
    torch.testing.assert_close(*weights, rtol=0, atol=1e-10)
    assert ledger.launches


def test_the_time_of_a_step_is_not_that_of_launching_it(ledger, dataset, tmp_path, capsys):
    """The clock of `--dry-run` waited for the device of the indices, which lie on the host."""
    line = ["train", str(dataset), "--preset", preset(tmp_path, "mlp"), "--device", "cuda", "--dry-run", "--quiet"]
    assert main(line) == 0
    assert any(where.startswith("asked to") for where in ledger.waits)


@pytest.mark.slow
@pytest.mark.parametrize("model", ARCHITECTURES)
@pytest.mark.parametrize("arm", ARMS)
def test_each_arm_of_each_model(card, model, arm, dataset, tmp_path):
    assert np.isfinite(trained(tmp_path, dataset, model=model, arm=arm)[-1]["loss"])


@pytest.mark.slow
@pytest.mark.parametrize("model", ARCHITECTURES)
@pytest.mark.parametrize("dtype", DTYPES)
def test_each_dtype_of_each_model(card, model, dtype, dataset, tmp_path):
    arm = "none" if dtype == "bfloat16-state" else "multi4-act"  # which refuses noise
    assert np.isfinite(trained(tmp_path, dataset, model=model, arm=arm, dtype=dtype)[-1]["loss"])


@pytest.mark.slow
@pytest.mark.parametrize("name", presets("train"))
def test_each_preset_made_small(card, name, dataset, tmp_path):
    """Every recipe of configs/train, its model and batch shrunk."""
    recipe = read_preset("train", name)
    data = ensure("maze", "maze-7x7", root=tmp_path) if "maze" in name else dataset
    shrunk = {key: value for key, value in SMALL.items() if key in recipe["model"]}
    content = {**recipe, **SETTINGS, "model": {**recipe["model"], **shrunk}}
    content.pop("epochs", None)
    content.pop("rollout", None)
    path = tmp_path / f"{name}.yaml"
    path.write_text(yaml.safe_dump(content))
    line = ["train", str(data), "--preset", str(path), "--device", "cuda", "--out", str(tmp_path / "run"), "--quiet"]
    assert main(line) == 0
