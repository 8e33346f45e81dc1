"""Addresses on the Hugging Face Hub, as they are typed and as they are pasted from a browser.

hub://owner/repo        hub://owner/repo@revision/folder        hub://datasets/owner/repo
https://huggingface.co/owner/repo/tree/main/folder              .../blob/main/file        .../resolve/main/file
"""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Literal
from urllib.parse import quote, unquote, urlsplit

from rrdyn.artifacts.errors import UsageError

SCHEME = "hub://"
SITE = "https://huggingface.co"
HOSTS = ("huggingface.co", "www.huggingface.co", "hf.co")
SCHEMES = re.compile(r"(hub|hf):/+")  # a Path has lost the second slash
PAGES = ("tree", "blob", "resolve", "raw", "commit")
"""The parts of a site's address that a revision follows."""
PATTERN = re.compile(
    r"((?P<kind>models|datasets)/)?(?P<owner>[\w.-]+)/(?P<repo>[\w.-]+)(@(?P<revision>[\w.%-]+(/pr/\d+)?))?"
    r"(/(?P<inside>.+))?"
)
SIMPLE = re.compile(r"[\w.-]+(/pr/\d+)?")


@dataclass(frozen=True, kw_only=True)
class Ref:
    """A place on the Hub: a repository, a revision of it, a folder or file inside."""

    owner: str
    repo: str
    revision: str = "main"
    inside: str = ""
    kind: Literal["model", "dataset"] = "model"

    @property
    def name(self) -> str:
        return f"{self.owner}/{self.repo}"

    def __str__(self) -> str:
        kind = "datasets/" if self.kind == "dataset" else ""
        revision = self.revision if SIMPLE.fullmatch(self.revision) else quote(self.revision, safe="")
        at = "" if self.revision == "main" else f"@{revision}"
        return f"{SCHEME}{kind}{self.name}{at}" + (f"/{self.inside}" if self.inside else "")


def is_address(text: Path | str) -> bool:
    """Whether this is meant as a place on the Hub, not as a path: `hub://`, `hf://` or an address of its site."""
    text = str(text)
    return SCHEMES.match(text) is not None or _on_site(text) is not None


def parse(text: Path | str) -> Ref:
    """Read an address; of `hub://owner/repo[@revision][/folder]` the scheme is optional. Raises UsageError."""
    text = str(text)
    page = _on_site(text)
    match = PATTERN.fullmatch(_unpaged(page) if page is not None else SCHEMES.sub("", text, count=1).strip("/"))
    inside = PurePosixPath((match and match["inside"]) or "")
    revision = unquote((match and match["revision"]) or "main")
    if match is None or not text.isprintable() or _leads_out(inside, PurePosixPath(revision)) or "//" in revision:
        raise UsageError(
            f"{text if text.isprintable() else ascii(text)} is not a place on the Hub",
            expected="hub://owner/repo/folder or hub://owner/repo@revision/folder, or the address of its page",
        )
    return Ref(
        owner=match["owner"],
        repo=match["repo"],
        revision=revision,
        inside="" if str(inside) == "." else str(inside),
        kind="dataset" if match["kind"] == "datasets" else "model",
    )


def endpoint() -> str:
    """The Hub's address: HF_ENDPOINT, or the public one."""
    return (os.environ.get("HF_ENDPOINT") or SITE).rstrip("/")


def _leads_out(*paths: PurePosixPath) -> bool:
    return any(path.is_absolute() or ".." in path.parts or "\\" in str(path) for path in paths)


def _on_site(text: str) -> str | None:
    """What follows the host in an address of the Hub's site, without query and anchor; None for anything else."""
    try:
        hosts = {*HOSTS, urlsplit(endpoint()).netloc} - {""}
    except ValueError:  # what HF_ENDPOINT holds is told where it is asked
        hosts = set(HOSTS)
    match = re.fullmatch(r"(https?:/+)?([^/]+)/(.*)", text)
    if match is None or match[2].lower() not in hosts:
        return None
    return re.split(r"[?#]", match[3], maxsplit=1)[0].strip("/")


def _unpaged(page: str) -> str:
    """owner/repo/tree/REVISION/inside as owner/repo@REVISION/inside."""
    parts = page.split("/")
    start = 3 if parts[0] in ("datasets", "models") else 2
    if len(parts) <= start:
        return page
    if parts[start] not in PAGES or len(parts) == start + 1:
        return ""  # a page about a repository, such as its discussions
    revision, inside = parts[start + 1], [unquote(part) for part in parts[start + 2 :]]
    if parts[start + 1] == "refs" and inside[:1] == ["pr"]:
        revision, inside = "/".join(["refs", *inside[:2]]), inside[2:]
    return "/".join([*parts[: start - 1], f"{parts[start - 1]}@{revision}", *inside])
