"""Every layout opens, strictly; writing and reading back is bit-identical."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
import yaml
from model_cases import DATA, FAMILIES, SHARED, drawn, write_upstream

from rrdyn.artifacts.errors import InputError
from rrdyn.models import Model, build, load, save

ARCH = {
    key: value
    for key, value in FAMILIES["trm_mlp"].items()
    if key not in ("seq_len", "vocab_size", "num_puzzle_identifiers")
}


def same_weights(a: Model, b: Model) -> bool:
    x, y = a.state_dict(), b.state_dict()
    return list(x) == list(y) and all(torch.equal(x[key], y[key]) and x[key].dtype == y[key].dtype for key in x)


def write_dataset(folder: Path, seq_len=16, vocab_size=6, rows=3) -> Path:
    (folder / "test").mkdir(parents=True)
    sizes = {"seq_len": seq_len, "vocab_size": vocab_size, "num_puzzle_identifiers": rows}
    (folder / "test" / "dataset.json").write_text(json.dumps(sizes))
    return folder


@pytest.mark.parametrize("kind", FAMILIES)
def test_ours_round_trip(kind, tmp_path):
    model = drawn(FAMILIES[kind])
    folder = save(model, tmp_path / "step_5", {"step": 5, "ema": True, "dataset": {"path": "data/x", "name": "x"}})
    again = load(folder)
    assert same_weights(model, again)
    assert again.config == model.config
    assert (again.source.step, again.source.ema, again.source.dataset, again.source.layout) == (
        5,
        True,
        "data/x",
        "rrdyn",
    )
    assert not again.training
    first = (folder / "model.safetensors").read_bytes()
    save(again, tmp_path / "again")
    assert (tmp_path / "again" / "model.safetensors").read_bytes() == first
    assert load(tmp_path / "again").source.step == 5  # what was known is kept


def test_a_lone_safetensors_file_describes_itself(tmp_path):
    model = drawn(FAMILIES["hrm"])
    folder = save(model, tmp_path / "a", {"step": 9})
    lone = shutil.copy(folder / "model.safetensors", tmp_path / "lone.safetensors")
    again = load(lone)
    assert same_weights(model, again)
    assert again.source.step == 9


@pytest.mark.parametrize("prefix", ["_orig_mod.model.", "model.", ""])
def test_upstream_with_every_prefix(prefix, tmp_path):
    model = drawn(FAMILIES["trm_mlp"])
    path = write_upstream(tmp_path / "run", model, prefix=prefix)
    for place in (path, tmp_path / "run"):
        again = load(place)
        assert same_weights(model, again)
        assert (again.source.step, again.source.ema, again.source.layout) == (7, True, "upstream")
        assert again.source.dataset == "data/sudoku-x"


def test_the_latest_step_and_its_average_are_taken(tmp_path):
    models = {name: drawn(FAMILIES["trm_mlp"]) for name in ("step_9", "step_10", "step_10_ema")}
    for name, model in models.items():
        write_upstream(tmp_path, model, name=name)
    assert same_weights(load(tmp_path), models["step_10_ema"])
    assert load(tmp_path / "step_10").source.ema is False
    with pytest.raises(InputError, match="holds no weights called raw"):  # an average alone is not given for them
        load(tmp_path / "step_10_ema", weights="raw")


@pytest.mark.skipif(not SHARED.is_dir(), reason="the golden checkpoints are not here")
@pytest.mark.parametrize("folder", ["hrm_float32", "trm_att_bfloat16", "trm_mlp_float32"])
def test_golden_checkpoints_open(folder):
    for path in sorted((SHARED / "checkpoints" / folder).glob("step_*")):
        raw = torch.load(path, weights_only=True)
        model = load(path, dtype=None)
        assert model.config.seq_len == 81
        for key, tensor in model.state_dict().items():
            assert torch.equal(tensor, raw["_orig_mod.model." + key])


def test_a_bfloat16_checkpoint_in_three_dtypes():
    path = DATA / "trm_att_bfloat16"
    for dtype in (None, torch.float32, torch.float64, torch.bfloat16):
        model = load(path, dtype=dtype)
        assert model.dtype == (dtype or torch.bfloat16)
        assert model.inner.H_init.dtype == model.dtype
        assert model.inner.lm_head.weight.dtype == torch.float32
        assert model.config.forward_dtype == "bfloat16"  # what it was made for
        with torch.no_grad():
            z = model.segment(model.initial(1), model.embed(torch.ones(1, 81, dtype=torch.long), torch.tensor([0])))
        assert z.z_H.dtype == model.dtype


def test_hub_layout_with_its_puzzles(tmp_path):
    model = drawn(FAMILIES["trm_att"])
    path = write_upstream(tmp_path / "trm_sudoku", model, name="weights.pt")
    write_upstream(tmp_path / "hrm_sudoku", drawn(FAMILIES["hrm"]), name="weights.pt")
    with pytest.raises(InputError, match="length of the puzzles"):
        load(path)
    (tmp_path / "data").mkdir()
    sizes = {"seq_len": 16, "vocab_size": 6, "num_puzzle_identifiers": 3}
    (tmp_path / "data" / "sudoku_meta.json").write_text(json.dumps(sizes))
    for place in (path, tmp_path / "trm_sudoku", tmp_path / "trm_sudoku" / "all_config.yaml"):
        again = load(place)
        assert same_weights(model, again)
        assert again.source.layout == "hub"
        assert Path(again.source.dataset) == tmp_path / "data"
    with pytest.raises(InputError, match="several checkpoints"):
        load(tmp_path)
    (tmp_path / "data" / "maze_meta.json").write_text("{}")
    shared = load(path)
    assert Path(shared.source.dataset) == tmp_path / "data" / "sudoku_meta.json"
    assert load(path, dataset=shared.source.dataset).config.seq_len == 16


def test_a_repository_with_one_model_at_its_top(tmp_path):
    model = drawn(FAMILIES["hrm"])
    write_upstream(tmp_path, model, name="checkpoint", sizes={"seq_len": 16})
    assert same_weights(load(tmp_path), model)


def test_well_known_dataset_names_give_the_length(tmp_path):
    model = drawn({**FAMILIES["hrm"], "seq_len": 81, "vocab_size": 11})
    write_upstream(tmp_path, model, data_paths=None, data_path="data/sudoku-extreme-1k-aug-1000")
    assert load(tmp_path).config.seq_len == 81


def test_a_folder_of_runs_and_a_training_state_say_what_to_give(tmp_path):
    for name in ("a", "b"):
        save(drawn(FAMILIES["trm_mlp"]), tmp_path / name / "checkpoints" / "step_1")
    with pytest.raises(InputError, match="several checkpoints") as caught:
        load(tmp_path)
    assert caught.value.found == "a, b"
    torch.save({"trainer": {}, "sampler": {}, "model": {}}, tmp_path / "state.pt")
    with pytest.raises(InputError, match="is a training state"):
        load(tmp_path / "state.pt")


@pytest.mark.parametrize("suffix", [".json", ".yaml"])
def test_a_bare_file_beside_its_config(suffix, tmp_path):
    model = drawn(FAMILIES["trm_mlp"])
    torch.save(model.state_dict(), tmp_path / "net.pt")
    config = {**ARCH, "name": "trm"}
    text = json.dumps(config) if suffix == ".json" else yaml.safe_dump(config)
    (tmp_path / f"net{suffix}").write_text(text)
    assert same_weights(load(tmp_path / "net.pt"), model)


def test_a_run_folder_stands_for_its_best_then_last_then_latest(tmp_path):
    run = tmp_path / "run"
    models = {step: drawn(FAMILIES["trm_mlp"]) for step in (2, 10)}
    for step, model in models.items():
        save(model, run / "checkpoints" / f"step_{step}", {"step": step})
    assert load(run).source.step == 10
    (run / "checkpoints" / "last").symlink_to("step_10")
    (run / "checkpoints" / "best").symlink_to("step_2")
    assert load(run).source.step == 2
    assert load(run / "checkpoints" / "last").source.step == 10


def test_sizes_from_the_dataset_and_a_dataset_that_does_not_fit(tmp_path):
    write_upstream(tmp_path / "run", drawn(FAMILIES["trm_att"]), data_paths=["data/x"])
    with pytest.raises(InputError, match="length of the puzzles"):
        load(tmp_path / "run")
    fits = write_dataset(tmp_path / "data" / "x")
    assert load(tmp_path / "run").config.seq_len == 16  # found beside the run, as the checkpoint names it
    assert load(tmp_path / "run", dataset=fits).source.dataset == str(fits)
    wrong = write_dataset(tmp_path / "wrong", vocab_size=11, rows=9)
    with pytest.raises(InputError, match="does not fit the checkpoint") as caught:
        load(tmp_path / "run", dataset=wrong)
    assert caught.value.found == "vocab_size 11, num_puzzle_identifiers 9"
    with pytest.raises(InputError, match="not a dataset folder"):
        load(tmp_path / "run", dataset=tmp_path)


def test_missing_unexpected_and_misshapen_tensors_are_named(tmp_path):
    model = drawn(FAMILIES["trm_mlp"])
    state = dict(model.state_dict())
    down = state.pop("inner.L_level.layers.0.mlp.down_proj.weight")
    state["inner.extra"] = torch.zeros(2)
    state["inner.q_head.bias"] = torch.zeros(3)
    state["inner.lm_head.weight"] = state["inner.lm_head.weight"].int()
    torch.save(state, tmp_path / "net.pt")
    (tmp_path / "net.json").write_text(json.dumps(FAMILIES["trm_mlp"]))
    with pytest.raises(InputError, match="does not hold this model's weights") as caught:
        load(tmp_path / "net.pt")
    assert caught.value.found == (
        "missing: inner.L_level.layers.0.mlp.down_proj.weight; unexpected: inner.extra; "
        "misshapen: inner.q_head.bias (3,) for (2,); not floating point: inner.lm_head.weight torch.int32"
    )
    assert down.shape == (16, 256)


def test_sizes_of_a_config_take_no_memory_before_they_are_checked(tmp_path):
    folder = save(drawn(FAMILIES["trm_att"]), tmp_path)
    meta = json.loads((folder / "meta.json").read_text())
    meta["config"] |= {"hidden_size": 1 << 20, "seq_len": 1 << 16, "num_heads": 1, "L_layers": 9}
    (folder / "meta.json").write_text(json.dumps(meta))
    with pytest.raises(InputError, match="does not hold this model's weights"):
        load(folder)


def test_weights_that_are_not_finite_are_refused(tmp_path):
    model = drawn(FAMILIES["hrm"])
    model.inner.lm_head.weight.data[0, 0] = float("nan")
    folder = save(model, tmp_path / "x")
    with pytest.raises(InputError, match="weights") as caught:
        load(folder)
    assert caught.value.found == "not finite: inner.lm_head.weight"


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ({}, "holds no checkpoint"),
        ({"notes.txt": "x"}, "holds no checkpoint"),
        ({"step_3": "not weights", "all_config.yaml": "arch: {name: trm}"}, "not a checkpoint"),
        ({"step_3": "", "all_config.yaml": "arch: {name: trm}"}, "holds no weights"),
        ({"step_3": "x", "all_config.yaml": "arch: 7"}, "not a model config"),
        ({"model.safetensors": "x", "meta.json": "{}"}, "not the meta.json of a checkpoint"),
        ({"model.safetensors": "x", "meta.json": "{"}, "not readable JSON"),
    ],
)
def test_folders_without_a_checkpoint(content, message, tmp_path):
    for name, text in content.items():
        (tmp_path / name).write_text(text)
    with pytest.raises(InputError, match=message):
        load(tmp_path)


def test_a_missing_path_and_an_artifact(tmp_path):
    with pytest.raises(InputError, match="does not exist"):
        load(tmp_path / "nothing")
    np.savez(tmp_path / "diag.npz", a=1)
    with pytest.raises(InputError, match="an npz artifact"):
        load(tmp_path / "diag.npz")


def test_weights_without_a_config(tmp_path):
    torch.save(build(FAMILIES["hrm"]).state_dict(), tmp_path / "net.pt")
    with pytest.raises(InputError, match="comes without its config"):
        load(tmp_path / "net.pt")


def test_an_ablation_variant_is_refused_by_name(tmp_path):
    write_upstream(tmp_path, drawn(FAMILIES["trm_mlp"]))
    text = (
        (tmp_path / "all_config.yaml").read_text().replace("recursive_reasoning.trm@", "recursive_reasoning.trm_hier6@")
    )
    (tmp_path / "all_config.yaml").write_text(text)
    with pytest.raises(InputError, match="trm_hier6 is an ablation variant"):
        load(tmp_path)


def test_equal_models_give_equal_bytes_in_any_process(tmp_path):
    """The order of a header's entries would be drawn anew by each process; torch's compiler takes a second to load."""
    code = """import sys; from rrdyn.models import load, save; save(load(sys.argv[1]), sys.argv[2], {'step': 1})
assert "torch._dynamo" not in sys.modules"""
    for name in ("a", "b"):
        subprocess.run([sys.executable, "-c", code, str(DATA / "sudoku4.pt"), str(tmp_path / name)], check=True)
    first, second = ((tmp_path / name / "model.safetensors").read_bytes() for name in ("a", "b"))
    assert first == second


def test_other_readers_of_safetensors_are_told_the_format(tmp_path):
    """transformers refuses a file whose metadata lack it; the Hub's page shows it."""
    from safetensors import safe_open

    model = drawn(FAMILIES["trm_mlp"])
    folder = save(model, tmp_path / "ckpt")
    with safe_open(folder / "model.safetensors", "pt") as stored:
        assert stored.metadata()["format"] == "pt"
        assert set(stored.keys()) == set(model.state_dict())
    assert (folder / "model.safetensors").read_bytes() == (
        save(model, tmp_path / "again") / "model.safetensors"
    ).read_bytes()
