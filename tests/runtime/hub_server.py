"""A server on loopback that speaks the part of the Hub's file API that pulling and pushing use."""

from __future__ import annotations

import base64
import hashlib
import json
import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import unquote, urlsplit


def blob_id(content: bytes) -> str:
    """Git's name of a file's content."""
    return hashlib.sha1(b"blob %d\0" % len(content) + content).hexdigest()


class Quiet(ThreadingHTTPServer):
    """Says nothing of clients that go away, and does not wait for answers that never end."""

    daemon_threads = True
    block_on_close = False

    def handle_error(self, request: Any, client_address: Any) -> None:
        pass


class Hub:
    """Repositories as {name: [commit, ...]}, a commit as {file: bytes}; `main` is the last one."""

    def __init__(self) -> None:
        self.repos: dict[str, list[dict[str, bytes]]] = {}
        self.down = False
        self.cut: set[str] = set()
        self.vanished: set[str] = set()
        self.requests: list[str] = []
        self.trick: Callable[[Handler, str], bool] | None = None
        """Called with each request and the name of the file it asks for ("" for a listing); True if it has answered."""
        self.server = Quiet(("127.0.0.1", 0), type("Bound", (Handler,), {"hub": self}))
        self.thread = threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)

    def __enter__(self) -> Hub:
        self.thread.start()
        return self

    def __exit__(self, *stop: object) -> None:
        self.stop()

    def stop(self) -> None:
        self.down = True  # connections that are kept alive are not answered either
        if self.thread.is_alive():
            self.server.shutdown()
            self.server.server_close()
            self.thread.join()

    @property
    def endpoint(self) -> str:
        return f"http://127.0.0.1:{self.server.server_address[1]}"

    def commit(self, repo: str, files: dict[str, bytes]) -> str:
        """A new commit of `repo` with these files changed; returns its hash."""
        commits = self.repos.setdefault(repo, [])
        commits.append({**(commits[-1] if commits else {}), **files})
        return self.sha(repo, len(commits) - 1)

    def sha(self, repo: str, number: int) -> str:
        return hashlib.sha1(f"{repo}{number}".encode()).hexdigest()

    def find(self, repo: str, revision: str) -> tuple[str, dict[str, bytes]] | None:
        commits = self.repos[repo]
        for number, files in enumerate(commits):
            if revision == self.sha(repo, number) or (revision == "main" and number == len(commits) - 1):
                return self.sha(repo, number), files
        return None


class Handler(BaseHTTPRequestHandler):
    hub: Hub
    protocol_version = "HTTP/1.1"

    def log_message(self, *args: object) -> None:
        pass

    def do_HEAD(self) -> None:
        self.answer_get(body=False)

    def do_GET(self) -> None:
        self.answer_get(body=True)

    def answer_get(self, *, body: bool) -> None:
        if self.hub.down:
            self.close_connection = True
            return self.connection.close()
        path = unquote(urlsplit(self.path).path)
        self.hub.requests.append(f"{self.command} {path}")
        parts = path.strip("/").split("/")
        name = "" if parts[0] == "api" else path.partition("/resolve/")[2].partition("/")[2]
        if self.hub.trick is not None and self.hub.trick(self, name):
            return
        if parts[0] == "api" and parts[1] in ("models", "datasets"):
            return self.info("/".join(parts[2:4]), parts[5] if len(parts) > 5 else "main")
        parts = parts[1:] if parts[0] == "datasets" else parts
        repo, revision, name = "/".join(parts[:2]), parts[3], "/".join(parts[4:])
        if repo not in self.hub.repos:
            return self.missing("RepoNotFound")
        found = self.hub.find(repo, revision)
        if found is None:
            return self.missing("RevisionNotFound")
        commit, files = found
        if name not in files or name in self.hub.vanished:
            return self.missing("EntryNotFound")
        content = files[name]
        self.send_response(200)
        self.send_header("X-Repo-Commit", commit)
        self.send_header("ETag", f'"{blob_id(content)}"')
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        if body and name in self.hub.cut:
            self.wfile.write(content[: len(content) // 2])
            self.wfile.flush()
            self.connection.close()
            self.close_connection = True
        elif body:
            self.wfile.write(content)

    def answer(self, headers: dict[str, str], content: bytes = b"", status: int = 200) -> bool:
        """An answer of just these headers, and their length unless another is given."""
        self.send_response(status)
        for name, value in {"Content-Length": str(len(content)), **headers}.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(content)
        return True

    def info(self, repo: str, revision: str) -> None:
        if repo not in self.hub.repos:
            return self.missing("RepoNotFound")
        found = self.hub.find(repo, revision)
        if found is None:
            return self.missing("RevisionNotFound")
        commit, files = found
        siblings = [
            {"rfilename": name, "size": len(content), "blobId": blob_id(content)} for name, content in files.items()
        ]
        self.json({"id": repo, "modelId": repo, "sha": commit, "siblings": siblings, "tags": [], "private": False})

    def do_POST(self) -> None:
        path = unquote(urlsplit(self.path).path)
        self.hub.requests.append(f"POST {path}")
        content = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        if self.headers.get("Authorization") is None:
            return self.json({"error": "who are you?"}, 401)
        parts = path.strip("/").split("/")
        if path == "/api/repos/create":
            asked = json.loads(content)
            repo = f"{asked.get('organization') or 'someone'}/{asked['name']}"
            self.hub.repos.setdefault(repo, [{}])
            return self.json({"url": f"{self.hub.endpoint}/{repo}", "name": repo})
        if path == "/api/validate-yaml":  # as the Hub does of a README.md, of which this knows one rule
            known = "license: nonsense" not in json.loads(content)["content"]
            errors = [] if known else [{"message": '"license" must be one of a list'}]
            return self.json({"errors": errors, "warnings": []}, 200 if known else 400)
        repo = "/".join(parts[2:4])
        if parts[4] == "preupload":
            files = json.loads(content)["files"]
            return self.json(
                {"files": [{"path": f["path"], "uploadMode": "regular", "shouldIgnore": False} for f in files]}
            )
        if parts[4] == "commit":
            lines = [json.loads(line) for line in content.decode().splitlines()]
            new = {
                line["value"]["path"]: base64.b64decode(line["value"]["content"])
                for line in lines
                if line["key"] == "file"
            }
            sha = self.hub.commit(repo, new)
            return self.json(
                {"success": True, "commitOid": sha, "commitUrl": f"{self.hub.endpoint}/{repo}/commit/{sha}"}
            )
        return self.json({"error": "unknown"}, 404)

    def json(self, value: Any, status: int = 200) -> None:
        content = json.dumps(value).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def missing(self, code: str) -> None:
        self.send_response(404)
        self.send_header("X-Error-Code", code)
        self.send_header("X-Error-Message", code)
        self.send_header("Content-Length", "0")
        self.end_headers()


def point_at_loopback(tmp_path, monkeypatch) -> None:
    """A cache of its own, and no proxy between the client and this machine."""
    for name in ("HF_HUB_OFFLINE", "HF_TOKEN", "HF_HUB_CACHE", "http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.setenv("HF_HOME", str(tmp_path / "home"))
    # Read when the library was imported, which another test may have done while it was offline.
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", False)
