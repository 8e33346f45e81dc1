"""A hostile Hub on loopback: nothing outside the cache, no token elsewhere, one message within the deadline."""

from __future__ import annotations

import gzip
import json
import os
import time
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Event, Thread
from threading import enumerate as enumerate_threads

import pytest
from hub_server import blob_id
from huggingface_hub import constants, get_session

from rrdyn.artifacts.errors import RrdynError
from rrdyn.cli.app import main
from rrdyn.data.build import build
from rrdyn.data.sudoku.recipe import SudokuRecipe
from rrdyn.runtime import hub as client
from rrdyn.runtime.guard import Limits

REPO = "someone/chaos"
PLACE = f"hub://{REPO}/trm_sudoku"
WEIGHTS = "trm_sudoku/weights.pt"
TOKEN = "hf_a_token_of_the_test"
HASTY, CALM = 1.0, 60.0
"""Deadlines: where the server would never end, and where it answers at once."""
SLACK = 10.0
"""What a busy machine may take beyond it: far below what any of these servers would hold out."""


class Other(ThreadingHTTPServer):
    """Another host: it records the headers of whatever it is asked, and serves `content`."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Recorder)
        self.heard: list[dict[str, str]] = []
        self.content = b"w" * 5000
        Thread(target=self.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"


class Recorder(BaseHTTPRequestHandler):
    server: Other

    def log_message(self, *args: object) -> None:
        pass

    def do_GET(self) -> None:
        self.server.heard.append({name.lower(): value for name, value in self.headers.items()})
        self.rfile.read(int(self.headers.get("Content-Length") or 0))
        self.send_response(200)
        self.send_header("Content-Length", str(len(self.server.content)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(self.server.content)

    do_HEAD = do_POST = do_PUT = do_GET


@pytest.fixture
def other():
    server = Other()
    yield server
    server.shutdown()
    server.server_close()


@pytest.fixture
def hostile(hub, tmp_path, monkeypatch):
    """A Hub that may do what it wants to a user with a token and a secret."""
    monkeypatch.setenv("HF_TOKEN", TOKEN)
    monkeypatch.setenv("RRDYN_HUB_SECONDS", str(CALM))
    (tmp_path / "secret").write_text("private")
    return hub


@pytest.fixture
def endless(hostile, monkeypatch):
    """A Hub that will not come to an end, for a user who has a second."""
    monkeypatch.setenv("RRDYN_HUB_SECONDS", str(HASTY))
    return hostile


def tree(root: Path) -> dict[str, bytes]:
    """Every file, link and folder but those of the cache."""
    found = {}
    for path in sorted(root.rglob("*")):
        if not path.is_relative_to(root / "home"):
            found[str(path)] = path.read_bytes() if path.is_file() else b"a folder"
    return found


def refused(tmp_path: Path, match: str) -> RrdynError:
    """Pull from a hostile Hub: one error in time, and nothing outside the cache."""
    before, began = tree(tmp_path), time.monotonic()
    with pytest.raises(RrdynError, match=match) as caught:
        client.pull(PLACE)
    assert time.monotonic() - began < float(os.environ["RRDYN_HUB_SECONDS"]) + SLACK
    assert tree(tmp_path) == before
    assert len(str(caught.value).splitlines()) <= 4
    assert str(caught.value).replace("\n", "").isprintable()
    return caught.value


def naming(**headers: str):
    """A trick: the weights' answer has these headers."""

    def trick(handler, name):
        if name != WEIGHTS:
            return False
        content = handler.hub.repos[REPO][-1][name]
        usual = {
            "X-Repo-Commit": handler.hub.sha(REPO, len(handler.hub.repos[REPO]) - 1),
            "ETag": f'"{blob_id(content)}"',
        }
        return handler.answer({**usual, **{k.replace("_", "-"): v for k, v in headers.items()}}, content)

    return trick


@pytest.mark.parametrize("header", ["ETag", "X_Linked_ETag"])
@pytest.mark.parametrize(
    "value", ["{tmp}/evil", "../../../../../evil", "{tmp}/secret", "0" * 39, "x\x1b[31m", "a/" * 500]
)
def test_a_digest_that_is_none_never_becomes_a_path(hostile, tmp_path, header, value):
    hostile.trick = naming(**{header: '"' + value.format(tmp=tmp_path) + '"'})
    refused(tmp_path, "content by what is no digest")
    assert not [path for path in tmp_path.rglob("weights.pt") if path.read_bytes() == b"private"]


