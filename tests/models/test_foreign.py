"""Configs as strangers write them: arch files, forks, W&B, objects of classes that are not here."""

from __future__ import annotations

import dataclasses
import json

import pytest
import torch
import yaml
from model_cases import FAMILIES, drawn

from rrdyn.artifacts.errors import InputError, Notice
from rrdyn.models import Model, load

CLASS = "TinyRecursiveReasoningModel_ACTV1"


def arch_of(model: Model, **changes) -> dict:
    """The arch section that upstream writes for a model."""
    c = model.config
    sizes = ("seq_len", "vocab_size", "num_puzzle_identifiers")
    arch = {key: value for key, value in c.model_dump().items() if key not in sizes}
    arch |= {"name": f"recursive_reasoning.trm@{CLASS}"}
    return {**arch, "loss": {"name": "losses@ACTLossHead", "loss_type": "stablemax_cross_entropy"}, **changes}


@pytest.fixture
def model() -> Model:
    return drawn({**FAMILIES["trm_mlp"], "puzzle_emb_len": 1})


def saved(folder, model: Model, name="weights.pt"):
    torch.save(model.state_dict(), folder / name)
    return folder / name


def test_upstreams_arch_file_beside_the_weights(model, tmp_path):
    """config/arch/trm.yaml as published: fields refer to one another, sizes are nowhere."""
    (tmp_path / "trm.yaml").write_text(yaml.safe_dump(arch_of(model, puzzle_emb_ndim="${.hidden_size}")))
    (tmp_path / "notes.yaml").write_text("a: 1\n")
    again = load(saved(tmp_path, model))
    assert again.config.puzzle_emb_ndim == 16
    assert torch.equal(again.inner.lm_head.weight, model.inner.lm_head.weight)
    assert load(tmp_path).config == again.config


def test_two_arch_files_beside_the_weights_are_no_config(model, tmp_path):
    for name in ("trm.yaml", "trm_small.yaml"):
        (tmp_path / name).write_text(yaml.safe_dump(arch_of(model)))
    with pytest.raises(InputError, match="comes without its config"):
        load(saved(tmp_path, model))


def written(folder, model: Model, arch: dict):
    (folder / "all_config.yaml").write_text(yaml.safe_dump({"arch": arch, "data_paths": ["data/x"]}))
    return saved(folder, model, "step_5")


@pytest.mark.parametrize(
    "fields", [{"puzzle_emb_dropout": 0.0}, {"grid_noise_prob": 0.0, "grid_token_dropout": 0}, {"qk_norm": False}]
)
def test_fields_of_forks_at_their_neutral_value_are_passed_over_and_told(fields, model, tmp_path):
    with pytest.warns(Notice, match="switched off") as told:
        assert load(written(tmp_path, model, arch_of(model, **fields))).source.step == 5
    assert all(name in str(told[0].message) for name in fields)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"puzzle_emb_dropout": 0.1}, "unknown key puzzle_emb_dropout"),
        ({"vocab": 1}, "unknown key vocab"),
        ({"name": "recursive_reasoning.eqr@EquilibriumReasoner"}, "names no known model"),
        ({"name": f"recursive_reasoning.trm_nodrop@{CLASS}"}, "names no known model"),
        ({"name": f"recursive_reasoning.trm_hier6@{CLASS}"}, "ablation variant"),
        ({"forward_dtype": "float16"}, "forward_dtype is not one of its choices"),
        ({"hidden_size": "${.width}"}, "hidden_size cannot be read"),
    ],
)
def test_what_cannot_be_mapped_is_refused_by_name(changes, message, model, tmp_path):
    with pytest.raises(InputError, match=message):
        load(written(tmp_path, model, arch_of(model, **changes)))


def test_a_renamed_module_and_a_dtype_with_its_module(model, tmp_path):
    arch = arch_of(model, name=f"models.trm.trm@{CLASS}", forward_dtype="torch.bfloat16")
    assert load(written(tmp_path, model, arch)).config.forward_dtype == "bfloat16"


def test_a_config_of_weights_and_biases(model, tmp_path):
    """config.yaml as W&B keeps it beside the files of a run: each value in a mapping of its own."""
    content = {"wandb_version": 1, "_wandb": {"desc": None, "value": {"python_version": "3.11"}},
               "arch": {"desc": None, "value": arch_of(model)}, "ema": {"value": True},
               "data_paths": {"desc": None, "value": ["data/x"]}}  # fmt: skip
    (tmp_path / "config.yaml").write_text(yaml.safe_dump(content))
    again = load(saved(tmp_path, model, "step_9"))
    assert (again.source.dataset, again.source.ema, again.source.step) == ("data/x", True, 9)


def test_a_config_of_something_else_does_not_hide_the_one_inside(model, tmp_path):
    (tmp_path / "config.yaml").write_text("defaults: [data: maze]\nseed: 3\n")
    torch.save({"model": model.state_dict(), "config": model.config.model_dump()}, tmp_path / "last.ckpt")
    assert load(tmp_path).config == model.config


@dataclasses.dataclass
class ExperimentConfig:
    """As the config of an experiment: model and training side by side, sizes left to the data."""

    hidden_size: int = 16
    num_heads: int = 2
    expansion: float = 1.0
    L_layers: int = 1
    H_cycles: int = 2
    L_cycles: int = 1
    halt_max_steps: int = 1
    pos_encodings: str = "learned"
    forward_dtype: str = "float32"
    loss_type: str = "cross_entropy_high_precision"
    lr: float = 1e-3
    frac_train: float = 0.3


def test_an_object_of_a_class_that_is_not_here(tmp_path):
    """The layout of the public modular TRMs: step, model, and the config as an object."""
    model = drawn({**FAMILIES["trm_learned"], "puzzle_emb_ndim": 0})
    state = {f"model.{name}": tensor for name, tensor in model.state_dict().items()}
    torch.save(
        {"step": 50, "model": state, "config": ExperimentConfig(), "fidelity": "A"}, tmp_path / "checkpoint_final.pt"
    )
    with pytest.warns(Notice, match="frac_train, lr"):
        again = load(tmp_path)
    config = again.config
    assert (config.seq_len, config.vocab_size, config.puzzle_emb_ndim, config.loss) == (16, 6, 0, "softmax")
    assert (again.source.step, again.source.layout, again.budget) == (50, "foreign", 1)
    assert torch.equal(again.inner.embed_pos.embedding_weight, model.inner.embed_pos.embedding_weight)


def test_the_names_of_the_tensors_tell_the_family(tmp_path):
    model = drawn(FAMILIES["hrm"])
    fields = {key: value for key, value in model.config.model_dump().items() if key != "name"}
    torch.save({"model": model.state_dict(), "hparams": fields}, tmp_path / "x.pt")
    assert load(tmp_path / "x.pt").config == model.config


def test_a_safetensors_file_with_a_config_beside_it(model, tmp_path):
    from safetensors.torch import save_file

    save_file(model.state_dict(), tmp_path / "net.safetensors", metadata={"format": "pt"})
    (tmp_path / "config.json").write_text(json.dumps({**arch_of(model), "architectures": None}))
    with pytest.warns(Notice, match="architectures"):
        assert load(tmp_path / "net.safetensors").config.hidden_size == 16
