"""The Hub's part is played by a small HTTP server on this machine."""

from __future__ import annotations

import json
import re
import time
from pathlib import Path

import numpy as np
import pytest
from tests.runtime.hub_server import Hub, point_at_loopback

from rrdyn.artifacts.errors import InputError
from rrdyn.data import hub_source
from rrdyn.data.build import build
from rrdyn.data.folder import open_split
from rrdyn.data.maze.recipe import PUBLISHED_UNIQUE, MazeRecipe
from rrdyn.data.sudoku.recipe import PUBLISHED, SudokuRecipe
from rrdyn.runtime.hub import Unreachable

GOLDEN = Path(__file__).parents[1] / "golden" / "data"


@pytest.fixture
def hub(tmp_path, monkeypatch):
    point_at_loopback(tmp_path, monkeypatch)
    files = {f"{split}.csv": (GOLDEN / "csv" / "sudoku" / f"{split}.csv").read_bytes() for split in ("train", "test")}
    with Hub() as server:
        monkeypatch.setenv("HF_ENDPOINT", server.endpoint)
        server.commit(PUBLISHED, files)
        yield server


def made(recipe: SudokuRecipe | MazeRecipe, out: Path) -> dict[str, object]:
    return json.loads((build(recipe, out) / "rrdyn.json").read_text())


def test_the_published_set_is_fetched_and_named(hub, tmp_path):
    for source in ("hub", "auto"):
        record = made(SudokuRecipe(source=source, val_groups=0), tmp_path / source)
        assert record["source"] == "hub"
        assert record["name"] == "sudoku-extreme-hub"
        assert record["origin"] == {"repo": PUBLISHED, "commit": hub.sha(PUBLISHED, 0)}
    golden = np.load(GOLDEN / "converted" / "sudoku_v0" / "test" / "all__inputs.npy")
    np.testing.assert_array_equal(open_split(tmp_path / "hub").inputs, golden)


def test_offline_takes_what_was_fetched_before(hub, tmp_path):
    recipe = SudokuRecipe(source="hub", val_groups=0)
    build(recipe, tmp_path / "a")
    hub.requests.clear()
    assert made(recipe.model_copy(update={"offline": True}), tmp_path / "b")["source"] == "hub"
    assert hub.requests == []
    with pytest.raises(InputError, match="not in the cache") as caught:
        build(MazeRecipe(source="hub", offline=True), tmp_path / "c")
    assert "--source generate" in caught.value.run


def test_a_hub_that_went_away_leaves_what_was_fetched_before(hub, tmp_path):
    recipe = SudokuRecipe(source="hub", val_groups=0)
    build(recipe, tmp_path / "a")
    hub.stop()
    assert made(recipe, tmp_path / "b")["source"] == "hub"
    with pytest.raises(Unreachable, match="cannot be reached") as caught:
        build(MazeRecipe(source="hub"), tmp_path / "c")
    assert "--source generate" in caught.value.run


@pytest.mark.parametrize("inside", ["maze-30x30-unique-1k", "data/maze-30x30-unique-1k"])
def test_unique_mazes_come_as_a_folder(hub, tmp_path, inside):
    folder = GOLDEN / "converted" / "maze_v0"
    hub.commit(
        PUBLISHED_UNIQUE,
        {f"{inside}/{path.relative_to(folder)}": path.read_bytes() for path in folder.rglob("*") if path.is_file()},
    )
    recipe = MazeRecipe(source="hub", unique=True, val_groups=0)
    record = made(recipe, tmp_path / "a")
    assert record["name"] == "maze-30x30-unique-1k-hub"
    assert open_split(tmp_path / "a", "train").difficulty.tolist() == [10, 10, 10, 10]
    assert made(recipe.model_copy(update={"offline": True}), tmp_path / "b")["origin"] == record["origin"]


def test_a_set_by_the_address_of_its_page(hub, tmp_path):
    hub.commit("me/mine", hub.repos[PUBLISHED][0])
    record = made(SudokuRecipe(source="hub", repo=f"{hub.endpoint}/datasets/me/mine", val_groups=0), tmp_path / "made")
    assert record["name"] == "mine-hub"


def test_a_cut_download_leaves_no_dataset(hub, tmp_path, monkeypatch):
    monkeypatch.setattr(time, "sleep", lambda seconds: None)  # the client's pauses between its tries
    hub.cut.add("train.csv")
    with pytest.raises(Unreachable, match=r"the connection was cut while fetching train.csv"):
        build(SudokuRecipe(source="hub"), tmp_path / "made")
    assert not (tmp_path / "made").exists()
    hub.cut.clear()
    build(SudokuRecipe(source="hub"), tmp_path / "made")


def test_a_missing_file_is_named(hub, tmp_path):
    del hub.repos[PUBLISHED][0]["test.csv"]
    with pytest.raises(InputError, match=r"has no test.csv"):
        build(SudokuRecipe(source="hub"), tmp_path / "made")


def test_auto_takes_generated_puzzles_where_the_hub_is_silent_and_says_so(hub, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(hub_source, "PATIENCE", 0.3)
    hub.trick = lambda handler, name: time.sleep(60.0) or True
    record = made(SudokuRecipe(n=2, test_n=2, val_groups=0), tmp_path / "made")
    assert record["source"] == "generate"
    assert record["name"] == "sudoku-9x9-generated"
    heard = capsys.readouterr().err
    # who notices first, the client or the one that waits for it, is chance, and each has words of its own
    assert re.search(r"NOTE: sapientinc/sudoku-extreme cannot be had \(.+\)", heard), heard
    assert "NOTE: generated puzzles of the same kind are made instead" in heard


def test_offline_auto_does_not_ask(hub, tmp_path, monkeypatch, capsys):
    assert made(SudokuRecipe(n=2, test_n=2, val_groups=0, offline=True), tmp_path / "a")["source"] == "generate"
    # nor where nothing like it is published
    assert made(SudokuRecipe(size=4, clues=6, n=2, test_n=2, val_groups=0), tmp_path / "b")["source"] == "generate"
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    assert made(SudokuRecipe(n=2, test_n=2, val_groups=0), tmp_path / "c")["source"] == "generate"
    assert "cannot be had (HF_HUB_OFFLINE is set)" in capsys.readouterr().err
    assert hub.requests == []


def test_nobody_listening(hub, tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")
    assert made(SudokuRecipe(n=2, test_n=2, val_groups=0), tmp_path / "a")["source"] == "generate"
    assert "refused" in capsys.readouterr().err.lower()