@pytest.mark.parametrize("value", ["../../../../evil", "{tmp}/evil", "main", "0" * 41])
def test_a_commit_that_is_none_never_becomes_a_path(hostile, tmp_path, value):
    hostile.trick = naming(X_Repo_Commit=value.format(tmp=tmp_path))
    refused(tmp_path, "a commit by what is none")


def test_another_commit_than_the_listed_one_is_refused(hostile, tmp_path):
    hostile.trick = naming(X_Repo_Commit="1" * 40)
    refused(tmp_path, "another commit")


def test_a_commit_beside_an_error_never_becomes_a_path(hostile, tmp_path):
    """The library notes which files are not there, under the commit that the answer names."""

    def trick(handler, name):
        gone = {"X-Error-Code": "EntryNotFound", "X-Repo-Commit": "../../../../evil"}
        return name == WEIGHTS and handler.answer(gone, status=404)

    hostile.trick = trick
    refused(tmp_path, "a commit by what is none")


@pytest.mark.parametrize("sha", ["../../evil", "{tmp}/evil", None, 7, "main"])
def test_a_commit_of_the_listing_is_one(hostile, tmp_path, sha):
    sha = sha.format(tmp=tmp_path) if isinstance(sha, str) else sha
    hostile.trick = listing(sha=sha)
    refused(tmp_path, "a commit by what is none")


def listing(**changed: object):
    """A trick: the listing has these fields, or its first file has."""

    def trick(handler, name):
        if name:
            return False
        content = handler.hub.repos[REPO][-1][WEIGHTS]
        sibling = {"rfilename": WEIGHTS, "size": len(content), "blobId": blob_id(content)}
        body = {"id": REPO, "modelId": REPO, "sha": handler.hub.sha(REPO, 0), "tags": [], "private": False}
        top = {key: value for key, value in changed.items() if key in ("sha", "siblings")}
        inner = {key: value for key, value in changed.items() if key not in top}
        content = json.dumps({**body, "siblings": [{**sibling, **inner}], **top}).encode()
        return handler.answer({"Content-Type": "application/json"}, content)

    return trick


BAD_NAMES = [
    "trm_sudoku/../../../../evil", "/{tmp}/evil", "trm_sudoku//evil", "trm_sudoku/./evil", "trm_sudoku\\evil",
    "trm_sudoku/\x00", "trm_sudoku/\x1b[2J", "trm_sudoku/" + "n" * 256, "trm_sudoku/" + "n/" * 600, "trm_sudoku/\ud800",
    "trm_sudoku/..",
]  # fmt: skip


@pytest.mark.parametrize("name", BAD_NAMES, ids=range(len(BAD_NAMES)))
def test_a_name_that_is_no_path_in_the_repository_is_left_out(hostile, tmp_path, name):
    hostile.trick = listing(rfilename=name.format(tmp=tmp_path))
    refused(tmp_path, "has no trm_sudoku")


@pytest.mark.parametrize("field", [{"size": -1}, {"size": "9"}, {"siblings": 5}, {"siblings": [{}]}, {"blobId": 7}])
def test_a_listing_that_is_none(hostile, tmp_path, field):
    hostile.trick = listing(**field)
    refused(tmp_path, "does not answer as a Hub does")


@pytest.mark.parametrize("body", [b"", b"[]", b"{", b"\xff", b"[" * 200_000, b"7"])
def test_an_answer_that_is_no_listing(hostile, tmp_path, body):
    hostile.trick = lambda handler, name: not name and handler.answer({"Content-Type": "application/json"}, body)
    refused(tmp_path, "does not answer as a Hub does")


def test_too_much_is_announced(hostile, tmp_path):
    hostile.trick = listing(size=10**14)
    refused(tmp_path, "too large to be fetched")


def test_too_many_files_are_announced(hostile, tmp_path):
    hostile.trick = listing(siblings=[{"rfilename": f"trm_sudoku/{i}", "size": 1} for i in range(20_000)])
    refused(tmp_path, "too many files")


