"""Pulling from and pushing to the Hub, against a server on loopback."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from rrdyn.artifacts.errors import InputError, RrdynError
from rrdyn.cli.app import main
from rrdyn.runtime import hub as client
from rrdyn.runtime.progress import Progress

REPO = "someone/chaos"
PLACE = f"hub://{REPO}/trm_sudoku"


def names(folder: Path) -> list[str]:
    return sorted(str(p.relative_to(folder)) for p in folder.rglob("*") if p.is_file())


def test_pull_brings_the_folder_and_its_puzzles_and_no_code(hub):
    path = client.pull(PLACE)
    assert names(path.parent) == ["data/sudoku_meta.json", "trm_sudoku/all_config.yaml", "trm_sudoku/weights.pt"]
    assert (path / "weights.pt").read_bytes() == b"w" * 5000


def test_second_pull_asks_for_the_commit_only(hub):
    first = client.pull(PLACE)
    hub.requests.clear()
    assert client.pull(PLACE) == first
    assert hub.requests == [f"GET /api/models/{REPO}/revision/main"]


def test_offline_from_cache(hub, monkeypatch, capsys):
    path = client.pull(PLACE)
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    hub.requests.clear()
    assert client.pull(PLACE) == path
    assert hub.requests == []
    assert "using the cached copy" in capsys.readouterr().err
    with pytest.raises(InputError, match="not in the cache"):
        client.pull(f"hub://{REPO}/hrm_sudoku")


def test_unreachable_hub_falls_back_to_the_cache(hub, capsys):
    path = client.pull(PLACE)
    hub.stop()
    assert client.pull(PLACE) == path
    assert "the Hub cannot be reached" in capsys.readouterr().err


def test_missing_repository(hub):
    with pytest.raises(InputError, match="there is no repository someone/nothing"):
        client.pull("hub://someone/nothing/trm_sudoku")


def test_missing_folder_says_what_there_is(hub):
    with pytest.raises(InputError, match="has no trm_maze") as caught:
        client.pull(f"hub://{REPO}/trm_maze")
    assert "trm_sudoku/" in caught.value.found


def test_file_that_vanished_between_listing_and_fetching(hub):
    hub.vanished.add("trm_sudoku/weights.pt")
    with pytest.raises(InputError, match=r"has no file trm_sudoku/weights\.pt"):
        client.pull(PLACE)


def test_names_that_lead_out_of_the_repository_are_left_out(hub, tmp_path):
    hub.commit(REPO, {"trm_sudoku/../../../../evil.txt": b"x", "/etc/evil": b"x"})
    path = client.pull(PLACE)
    assert (path / "weights.pt").exists()
    assert not list(tmp_path.rglob("evil*"))


def test_missing_revision(hub):
    with pytest.raises(InputError, match="has no revision v9"):
        client.pull(f"hub://{REPO}@v9/trm_sudoku")


def test_changed_revision_is_said_and_pinned_one_stays(hub, capsys):
    old = hub.sha(REPO, 0)
    client.pull(PLACE)
    hub.commit(REPO, {"trm_sudoku/weights.pt": b"new"})
    assert (client.pull(PLACE) / "weights.pt").read_bytes() == b"new"
    assert f"has changed on the Hub: was {old[:10]}" in capsys.readouterr().err
    assert (client.pull(f"hub://{REPO}@{old}/trm_sudoku") / "weights.pt").read_bytes() == b"w" * 5000


def test_cut_connection_keeps_the_last_complete_copy(hub, monkeypatch):
    monkeypatch.setattr("time.sleep", lambda seconds: None)  # the client waits between its retries
    path = client.pull(PLACE)
    hub.commit(REPO, {"trm_sudoku/weights.pt": b"x" * 70000})
    hub.cut.add("trm_sudoku/weights.pt")
    with pytest.raises(RrdynError, match=r"the connection was cut while fetching trm_sudoku/weights\.pt") as caught:
        client.pull(PLACE)
    assert "rrdyn hub pull" in caught.value.run
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    assert client.pull(PLACE) == path
    monkeypatch.delenv("HF_HUB_OFFLINE")
    hub.cut.clear()
    assert (client.pull(PLACE) / "weights.pt").read_bytes() == b"x" * 70000


def test_copy_out_keeps_the_layout(hub, tmp_path):
    ref = client.parse(PLACE)
    out = client.copy_out(client.pull(ref), ref, tmp_path / "out")
    assert out == tmp_path / "out" / "trm_sudoku"
    assert names(tmp_path / "out") == ["data/sudoku_meta.json", "trm_sudoku/all_config.yaml", "trm_sudoku/weights.pt"]
    assert not (out / "weights.pt").is_symlink()


def test_push_sends_the_folder_without_the_training_state(hub, tmp_path, monkeypatch):
    folder = tmp_path / "step_5"
    folder.mkdir()
    for name in ("model.safetensors", "meta.json", "state.pt"):
        (folder / name).write_bytes(name.encode())
    monkeypatch.setenv("HF_TOKEN", "hf_not_a_real_token")
    url = client.push(folder, "someone/mine/step_5")
    assert url.startswith(f"{hub.endpoint}/someone/mine/commit/")
    assert sorted(hub.repos["someone/mine"][-1]) == ["step_5/meta.json", "step_5/model.safetensors"]
    client.push(folder / "meta.json", "hub://someone/mine/notes")
    assert "notes/meta.json" in hub.repos["someone/mine"][-1]


def test_push_tells_how_much_of_it_is_sent(hub, tmp_path, monkeypatch):
    told = []

    class Told(Progress):
        def advance(self, n=1, note=""):
            super().advance(n, note)
            told.append((self.done, self.total))

    monkeypatch.setattr("rrdyn.runtime.hub.Progress", Told)
    (tmp_path / "state.pt").write_bytes(b"x" * 1000)
    (tmp_path / "diag.npz").write_bytes(b"y" * 5000)
    monkeypatch.setenv("HF_TOKEN", "hf_not_a_real_token")
    client.push(tmp_path, "someone/mine")
    assert told[-1] == (5000, 5000)


def test_what_is_no_file_is_not_pushed(hub, tmp_path):
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(InputError, match="is a named pipe"):
        client.push(tmp_path / "pipe", "someone/mine")
    assert main(["hub", "push", "", "someone/mine", "--no-card"]) == 3, "an empty name is not the folder we are in"
    (tmp_path / "empty").mkdir()
    (tmp_path / "empty" / "state.pt").write_bytes(b"the training state")
    with pytest.raises(InputError, match="nothing to send"):
        client.push(tmp_path / "empty", "someone/mine")
    assert hub.requests == []


@pytest.mark.skipif(os.geteuid() == 0, reason="root reads everything")
def test_what_may_not_be_read_is_told_before_anything_is_sent(hub, tmp_path):
    (tmp_path / "closed").mkdir(mode=0)
    with pytest.raises(InputError, match="cannot list"):
        client.push(tmp_path, "someone/mine")
    assert hub.requests == []


def test_push_without_a_token_is_one_message(hub, tmp_path):
    (tmp_path / "a.json").write_text("{}")
    with pytest.raises(RrdynError, match=r"refuses access|no Hub token") as caught:
        client.push(tmp_path / "a.json", "someone/mine")
    assert caught.value.run == "hf auth login"


def test_a_dataset_comes_by_the_address_of_its_page(hub):
    hub.commit("someone/puzzles", {"train.csv": b"a", "more/test.csv": b"b"})
    path = client.pull(f"{hub.endpoint}/datasets/someone/puzzles/blob/main/more/test.csv?download=true")
    assert path.read_bytes() == b"b"
    assert "GET /api/datasets/someone/puzzles/revision/main" in hub.requests


def test_unreachable_hub_without_a_copy_is_no_bad_input(hub):
    hub.stop()
    with pytest.raises(client.Unreachable, match="cannot be reached, and is not in the cache") as caught:
        client.pull(PLACE)
    assert caught.value.exit_code == 1
