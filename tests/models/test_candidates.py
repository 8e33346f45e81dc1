"""Which weights of a file are taken: the average and the raw ones told apart in every layout that people write."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from model_cases import FAMILIES, drawn, write_upstream

from rrdyn.artifacts.errors import InputError, Notice
from rrdyn.models import Model, load
from rrdyn.models.description import describe

CONFIG = FAMILIES["trm_mlp"]
State = dict[str, torch.Tensor]


def states() -> tuple[State, State]:
    """Raw weights and their average, all of whose parameters differ; buffers are the same, as averages keep them."""
    raw, average = drawn(CONFIG), drawn(CONFIG)
    for name, buffer in average.named_buffers():
        buffer.copy_(dict(raw.named_buffers())[name])
    return raw.state_dict(), average.state_dict()


def parameters(state: State) -> State:
    """What helpers that walk over parameters keep: no buffers."""
    names = dict(drawn(CONFIG).named_parameters())
    return {name: state[name] for name in names}


def under(prefix: str, state: State) -> State:
    return {prefix + name: tensor for name, tensor in state.items()}


def averaged_model(raw: State, average: State) -> dict:
    """torch.optim.swa_utils.AveragedModel."""
    return {"model": raw, "averaged": {"n_averaged": torch.tensor(7), **under("module.", average)}}


def one_dict(raw: State, average: State) -> dict:
    """ema_pytorch: both models and its counters in one state dict."""
    counters = {"initted": torch.tensor([True]), "step": torch.tensor([10])}
    return {"state_dict": {**under("online_model.", raw), **under("ema_model.", average), **counters}}


def dotless(raw: State, average: State) -> dict:
    """LitEma: buffers, whose names may have no dots."""
    flat = {name.replace(".", ""): tensor for name, tensor in parameters(average).items()}
    flat |= {"decay": torch.tensor(0.9), "num_updates": torch.tensor(3)}
    return {"state_dict": {**under("model.", raw), **under("model_ema.", flat)}}


# each with the keys of its average and of its raw weights
LAYOUTS: dict[str, tuple[Callable[[State, State], dict], str, str]] = {
    "ema beside model": (lambda r, a: {"model": r, "ema": a}, "ema", "model"),
    "ema_state_dict": (lambda r, a: {"model_state_dict": r, "ema_state_dict": a}, "ema_state_dict", "model_state_dict"),
    "ema_shadow of parameters": (lambda r, a: {"model": r, "ema_shadow": parameters(a)}, "ema_shadow", "model"),
    "model_ema first": (lambda r, a: {"model_ema": a, "model": r}, "model_ema", "model"),
    "state_dict_ema": (lambda r, a: {"state_dict": r, "state_dict_ema": a}, "state_dict_ema", "state_dict"),
    "a helper with its decay": (lambda r, a: {"model": r, "ema": {"decay": 0.999, "shadow": a}}, "ema.shadow", "model"),
    "AveragedModel": (averaged_model, "averaged", "model"),
    "a callback of Lightning": (
        lambda r, a: {"state_dict": under("net.", r), "callbacks": {"EMA": {"shadow": under("net.", parameters(a))}}},
        "callbacks.EMA.shadow", "state_dict",
    ),
    "Lightning's averaging": (
        lambda r, a: {"state_dict": a, "current_model_state": r}, "state_dict", "current_model_state",
    ),
    "one dict of both": (one_dict, "state_dict.ema_model", "state_dict"),
    "names without dots": (dotless, "state_dict.model_ema", "state_dict"),
    "compiled": (lambda r, a: {"model": under("_orig_mod.", r), "ema": under("_orig_mod.", a)}, "ema", "model"),
}  # fmt: skip


def written(folder: Path, content: dict, **more) -> Path:
    beside = {"config": CONFIG, "step": 40, "optimizer": {"state": {0: {"exp_avg": torch.ones(2)}}}}
    torch.save({**beside, **more, **content}, folder / "c.pt")
    return folder / "c.pt"


def same(model: Model, state: State) -> bool:
    return all(torch.equal(tensor, state[name]) for name, tensor in model.state_dict().items())


@pytest.mark.parametrize("layout", LAYOUTS)
def test_the_average_is_taken_and_said_and_raw_ones_on_demand(layout, tmp_path):
    make, ema_key, raw_key = LAYOUTS[layout]
    raw, average = states()
    path = written(tmp_path, make(raw, average))
    with pytest.warns(Notice, match="moving average"):
        model = load(path)
    assert same(model, average)
    assert (model.source.ema, model.source.weights, model.source.step) == (True, ema_key, 40)
    for which in ("raw", raw_key):
        model = load(path, weights=which)
        assert same(model, raw)
        assert (model.source.ema, model.source.weights) == (False, raw_key)
    assert same(load(path, weights="ema"), average)
    with pytest.raises(InputError, match="no weights called other") as caught:
        load(path, weights="other")
    assert f"{ema_key} (average)" in caught.value.found


def test_an_average_beside_the_step_of_upstream(tmp_path):
    raw, average = drawn(CONFIG), drawn(CONFIG)
    write_upstream(tmp_path, raw, name="maze_hard_step_7")
    write_upstream(tmp_path, average, name="maze_hard_step_7_ema")
    assert same(load(tmp_path), average.state_dict())
    assert load(tmp_path / "maze_hard_step_7").source.ema is False


def test_raw_weights_are_not_called_an_average_because_the_run_kept_one(tmp_path):
    """Reported: exact .000 in place of .484, of a file whose config says `ema: true`."""
    raw, average = states()
    write_upstream(tmp_path, drawn(CONFIG))  # for its all_config.yaml, which says ema: true
    torch.save({"model": raw}, tmp_path / "only.pt")
    assert load(tmp_path / "only.pt").source.ema is None
    torch.save({"model": raw, "ema": average}, tmp_path / "both.pt")
    assert load(tmp_path / "both.pt", weights="raw").source.ema is False
    with pytest.warns(Notice):
        assert load(tmp_path / "both.pt").source.ema is True


@pytest.mark.parametrize("ema", [{"decay": 0.99}, 0.999, "yes", None, 1, [True]])
def test_foreign_metadata_is_read_by_type(ema, tmp_path):
    raw, _ = states()
    model = load(written(tmp_path, {"model": raw}, ema=ema, dataset={"root": "x"}))
    assert (model.source.ema, model.source.dataset) == (None, None)
    record, _ = describe(tmp_path / "c.pt")
    assert json.loads(record.model_dump_json())["ema"] is None


def test_one_stray_tensor_hides_nothing(tmp_path):
    raw, _ = states()
    model = load(written(tmp_path, {"model": raw}, loss=torch.tensor(0.3), rng=torch.get_rng_state()))
    assert same(model, raw)
    assert model.source.weights == "model"


def test_several_sets_without_an_average(tmp_path):
    raw, other = states()
    path = written(tmp_path, {"model": raw, "best_model": other})
    with pytest.warns(Notice, match="best_model"):
        assert same(load(path), raw)
    assert same(load(path, weights="best_model"), other)
    record, text = describe(path, weights="best_model")
    assert (record.weights, record.weights_in_file) == ("best_model", ["model", "best_model"])
    assert "--weights" in text


@pytest.mark.parametrize(
    "prefix", ["model.", "module.", "_orig_mod.", "_forward_module.", "net.", ".", "module._orig_mod.model.",
               "_orig_mod.module.net.", "_forward_module.model._orig_mod.", "student.core."],
)  # fmt: skip
def test_prefixes_in_any_order(prefix, tmp_path):
    raw, _ = states()
    assert same(load(written(tmp_path, {"state_dict": under(prefix, raw)})), raw)


def test_a_part_that_was_compiled_alone(tmp_path):
    raw, _ = states()
    state = {name.replace("L_level.", "L_level._orig_mod."): tensor for name, tensor in raw.items()}
    assert same(load(written(tmp_path, {"state_dict": state})), raw)


def test_a_name_twice_is_told(tmp_path):
    raw, _ = states()
    with pytest.raises(InputError, match="twice"):
        load(written(tmp_path, {"model": {**raw, "model.inner.H_init": raw["inner.H_init"]}}))