@pytest.mark.parametrize("content", [b"v" * 5000, b"w" * 4999, b""])
def test_another_content_than_the_announced_one_is_not_kept(hostile, tmp_path, content):
    good = hostile.repos[REPO][-1][WEIGHTS]

    def trick(handler, name):
        named = {"X-Repo-Commit": handler.hub.sha(REPO, 0), "ETag": f'"{blob_id(good)}"'}
        return name == WEIGHTS and handler.answer(named, content)

    hostile.trick = trick
    refused(tmp_path, "not what the Hub announced")
    assert not list(tmp_path.rglob("weights.pt"))
    hostile.trick = None
    assert (client.pull(PLACE) / "weights.pt").read_bytes() == good


def test_a_digest_of_the_listing_is_held_against_the_content(hostile, tmp_path):
    hostile.trick = listing(lfs={"sha256": "0" * 64, "size": 5000, "pointerSize": 1})
    refused(tmp_path, "not what the Hub announced")


def test_a_damaged_file_in_the_cache_is_fetched_again(hostile, monkeypatch):
    path = client.pull(PLACE) / "weights.pt"
    path.resolve().write_bytes(b"x" * 5000)
    assert (client.pull(PLACE) / "weights.pt").read_bytes() == b"w" * 5000
    path.resolve().write_bytes(b"x" * 5000)
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    with pytest.raises(RrdynError, match="is damaged"):
        client.pull(PLACE)


def test_xet_never_brings_the_token_to_another_host(hostile, other, tmp_path):
    link = f'<{other.url}/steal>; rel="xet-auth"'
    hostile.trick = naming(Link=link, X_Xet_Hash="a" * 64, X_Xet_Refresh_Route=f"{other.url}/steal")
    assert (client.pull(PLACE) / "weights.pt").read_bytes() == b"w" * 5000
    assert other.heard == []


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
@pytest.mark.parametrize("asked", ["a listing", "a file"])
def test_a_redirect_never_brings_the_token_to_another_host(hostile, other, asked, status):
    good = hostile.repos[REPO][-1][WEIGHTS]

    def trick(handler, name):
        if bool(name) != (asked == "a file") or (name and name != WEIGHTS):
            return False
        named = {"X-Repo-Commit": handler.hub.sha(REPO, 0), "X-Linked-ETag": f'"{blob_id(good)}"'}
        return handler.answer({**named, "X-Linked-Size": "5000", "Location": f"{other.url}/{name}"}, status=status)

    hostile.trick = trick
    with suppress(RrdynError):  # a listing elsewhere is none
        assert (client.pull(PLACE) / "weights.pt").read_bytes() == good
    assert other.heard
    assert not [heard for heard in other.heard if TOKEN in str(heard)]


def test_a_redirect_to_another_kind_of_address(hostile, tmp_path):
    hostile.trick = lambda handler, name: handler.answer({"Location": f"file://{tmp_path}/secret"}, status=302)
    refused(tmp_path, "unsafe address|does not answer|cannot be reached|was cut")


def test_redirects_in_circles(hostile, tmp_path):
    hostile.trick = lambda handler, name: not name and handler.answer({"Location": handler.path}, status=302)
    refused(tmp_path, "in circles")


def drip(handler, pieces, pause: float) -> bool:
    with suppress(OSError):
        for piece in pieces:
            handler.wfile.write(piece)
            handler.wfile.flush()
            if handler.hub.down:
                break
            time.sleep(pause)
    handler.close_connection = True
    return True


def test_a_body_that_trickles(endless, tmp_path):
    def trick(handler, name):
        if name != WEIGHTS:
            return False
        naming(Content_Length="5000")(Headed(handler), name)
        return handler.command == "HEAD" or drip(handler, (b"w" for _ in range(5000)), 0.2)

    endless.trick = trick
    assert "over 1 s" in str(refused(tmp_path, "took too long"))


class Headed:
    """A handler that sends headers alone."""

    def __init__(self, handler) -> None:
        self.handler, self.hub = handler, handler.hub

    def answer(self, headers, content) -> bool:
        self.handler.send_response(200)
        for name, value in headers.items():
            self.handler.send_header(name, value)
        self.handler.end_headers()
        return True


