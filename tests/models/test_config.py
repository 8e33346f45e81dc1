"""Reading arch configs of every origin, and refusing what cannot be built."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from model_cases import FAMILIES

from rrdyn.artifacts.config import presets, read_preset
from rrdyn.artifacts.errors import UsageError
from rrdyn.models import build, find_family, model_config
from rrdyn.models.trm import ABLATIONS

SIZES = {"seq_len": 81, "vocab_size": 11}


def upstream(family="trm", **more):
    return {
        "name": find_family(family).upstream[0], "H_cycles": 3, "L_cycles": 6, "H_layers": 2, "L_layers": 2,
        "hidden_size": 64, "num_heads": 4, "expansion": 4, "pos_encodings": "rope", "puzzle_emb_ndim": 64,
        "halt_max_steps": 16, "halt_exploration_prob": 0.1, "batch_size": 768, "causal": False,
        "loss": {"name": "losses@ACTLossHead", "loss_type": "softmax_cross_entropy"}, **SIZES, **more,
    }  # fmt: skip


def test_class_paths_and_their_defaults():
    trm, hrm = model_config(upstream()), model_config(upstream("hrm", no_ACT_continue=True, puzzle_emb_len=9))
    assert (trm.name, trm.prefix, trm.no_ACT_continue, trm.loss) == ("trm", 16, True, "softmax")
    assert (hrm.name, hrm.prefix, hrm.no_ACT_continue) == ("hrm", 1, False)  # its class reads neither
    assert trm.forward_dtype == hrm.forward_dtype == "bfloat16"


def test_labels_name_run_folders():
    labels = [model_config({"name": name, **SIZES, "mlp_t": mlp}).label for name, mlp in
              (("trm", True), ("trm", False), ("hrm", False))]  # fmt: skip
    assert labels == ["trm-mlp", "trm-att", "hrm"]


def test_the_hrm_of_trms_repository_is_an_hrm():
    name = "recursive_reasoning.hrm@HierarchicalReasoningModel_ACTV1"
    assert model_config(upstream("hrm", name=name, mlp_t=True)).mlp_t


@pytest.mark.parametrize("variant", ABLATIONS)
def test_ablation_variants_are_refused_by_name(variant):
    cls = "Model_ACTV2" if variant == "transformers_baseline" else "TinyRecursiveReasoningModel_ACTV1"
    with pytest.raises(UsageError, match=variant):
        model_config(upstream(name=f"recursive_reasoning.{variant}@{cls}"))


@pytest.mark.parametrize("name", [None, "gpt", "a.b@Other", "x.y@TinyRecursiveReasoningModel_ACTV1", 7, "@"])
def test_unknown_models_are_refused(name):
    with pytest.raises(UsageError, match="names no known model"):
        model_config(upstream(name=name))


@given(ndim=st.integers(0, 400), length=st.integers(0, 12), hidden=st.sampled_from([16, 32, 48]))
def test_prefix_holds_the_puzzle_vector(ndim, length, hidden):
    fields = {"name": "trm", **SIZES, "hidden_size": hidden, "num_heads": 2}
    derived = -(-ndim // hidden)
    if length and ndim > length * hidden:
        with pytest.raises(UsageError, match="does not fit its prefix"):
            model_config({**fields, "puzzle_emb_ndim": ndim, "puzzle_emb_len": length})
        return
    config = model_config({**fields, "puzzle_emb_ndim": ndim, "puzzle_emb_len": length})
    assert config.prefix == (0 if ndim == 0 else length or derived)
    assert config.positions == config.prefix + 81


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"num_heads": 5}, "not a multiple of num_heads"),
        ({"num_heads": 64}, "even head size"),
        ({"hidden_sise": 64}, "unknown key hidden_sise"),
        ({"L_layers": 0}, "L_layers is out of range"),
        ({"forward_dtype": "float16"}, "forward_dtype is not one of its choices"),
        ({"loss": {"loss_type": "mse"}}, "names no known loss"),
        ({"seq_len": 10**9}, "seq_len is out of range"),
    ],
)
def test_bad_values_name_the_key(changes, message):
    with pytest.raises(UsageError, match=message):
        model_config(upstream(**changes))


def test_an_hrm_needs_its_h_stack():
    with pytest.raises(UsageError, match="needs an H stack"):
        model_config({"name": "hrm", **SIZES, "H_layers": 0})


@pytest.mark.parametrize("kind", FAMILIES)
def test_build_leaves_a_config_as_it_is(kind):
    config = model_config(FAMILIES[kind])
    assert build(config).config is config


@pytest.mark.parametrize("name", presets("model"))
def test_presets_build(name):
    import torch

    with torch.device("meta"):
        model = build({**read_preset("model", name), **SIZES})
    assert model.config.positions >= 81
