"""Exports: read back bit for bit, by us and as upstream reads them."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
import yaml
from model_cases import DATA, FAMILIES, drawn

from rrdyn.artifacts.errors import RrdynError
from rrdyn.models import find_family, load, save
from rrdyn.models.exporting import export


def opened(wrote: list[Path], layout: str) -> Path:
    return wrote[0].parent if layout in ("upstream", "rrdyn") else wrote[0]


@pytest.mark.parametrize("layout", ["pt", "upstream", "hub", "rrdyn"])
@pytest.mark.parametrize("kind", FAMILIES)
def test_every_layout_reads_back_bit_for_bit(kind, layout, tmp_path):
    model = load(save(drawn(FAMILIES[kind]), tmp_path / "a", {"step": 12, "ema": True}))
    wrote = export(model, tmp_path / ("b.pt" if layout == "pt" else "b"), layout)
    again = load(opened(wrote, layout))
    assert again.config == model.config
    for key, tensor in model.state_dict().items():
        assert torch.equal(again.state_dict()[key], tensor)
    assert again.source.step == (None if layout == "hub" else 12)


def test_the_single_file_loads_with_weights_only_and_is_reproducible(tmp_path):
    model = load(DATA / "trm_att_bfloat16")
    first, second = (export(model, tmp_path / name, "pt")[0] for name in ("a.pt", "b.pt"))
    assert first.read_bytes() == second.read_bytes()
    content = torch.load(first, weights_only=True)
    assert content["config"]["seq_len"] == 81
    assert content["weights"]["inner.H_init"].dtype == torch.bfloat16


def test_a_file_that_is_none_of_ours_is_not_replaced(tmp_path):
    theirs = tmp_path / "notes.pt"
    theirs.write_text("a user's file")
    with pytest.raises(RrdynError, match="no file of ours"):
        export(load(DATA / "trm_att_bfloat16"), theirs, "pt")
    assert theirs.read_text() == "a user's file"


@pytest.mark.skipif(sys.platform != "linux", reason="other systems refuse such names")
def test_a_folder_whose_name_is_not_utf_8(tmp_path):
    model = drawn(FAMILIES[next(iter(FAMILIES))])
    again = load(save(model, tmp_path / "a\udcffb", {}))
    assert all(torch.equal(value, again.state_dict()[name]) for name, value in model.state_dict().items())


def test_upstream_to_upstream_is_the_same_file_content(tmp_path):
    model = load(DATA / "trm_att_bfloat16")
    step, config = export(model, tmp_path / "out", "upstream")
    before, after = (torch.load(path, weights_only=True) for path in (DATA / "trm_att_bfloat16" / "step_3", step))
    assert step.name == "step_3"
    assert list(before) == list(after)
    assert all(torch.equal(before[key], after[key]) and before[key].dtype == after[key].dtype for key in before)
    assert yaml.safe_load(config.read_text()) == yaml.safe_load(
        (DATA / "trm_att_bfloat16" / "all_config.yaml").read_text()
    )


@pytest.mark.parametrize("kind", FAMILIES)
def test_upstreams_config_has_what_its_classes_ask_for(kind):
    model = drawn(FAMILIES[kind])
    arch = find_family(model.config.name).to_upstream(model.config)
    wanted = {"H_cycles", "L_cycles", "H_layers", "L_layers", "hidden_size", "expansion", "num_heads", "pos_encodings",
              "halt_max_steps", "halt_exploration_prob", "forward_dtype", "name", "loss"}  # fmt: skip
    assert wanted <= set(arch)
    # upstream passes these itself, and twice is an error there
    assert not {"seq_len", "vocab_size", "num_puzzle_identifiers", "batch_size"} & set(arch)
    assert arch["name"] == find_family(model.config.name).upstream[0]


def test_hub_layout_carries_the_test_puzzles(tmp_path):
    data = tmp_path / "sudoku-mine"
    (data / "test").mkdir(parents=True)
    sizes = {"seq_len": 16, "vocab_size": 6, "num_puzzle_identifiers": 3, "sets": ["all"]}
    (data / "test" / "dataset.json").write_text(json.dumps(sizes))
    arrays = {
        "inputs": np.arange(64, dtype=np.uint8).reshape(4, 16) % 6, "labels": np.ones((4, 16), np.uint8),
        "puzzle_identifiers": np.array([2, 0, 1]), "puzzle_indices": np.array([0, 1, 3, 4]),
    }  # fmt: skip
    for name, array in arrays.items():
        np.save(data / "test" / f"all__{name}.npy", array)
    model = load(save(drawn(FAMILIES["trm_att"]), tmp_path / "a", {"dataset": str(data)}))
    export(model, tmp_path / "hub", "hub")
    names = sorted(str(p.relative_to(tmp_path / "hub")) for p in (tmp_path / "hub").rglob("*") if p.is_file())
    assert names == [
        "data/sudoku_meta.json", "data/sudoku_test_inputs.npy", "data/sudoku_test_labels.npy",
        "data/sudoku_test_pid.npy", "trm_sudoku/all_config.yaml", "trm_sudoku/weights.pt",
    ]  # fmt: skip
    assert np.load(tmp_path / "hub/data/sudoku_test_pid.npy").tolist() == [2, 0, 0, 1]
    again = load(tmp_path / "hub" / "trm_sudoku")
    assert Path(again.source.dataset) == tmp_path / "hub" / "data"