@pytest.mark.parametrize("asked", ["a listing", "a file"])
def test_headers_that_trickle(endless, tmp_path, asked):
    def trick(handler, name):
        if bool(name) != (asked == "a file"):
            return False
        return drip(handler, (b"X-%d: y\r\n" % i if i else b"HTTP/1.1 200 OK\r\n" for i in range(1000)), 0.2)

    endless.trick = trick
    refused(tmp_path, "took too long|no answer|cannot be reached")


def test_a_body_slower_than_any_line(hostile, tmp_path, monkeypatch):
    """The whole has an hour, but each answer only the time that its bytes deserve."""
    monkeypatch.setattr(Limits, "from_environment", classmethod(lambda cls, seconds=None: cls(patience=0.5, pace=1e4)))

    def trick(handler, name):
        if name != WEIGHTS or handler.command == "HEAD":
            return False
        handler.answer({"Content-Length": "5000"})
        return drip(handler, (b"w" for _ in range(5000)), 0.05)

    hostile.trick = trick
    refused(tmp_path, "answers too slowly")


def test_what_is_left_behind_writes_nothing_later(endless, tmp_path):
    """The answer that never ended ends after all, when nobody waits for it any more."""
    open_again = Event()

    def trick(handler, name):
        if name == WEIGHTS and handler.command == "GET":
            open_again.wait(30)
        return False

    endless.trick = trick
    refused(tmp_path, "took too long")
    left = [thread for thread in enumerate_threads() if thread.name == "rrdyn hub"]
    open_again.set()
    for thread in left:
        thread.join(30)
    assert left
    assert not list(tmp_path.rglob("weights.pt"))


def test_others_that_use_the_library_are_left_alone(hub, other):
    client.pull(PLACE)
    answer = get_session().get(other.url, headers={"Authorization": TOKEN})
    assert answer.headers["Server"].startswith("BaseHTTP")
    assert other.heard[0]["authorization"] == TOKEN
    assert not constants.HF_HUB_DISABLE_XET


@pytest.mark.parametrize("asked", ["a listing", "a file"])
def test_silence(endless, tmp_path, asked):
    def trick(handler, name):
        return bool(name) == (asked == "a file") and drip(handler, (b"" for _ in range(1000)), 0.1)

    endless.trick = trick
    refused(tmp_path, "took too long|cannot be reached")


@pytest.mark.parametrize("asked", ["a listing", "a file"])
def test_a_body_without_end(endless, tmp_path, asked):
    """In chunks, so that no length is announced; as fast as it is taken."""

    def trick(handler, name):
        if bool(name) != (asked == "a file") or handler.command == "HEAD":
            return False
        handler.send_response(200)
        handler.send_header("Transfer-Encoding", "chunked")
        handler.end_headers()
        return drip(handler, (b"10000\r\n" + b"w" * 0x10000 + b"\r\n" for _ in range(10**6)), 0.0)

    endless.trick = trick
    refused(tmp_path, "more than was asked for|took too long|cannot be reached")
    assert sum(path.stat().st_size for path in tmp_path.rglob("*") if path.is_file()) < 10**6


def test_a_body_that_was_announced_without_end(hostile, tmp_path):
    def trick(handler, name):
        if name != WEIGHTS or handler.command == "HEAD":
            return False
        handler.answer({"Content-Length": str(10**12)})
        return drip(handler, (b"w" * 0x10000 for _ in range(10**6)), 0.0)

    hostile.trick = trick
    refused(tmp_path, "more than was asked for")


@pytest.mark.parametrize("asked", ["a listing", "a file"])
def test_a_compressed_body(hostile, tmp_path, asked):
    bomb = gzip.compress(bytes(10**7))
    hostile.trick = lambda handler, name: (
        bool(name) == (asked == "a file")
        and handler.command == "GET"
        and handler.answer({"Content-Encoding": "gzip"}, bomb)
    )
    refused(tmp_path, "compresses")


@pytest.mark.parametrize("asked", ["a listing", "a file"])
@pytest.mark.parametrize("wait", ["100000", "9" * 5000, "Wed, 21 Oct 2065 07:28:00 GMT", "-1", ""])
def test_a_hub_that_asks_for_patience(hostile, tmp_path, asked, wait):
    hostile.trick = lambda handler, name: (
        bool(name) == (asked == "a file") and handler.answer({"Retry-After": wait}, status=429)
    )
    refused(tmp_path, "asks for patience|cannot be reached")


