"""The Hub's part is played by a small HTTP server on this machine."""

from __future__ import annotations

import hashlib
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np
import pytest

from rrdyn.artifacts.errors import InputError
from rrdyn.data import hub_source
from rrdyn.data.build import build
from rrdyn.data.folder import open_split
from rrdyn.data.hub_source import Unreachable, unreachable
from rrdyn.data.maze.recipe import MazeRecipe
from rrdyn.data.sudoku.recipe import SudokuRecipe

GOLDEN = Path(__file__).parents[1] / "golden" / "data"
COMMIT = "0123456789abcdef0123456789abcdef01234567"


class Hub(ThreadingHTTPServer):
    """Serves `files` by their name in the repository; `cut` ends an answer after so many bytes, `hang` gives none."""

    daemon_threads = True

    def __init__(self, files: dict[str, bytes]) -> None:
        super().__init__(("127.0.0.1", 0), Answer)
        self.files = files
        self.cut: int | None = None
        self.hang = 0.0
        threading.Thread(target=self.serve_forever, daemon=True).start()


class Answer(BaseHTTPRequestHandler):
    server: Hub

    def log_message(self, *arguments: object) -> None:
        pass

    def do_HEAD(self) -> None:
        self.answer(b"")

    def do_GET(self) -> None:
        self.answer(self.server.files.get(self.asked()))

    def asked(self) -> str:
        return self.path.split("/resolve/main/")[-1].split("/resolve/" + COMMIT + "/")[-1]

    def answer(self, body: bytes | None) -> None:
        time.sleep(self.server.hang)
        data = self.server.files.get(self.asked())
        if data is None:
            self.send_response(404)
            self.send_header("X-Error-Code", "EntryNotFound")
            data, body = b"", b""
        else:
            self.send_response(200)
            self.send_header("ETag", f'"{hashlib.sha1(data).hexdigest()}"')
        self.send_header("X-Repo-Commit", COMMIT)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write((body or b"")[: self.server.cut])


@pytest.fixture
def hub(tmp_path, monkeypatch):
    files = {f"{split}.csv": (GOLDEN / "csv" / "sudoku" / f"{split}.csv").read_bytes() for split in ("train", "test")}
    server = Hub(files)
    monkeypatch.setenv("HF_ENDPOINT", f"http://127.0.0.1:{server.server_address[1]}")
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_DISABLE_TELEMETRY", True)
    monkeypatch.setattr("huggingface_hub.file_download.HF_HUB_CACHE", str(tmp_path / "cache"), raising=False)
    yield server
    server.shutdown()
    server.server_close()


def made(recipe: SudokuRecipe | MazeRecipe, out: Path) -> dict[str, object]:
    return open_split(build(recipe, out), "train").record


def test_the_published_set_is_fetched_and_named(hub, tmp_path):
    for source in ("hub", "auto"):
        record = made(SudokuRecipe(source=source, val_groups=0), tmp_path / source)
        assert record["source"] == "hub"
        assert record["name"] == "sudoku-extreme-hub"
        assert record["origin"] == {"repo": "sapientinc/sudoku-extreme", "commit": COMMIT}
    golden = np.load(GOLDEN / "converted" / "sudoku_v0" / "test" / "all__inputs.npy")
    np.testing.assert_array_equal(open_split(tmp_path / "hub").inputs, golden)


def test_offline_takes_what_was_fetched_before(hub, tmp_path):
    recipe = SudokuRecipe(source="hub", val_groups=0)
    build(recipe, tmp_path / "a")
    hub.files.clear()
    assert made(recipe.model_copy(update={"offline": True}), tmp_path / "b")["source"] == "hub"
    with pytest.raises(InputError, match="not in the Hub's cache"):
        build(MazeRecipe(source="hub", offline=True), tmp_path / "c")


def test_unique_mazes_come_as_a_folder(hub, tmp_path):
    folder = GOLDEN / "converted" / "maze_v0"
    inside = "maze-30x30-unique-1k"
    hub.files.update(
        {f"{inside}/{path.relative_to(folder)}": path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    )
    record = made(MazeRecipe(source="hub", unique=True, val_groups=0), tmp_path / "a")
    assert record["name"] == "maze-30x30-unique-1k-hub"
    assert open_split(tmp_path / "a", "train").difficulty.tolist() == [10, 10, 10, 10]


def test_a_cut_download_leaves_no_dataset(hub, tmp_path, monkeypatch):
    monkeypatch.setattr(time, "sleep", lambda seconds: None)  # the client's pauses between its tries
    hub.cut = 300
    with pytest.raises(Unreachable, match=r"train.csv of sapientinc/sudoku-extreme could not be fetched to the end"):
        build(SudokuRecipe(source="hub"), tmp_path / "made")
    assert not (tmp_path / "made").exists()
    hub.cut = None
    build(SudokuRecipe(source="hub"), tmp_path / "made")


def test_a_missing_file_is_named(hub, tmp_path):
    del hub.files["test.csv"]
    with pytest.raises(InputError, match=r"has no file test.csv"):
        build(SudokuRecipe(source="hub"), tmp_path / "made")


def test_auto_generates_when_the_hub_is_silent_and_says_so(hub, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(hub_source, "PATIENCE", 0.3)
    hub.hang = 60.0
    started = time.monotonic()
    record = made(SudokuRecipe(n=2, test_n=2, val_groups=0), tmp_path / "made")
    assert time.monotonic() - started < 30.0
    assert record["source"] == "generate"
    assert record["name"] == "sudoku-9x9-generated"
    heard = capsys.readouterr().err
    assert "NOTE: sapientinc/sudoku-extreme cannot be had (no answer in 0.3 seconds)" in heard
    assert "NOTE: generated puzzles of the same kind are made instead" in heard


def test_offline_auto_does_not_ask(hub, tmp_path, monkeypatch):
    monkeypatch.setattr(hub_source, "unreachable", lambda *arguments: pytest.fail("the Hub was asked"))
    assert made(SudokuRecipe(n=2, test_n=2, val_groups=0, offline=True), tmp_path / "a")["source"] == "generate"
    # nor where nothing like it is published
    assert made(SudokuRecipe(size=4, clues=6, n=2, test_n=2, val_groups=0), tmp_path / "b")["source"] == "generate"


def test_nobody_listening(hub, monkeypatch):
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")
    assert "refused" in str(unreachable("a/b", "train.csv", 5.0)).lower()
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    assert unreachable("a/b", "train.csv", 5.0) == "HF_HUB_OFFLINE is set"
