"""Finding a checkpoint: what a path stands for, and what no path may do."""

from __future__ import annotations

import json
import os

import pytest
import torch
from model_cases import FAMILIES, drawn, write_upstream

from rrdyn.artifacts.errors import InputError
from rrdyn.models import layouts, load, save
from rrdyn.models.layouts import locate

CONFIG = FAMILIES["trm_mlp"]


def alone(path, step: int | None = None):
    """A file that holds its config."""
    path.parent.mkdir(parents=True, exist_ok=True)
    model = drawn(CONFIG)
    torch.save({"config": model.config.model_dump(), "step": step, "model": model.state_dict()}, path)
    return path


@pytest.mark.parametrize(
    ("names", "taken"),
    [
        (["checkpoint_final.pt"], "checkpoint_final.pt"),
        (["checkpoint_10.pt", "checkpoint_final.pt"], "checkpoint_final.pt"),
        (["last.ckpt", "epoch=3-step=1200.ckpt"], "last.ckpt"),
        (["best.ckpt", "last.ckpt"], "best.ckpt"),
        (["epoch=3-step=1200.ckpt", "epoch=1-step=400.ckpt"], "epoch=3-step=1200.ckpt"),
        (["step_5.pt", "step_40.pt"], "step_40.pt"),
    ],
)
def test_the_file_that_a_folder_stands_for(names, taken, tmp_path):
    for name in names:
        alone(tmp_path / name)
    assert locate(tmp_path).weights == tmp_path / taken


def test_several_files_of_no_order_are_listed(tmp_path):
    for name in ("a.pt", "b.pt"):
        alone(tmp_path / name)
    with pytest.raises(InputError, match="several checkpoints") as caught:
        locate(tmp_path)
    assert caught.value.found == "a.pt, b.pt"


@pytest.mark.parametrize(
    ("name", "step"),
    [("step_7", 7), ("maze_hard_step_32550", 32550), ("epoch=3-step=1200.ckpt", 1200), ("step_7_ema", 7)],
)
def test_steps_in_names(name, step, tmp_path):
    write_upstream(tmp_path, drawn(CONFIG), name=name)
    assert locate(tmp_path / name).step == step


def test_the_latest_step_whatever_stands_before_it(tmp_path):
    for name in ("maze_step_9", "maze_step_10"):
        write_upstream(tmp_path, drawn(CONFIG), name=name)
    assert load(tmp_path).source.step == 10


def test_a_best_that_names_its_own_parent_ends(tmp_path):
    """It made the search go round without end."""
    (tmp_path / "checkpoints").mkdir()
    (tmp_path / "checkpoints" / "best").write_text("../checkpoints")
    with pytest.raises(InputError, match="in a circle"):
        load(tmp_path)
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "last").symlink_to("last")
    with pytest.raises(InputError):
        load(tmp_path / "other")


@pytest.mark.parametrize(
    "text", ["a/nowhere", "\0", "x" * 255, "/dev/null", "", "\ud800".encode("utf-8", "surrogatepass")]
)
def test_pointers_to_nothing(text, tmp_path):
    (tmp_path / "best").write_bytes(text if isinstance(text, bytes) else text.encode())
    with pytest.raises(InputError):
        load(tmp_path)


@pytest.mark.parametrize("path", ["x" * 300, "a\0b", "loop", "pipe", "closed/net.pt", "/dev/zero"])
def test_paths_that_lead_nowhere(path, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    os.symlink("loop", "loop")
    os.mkfifo("pipe")
    with pytest.raises(InputError):
        load(path)


@pytest.mark.parametrize("name", ["all_config.yaml", "meta.json", "net.yaml"])
def test_records_that_are_no_ordinary_files(name, tmp_path):
    torch.save(drawn(CONFIG).state_dict(), tmp_path / "net.pt")
    (tmp_path / "model.safetensors").write_bytes(b"x")
    os.mkfifo(tmp_path / name)
    for place in (tmp_path / "net.pt", tmp_path / "model.safetensors", tmp_path):
        with pytest.raises(InputError):
            load(place)


def test_addresses_are_pulled_and_paths_are_not(tmp_path, monkeypatch):
    asked = []
    home = alone(tmp_path / "cache" / "net.pt")
    monkeypatch.setattr(layouts, "pull", lambda place: asked.append(str(place)) or home)
    monkeypatch.chdir(tmp_path)
    for place in ("hub://owner/repo/x", "https://huggingface.co/owner/repo/tree/main/x", "owner/repo/net.pt"):
        assert locate(place).weights == home
    assert asked == ["hub://owner/repo/x", "https://huggingface.co/owner/repo/tree/main/x", "hub://owner/repo/net.pt"]
    for place in ("cache/runs/nowhere.pt", "nowhere/net.pt", "runs/a/checkpoints/best", "/owner/repo/net.pt"):
        with pytest.raises(InputError, match="does not exist"):
            locate(place)
    assert len(asked) == 3


def test_a_file_neither_here_nor_on_the_hub(monkeypatch):
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    with pytest.raises(InputError, match="does not exist, here or on the Hub"):
        locate("some-owner/some-repo/net.pt")


def test_a_meta_json_of_wrong_types(tmp_path):
    folder = save(drawn(CONFIG), tmp_path, {"step": 3})
    meta = json.loads((folder / "meta.json").read_text())
    for changes in ({"step": "3", "ema": {"a": 1}, "dataset": 7}, {"step": True, "ema": 0.9}, {"step": -1}):
        (folder / "meta.json").write_text(json.dumps({**meta, **changes}))
        source = load(folder).source
        assert (source.step, source.ema, source.dataset) == (None, None, None)