@pytest.mark.parametrize("asked", ["a listing", "a file"])
def test_a_hub_that_is_out_of_order_for_long(endless, tmp_path, asked):
    endless.trick = lambda handler, name: (
        bool(name) == (asked == "a file") and handler.answer({"Retry-After": "100000"}, status=503)
    )
    refused(tmp_path, "took too long|cannot be reached|was cut")


def test_a_limit_on_requests(hostile, tmp_path):
    limit = {"RateLimit": '"api";r=0;t=100000', "RateLimit-Policy": '"fixed window";"api";q=500;w=300'}
    hostile.trick = lambda handler, name: bool(name) and handler.answer(limit, status=429)
    refused(tmp_path, "asks for patience")


@pytest.mark.parametrize("status", [400, 401, 403, 404, 500])
def test_words_of_a_server_are_no_commands_to_the_terminal(endless, tmp_path, status, capfd):
    says = "\x1b]0;owned\x07\x1b[2J"
    body = json.dumps({"error": says}).encode()
    headers = {"X-Error-Message": says, "X-HF-Warning": f"topic; {says}", "Content-Type": "application/json"}
    endless.trick = lambda handler, name: bool(name) and handler.answer(headers, body, status)
    refused(tmp_path, ".")
    assert "\x1b" not in capfd.readouterr().err


def test_sending_never_brings_the_token_to_another_host(hostile, other, tmp_path, monkeypatch):
    """A large file goes where the Hub says, and is then reported where the Hub says."""
    (tmp_path / "a.bin").write_bytes(b"b" * 100)

    def post(handler):
        content = handler.rfile.read(int(handler.headers.get("Content-Length") or 0))
        if "preupload" in handler.path:
            files = [
                {"path": f["path"], "uploadMode": "lfs", "shouldIgnore": False} for f in json.loads(content)["files"]
            ]
            return handler.json({"files": files})
        if "objects/batch" in handler.path:
            asked = json.loads(content)["objects"][0]
            actions = {kind: {"href": f"{other.url}/{kind}"} for kind in ("upload", "verify")}
            return handler.json({"transfer": "basic", "objects": [{**asked, "actions": actions}]})
        return handler.json(
            {
                "url": f"{hostile.endpoint}/{REPO}",
                "commitOid": "0" * 40,
                "commitUrl": f"{hostile.endpoint}/{REPO}/commit/0",
            }
        )

    monkeypatch.setattr(hostile.server.RequestHandlerClass, "do_POST", post)
    client.push(tmp_path / "a.bin", REPO)
    assert len(other.heard) == 2, "the file and the report"
    assert not [heard for heard in other.heard if TOKEN in str(heard)]


def test_the_command_ends_with_one_message(hostile, tmp_path, capsys):
    hostile.trick = naming(ETag='"../../evil"')
    assert main(["hub", "pull", PLACE, "--out", str(tmp_path / "out"), "--quiet"]) == 1
    said = capsys.readouterr().err
    assert said.startswith("rrdyn: the Hub names a file's content by what is no digest")
    assert not (tmp_path / "out").exists()


def test_puzzles_come_by_the_same_guard(hostile, tmp_path):
    hostile.commit("sapientinc/sudoku-extreme", {"train.csv": b"a", "test.csv": b"b"})
    hostile.trick = lambda handler, name: (
        bool(name) and handler.answer({"ETag": f'"{tmp_path}/evil"', "X-Repo-Commit": "../../evil"}, b"a")
    )
    before = tree(tmp_path)
    with pytest.raises(RrdynError, match="a commit by what is none"):
        build(SudokuRecipe(source="hub"), tmp_path / "made")
    assert tree(tmp_path) == before


@pytest.mark.parametrize("text", ["0", "-1", "soon", "nan", "1e99"])
def test_a_limit_that_is_none(hub, monkeypatch, text):
    monkeypatch.setenv("RRDYN_HUB_SECONDS", text)
    with pytest.raises(RrdynError, match="RRDYN_HUB_SECONDS is not a positive number") as caught:
        client.pull(PLACE)
    assert caught.value.exit_code == 2
    assert os.environ["RRDYN_HUB_SECONDS"] == text
