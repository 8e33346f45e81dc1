"""The page of a pushed checkpoint, made on loopback and read back as the Hub's own library reads it."""

from __future__ import annotations

import pytest
from huggingface_hub import ModelCard
from tests.runtime.hub_server import Hub, point_at_loopback

from rrdyn.artifacts.files import write_json
from rrdyn.cli.app import main
from rrdyn.models import build, save

EVALUATED = {
    "step": 8, "evaluation": {"acc": 0.75, "eval_n": 16, "acc_pert": 0.0, "eval_perturbed_n": 8, "lam1": -0.1},
    "task": "sudoku", "validation": "16 puzzles of the val split",
    "dataset": {"path": "here/data", "name": "sudoku-4x4"}, "rrdyn_version": "0.1.0", "command": "rrdyn train data",
}  # fmt: skip


@pytest.fixture
def place(tmp_path, monkeypatch):
    point_at_loopback(tmp_path, monkeypatch)
    monkeypatch.setenv("HF_TOKEN", "hf_a_token_of_the_test")
    with Hub() as hub:
        monkeypatch.setenv("HF_ENDPOINT", hub.endpoint)
        yield hub


@pytest.fixture
def checkpoint(tmp_path):
    config = {"name": "trm", "hidden_size": 8, "num_heads": 2, "L_layers": 1, "mlp_t": True, "seq_len": 16}
    model = build({**config, "vocab_size": 6, "forward_dtype": "float32", "halt_max_steps": 4})
    return save(model, tmp_path / "step_8", EVALUATED)


def card(hub: Hub, path: str = "README.md", repo: str = "me/tiny") -> ModelCard:
    return ModelCard(hub.repos[repo][-1][path].decode())


def test_a_checkpoint_comes_with_a_card_of_what_it_says_of_itself(place, checkpoint):
    assert main(["hub", "push", str(checkpoint), "me/tiny", "--license", "mit"]) == 0
    page = card(place)
    assert (page.data.license, page.data.library_name) == ("mit", "rrdyn")
    assert {"rrdyn", "trm", "sudoku"} <= set(page.data.tags)
    found = {one.metric_name: one for one in page.data.eval_results}
    exact = found["Exact accuracy"]
    assert (exact.metric_value, exact.dataset_name, exact.dataset_split) == (0.75, "sudoku-4x4", "val")
    assert exact.metric_args["n"] == 16
    assert exact.metric_args["low"] == pytest.approx(0.505, abs=1e-3)  # Wilson's, 12 of 16
    assert found["Exact accuracy, perturbed start"].metric_args["high"] == pytest.approx(3 / 8)
    assert 'rrdyn.load("hub://me/tiny")' in page.text
    assert "here/data" not in page.text, "paths of somebody's machine are nobody's business"
    assert {"model.safetensors", "meta.json"} <= place.repos["me/tiny"][-1].keys()


def test_without_a_licence_nothing_is_sent(place, checkpoint, capsys):
    assert main(["hub", "push", str(checkpoint), "me/tiny"]) == 2
    said = capsys.readouterr().err
    assert "licence" in said
    assert "--license" in said
    assert "me/tiny" not in place.repos
    assert main(["hub", "push", str(checkpoint), "me/tiny", "--no-card"]) == 0
    assert "README.md" not in place.repos["me/tiny"][-1]


def test_a_licence_that_the_hub_does_not_know_is_one_message(place, checkpoint, capsys):
    assert main(["hub", "push", str(checkpoint), "me/tiny", "--license", "nonsense"]) == 3
    assert '"license" must be one of a list' in capsys.readouterr().err
    assert "model.safetensors" not in place.repos["me/tiny"][-1]


def test_a_card_that_is_there_stays(place, checkpoint, capsys):
    place.commit("me/tiny", {"trm/README.md": b"mine"})
    assert main(["hub", "push", str(checkpoint), "me/tiny/trm", "--license", "mit"]) == 0
    assert place.repos["me/tiny"][-1]["trm/README.md"] == b"mine"
    assert "it stays as it is" in capsys.readouterr().err
    (checkpoint / "README.md").write_text("from here")
    assert main(["hub", "push", str(checkpoint), "me/other"]) == 0, "a folder's own card needs no licence from us"
    assert place.repos["me/other"][-1]["README.md"] == b"from here"


def test_an_artifact_has_no_card(place, tmp_path):
    write_json(tmp_path / "results.json", {"n": 3})
    assert main(["hub", "push", str(tmp_path / "results.json"), "me/tiny"]) == 0
    assert place.repos["me/tiny"][-1].keys() == {"results.json"}


def test_a_checkpoint_without_a_measurement_says_so(place, checkpoint):
    (checkpoint / "meta.json").unlink()
    assert main(["hub", "push", str(checkpoint), "me/tiny", "--license", "other"]) == 0
    assert card(place).data.eval_results is None
    assert "no measurement" in card(place).text
