"""nano-trm checkpoints. Its own code is not here: the same model is written under its names and read back.

Once, by hand, its code and ours were run side by side on one checkpoint (docs/models.md).
"""

from __future__ import annotations

import pytest
import torch
from model_cases import FAMILIES, drawn

from rrdyn.artifacts.errors import InputError, Notice
from rrdyn.models import Model, load

PARTS = (("inner.embed_tokens.", "input_embedding."), ("inner.L_level.", "lenet."), ("inner.H_init", "z_H_init"),
         ("inner.L_init", "z_L_init"), ("inner.", ""))  # fmt: skip


def nano(model: Model) -> dict[str, torch.Tensor]:
    """The state dict of a nano-trm: one net `lenet`, one row in the halt head."""

    def named(name: str) -> str:
        ours, theirs = next(pair for pair in PARTS if name.startswith(pair[0]))
        return theirs + name.removeprefix(ours)

    return {named(name): tensor[:1] if "q_head" in name else tensor for name, tensor in model.state_dict().items()}


def hyper_parameters(model: Model, **changes) -> dict:
    c = model.config
    return {
        "hidden_size": c.hidden_size, "num_layers": c.L_layers, "num_heads": c.num_heads, "max_grid_size": 4,
        "H_cycles": c.H_cycles, "L_cycles": c.L_cycles, "N_supervision": 4, "N_supervision_val": 16,
        "ffn_expansion": int(c.expansion), "learning_rate": 1e-4, "learning_rate_emb": 1e-4, "weight_decay": 1.0,
        "warmup_steps": 2000, "halt_exploration_prob": 0.1, "puzzle_emb_dim": c.puzzle_emb_ndim,
        "puzzle_emb_len": c.puzzle_emb_len, "rope_theta": 10000, "pos_emb_type": None if c.mlp_t else "1d",
        "use_mlp_t": c.mlp_t, "use_conv_swiglu": False, "use_board_swiglu": False, "lr_min_ratio": 1.0,
        "use_muon": False, "vocab_size": c.vocab_size, "num_puzzles": c.num_puzzle_identifiers, "batch_size": 8,
        "pad_value": 0, "seq_len": c.seq_len, "output_dir": "None", **changes,
    }  # fmt: skip


def written(folder, model: Model, shadow: dict | None = None, **changes):
    content = {
        "epoch": 3, "global_step": 1200, "pytorch-lightning_version": "2.5", "state_dict": nano(model), "loops": {},
        "callbacks": {} if shadow is None else {"EMACallback": {"shadow": shadow, "decay": 0.999}},
        "optimizer_states": [{"state": {0: {"exp_avg": torch.ones(3)}}}], "hparams_name": "kwargs",
        "hyper_parameters": hyper_parameters(model, **changes),
    }  # fmt: skip
    torch.save(content, folder / "last.ckpt")
    return folder / "last.ckpt"


@pytest.mark.parametrize("kind", ["trm_att", "trm_mlp"])
def test_a_checkpoint_of_nano_trm_is_the_model_it_was(kind, tmp_path):
    model = drawn(FAMILIES[kind])
    for place in (written(tmp_path, model), tmp_path):
        again = load(place)
        assert (again.budget, again.config.pos_encodings, again.source.step) == (
            4,
            "none" if kind == "trm_mlp" else "rope",
            1200,
        )
        inputs, ids = torch.randint(1, 6, (3, 16)), torch.arange(3)
        with torch.no_grad():
            ours, theirs = (m.read(m.segment(m.initial(3), m.embed(inputs, ids))) for m in (again, model))
        assert torch.equal(ours.logits, theirs.logits)
        assert torch.equal(ours.q_halt, theirs.q_halt)
        assert not ours.q_continue.any()  # it has no such head
        assert again.halts(ours).tolist() == (theirs.q_halt > 0).tolist()


def test_its_average_lies_in_a_callback_and_lacks_the_buffers(tmp_path):
    model, average = drawn(FAMILIES["trm_mlp"]), drawn(FAMILIES["trm_mlp"])
    shadow = {name: tensor for name, tensor in nano(average).items() if "init" not in name and "puzzle_emb" not in name}
    path = written(tmp_path, model, shadow)
    with pytest.warns(Notice, match=r"callbacks\.EMACallback\.shadow"):
        again = load(path)
    assert again.source.ema is True
    assert torch.equal(again.inner.lm_head.weight, average.inner.lm_head.weight)
    assert torch.equal(again.inner.H_init, model.inner.H_init)
    assert torch.equal(load(path, weights="raw").inner.lm_head.weight, model.inner.lm_head.weight)


@pytest.mark.parametrize("change", [{"pos_emb_type": "2d"}, {"use_conv_swiglu": True}, {"use_board_swiglu": True}])
def test_layers_that_ours_has_not_are_listed(change, tmp_path):
    with pytest.raises(InputError, match="has layers that rrdyn has not") as caught:
        load(written(tmp_path, drawn(FAMILIES["trm_att"]), **change))
    assert caught.value.found == " ".join(map(str, *change.items()))
