"""What `rrdyn inspect` says of a checkpoint."""

from __future__ import annotations

import yaml
from model_cases import DATA, FAMILIES, drawn, write_upstream

from rrdyn.models import save
from rrdyn.models.description import describe


def test_a_checkpoint_described():
    record, text = describe(DATA / "trm_att_bfloat16")
    assert record.what == "a TRM (attention, rope positions, hidden 32, 97 positions)"
    assert (record.step, record.ema, record.forward_dtype) == (3, True, "bfloat16")
    assert record.parameters["all"] == sum(n for part, n in record.parameters.items() if part != "all")
    assert record.sub_updates.model_dump() == {
        "per_segment": 21,
        "differentiated_in_training": 7,
        "budget_segments": 16,
    }
    assert record.expects.dataset == "datasets_trm/sudoku_v1"
    assert "not on this machine: --data FOLDER" in text


def test_parameters_by_part(tmp_path):
    model = drawn(FAMILIES["hrm"])
    record, _ = describe(save(model, tmp_path, {"command": "rrdyn train", "seed": 4}))
    everything = sum(tensor.numel() for tensor in model.state_dict().values())
    assert record.parameters["all"] == everything - record.initial_state
    assert record.initial_state == 2 * model.config.hidden_size
    assert record.parameters["H_level"] == record.parameters["L_level"]
    assert record.provenance == {"command": "rrdyn train", "seed": 4}


def test_a_rotary_model_of_unknown_length_is_described_all_the_same(tmp_path):
    path = write_upstream(tmp_path, drawn(FAMILIES["trm_att"]))
    config = yaml.safe_load((tmp_path / "all_config.yaml").read_text())
    (tmp_path / "all_config.yaml").write_text(yaml.safe_dump({**config, "data_paths": []}))
    record, text = describe(path)
    assert record.expects.seq_len is None
    assert "length unknown" in text
