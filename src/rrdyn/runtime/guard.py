"""What a Hub may do to this machine: names, token, deadline and size, the rules that guard `huggingface_hub`.

The library makes paths of what a server says (`ETag`, `X-Repo-Commit`), waits as long as a server says (`Retry-After`),
takes a body as long as the server sends one, and gives the user's token to the places that a server names. Here

- a header is passed on only if the library needs it, and a digest or a commit only if it is one;
- the token goes to the Hub's own address alone, whatever redirects there are;
- an answer has the time that its bytes deserve, and the whole has a deadline;
- a body is what was asked for: uncompressed, and no longer than announced.

How the library is made to ask is in `hub_client.py`.
"""

from __future__ import annotations

import os
import re
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, NoReturn
from urllib.parse import urlsplit

from rrdyn.artifacts.errors import RrdynError, UsageError

SECONDS, BYTES = "RRDYN_HUB_SECONDS", "RRDYN_HUB_BYTES"
DIGEST = re.compile(r"[0-9a-f]{64}|[0-9a-f]{40}")
"""How the Hub names a content: the SHA-256 of a large file, git's SHA-1 of any other."""
COMMIT = re.compile(r"[0-9a-f]{40}")
TAG = re.compile(rf'(?:W/)?"?({DIGEST.pattern})"?')
NUMBER = re.compile(r"\d{1,15}")
RANGE = re.compile(r"bytes \d{1,15}-\d{1,15}/\d{1,15}")
KEPT = ("content-length", "content-type", "location", "x-error-code", "x-error-message")
"""Headers of an answer that are handed to the library as they are; the others are checked or dropped."""
REDIRECTS = 10
WAIT = 10
"""Seconds that a Hub may ask us to wait before a second try."""
STEP = 30.0
"""Seconds that a connection or a single read may take."""


class Unreachable(RrdynError):
    """The Hub did not answer, or not to the end."""


class Late(Unreachable):
    """The Hub took too long."""


@dataclass(frozen=True, kw_only=True)
class Limits:
    """What an exchange may cost."""

    seconds: float = 3600.0
    """The whole of it."""
    bytes: int = 20_000_000_000
    patience: float = 60.0
    """Seconds that one answer may take, and one more for each `pace` bytes of it."""
    pace: float = 20_000.0

    @classmethod
    def from_environment(cls, seconds: float | None = None) -> Limits:
        """The usual limits, or RRDYN_HUB_SECONDS and RRDYN_HUB_BYTES; at most `seconds`. Raises UsageError."""
        limits = cls(seconds=_number(SECONDS, cls.seconds), bytes=int(_number(BYTES, cls.bytes)))
        return limits if seconds is None else replace(limits, seconds=min(seconds, limits.seconds))


def _number(name: str, default: float) -> float:
    text = os.environ.get(name)
    if not text:
        return default
    try:
        value = float(text)
    except ValueError:
        value = 0.0
    if not 0 < value < 1e15:
        raise UsageError(f"{name} is not a positive number", found=text, expected=f"such as {default:.0f}")
    return value


class Guard:
    """The rules of one exchange with one Hub, and what became of it."""

    def __init__(self, endpoint: str, limits: Limits, *, run: str, advance: Callable[[int], None] | None = None):
        """`run` is the command to try again with; `advance` hears how many bytes came."""
        self.limits, self.run, self.advance = limits, run, advance
        self.origin = origin(endpoint)
        self.end = time.monotonic() + limits.seconds
        self.cap = limits.bytes
        """Bytes that the next answer may have."""
        self.sent: Callable[[int], None] | None = None
        """Hears how many bytes went out."""
        self.commit: str | None = None
        """The commit that each answer has to be of."""
        self.refusal: RrdynError | None = None
        self._began: float | None = None
        self._came = 0

    def left(self) -> float:
        """Seconds until this exchange is given up."""
        now = time.monotonic()
        total = self.end - now
        if self._began is None:
            return total
        return min(total, self._began + self.limits.patience + self._came / self.limits.pace - now)

    def refuse(self, problem: str, *, kind: type[RrdynError] = RrdynError, **told: Any) -> NoReturn:
        """End the exchange with one message, whatever the library makes of it."""
        self.refusal = self.refusal or kind(problem, **told)
        raise self.refusal

    def late(self) -> NoReturn:
        """End the exchange for it takes too long."""
        slow = self._began is not None and time.monotonic() < self.end
        self.refuse(
            "the Hub answers too slowly" if slow else "the Hub took too long",
            kind=Late,
            found=f"{self._came} bytes in {self.limits.patience:g} s" if slow else f"over {self.limits.seconds:g} s",
            expected=f"{self.limits.pace / 1000:g} kB/s" if slow else f"an end in time; {SECONDS} sets another limit",
            run=self.run,
        )

    def close(self) -> None:
        """Nothing more is asked or read: what still runs finds its time over."""
        self.end = 0.0

    def prepare(self, request: Any) -> None:
        """Make a request one that may leave."""
        if self.left() <= 0:
            self.late()
        here, there = self.origin, origin(str(request.url))
        if there[0] not in ("http", "https") or (here[0] == "https" and there[0] == "http"):
            self.refuse(
                "the Hub leads to an unsafe address",
                found=f"{there[0]}://{there[1]}",
                expected=f"{here[0]} as at {here[1]}",
            )
        if there != here:
            for secret in ("authorization", "cookie"):
                request.headers.pop(secret, None)
        request.headers["accept-encoding"] = "identity"
        step = min(STEP, self.left() + 1.0)  # at the deadline `under` is the one to tell
        request.extensions = {
            **request.extensions,
            "timeout": dict.fromkeys(("connect", "read", "write", "pool"), step),
        }

    def check(self, request: Any, response: Any) -> None:
        """Refuse an answer that is none of a Hub's, and drop what the library should not see of any other."""
        headers = response.headers
        given = {name.lower(): value for name, value in headers.items()}
        kept = {name: given[name] for name in KEPT if name in given}
        if NUMBER.fullmatch(given.get("x-linked-size", "")):
            kept["x-linked-size"] = given["x-linked-size"]
        if RANGE.fullmatch(given.get("content-range", "")):
            kept["content-range"] = given["content-range"]
        if given.get("content-encoding", "identity").lower() != "identity":
            self.refuse("the Hub compresses what it was asked to send as it is", found=given["content-encoding"])
        self._check_wait(response.status_code, given, kept)
        self._check_commit(given, kept)
        self._check_tag(request.method, response.status_code, given, kept)
        length = given.get("content-length", "")
        if NUMBER.fullmatch(length) and int(length) > self.cap and request.method != "HEAD":
            self._too_much(length)
        headers.clear()
        headers.update(kept)

    def _check_wait(self, status: int, given: dict[str, str], kept: dict[str, str]) -> None:
        wait = given.get("retry-after", "")
        if wait.isdigit() and len(wait) < 4 and int(wait) <= WAIT:
            kept["retry-after"] = wait
        elif status == 429:
            wait = wait if NUMBER.fullmatch(wait) else ""
            self.refuse(
                "the Hub asks for patience",
                kind=Unreachable,
                found=f"HTTP 429, a wait of {wait} s" if wait else "HTTP 429",
                run=f"{self.run}, later",
            )

    def _check_commit(self, given: dict[str, str], kept: dict[str, str]) -> None:
        commit = given.get("x-repo-commit")
        if commit is None:
            return
        if not COMMIT.fullmatch(commit):
            self.refuse("the Hub names a commit by what is none", found=printable(commit), expected="40 hex digits")
        if self.commit is not None and commit != self.commit:
            self.refuse(
                "the Hub answers with another commit", found=commit[:10], expected=self.commit[:10], run=self.run
            )
        kept["x-repo-commit"] = commit

    def _check_tag(self, method: str, status: int, given: dict[str, str], kept: dict[str, str]) -> None:
        """The name of a file's content; only an answer to HEAD is made a path of."""
        if method not in ("GET", "HEAD"):
            kept.update({"etag": given["etag"]} if "etag" in given else {})
            return
        name = "x-linked-etag" if given.get("x-linked-etag") else "etag"
        match = TAG.fullmatch(given.get(name, ""))
        if match is not None:
            kept[name] = f'"{match[1]}"'
        elif method == "HEAD" and status < 400 and given.get(name):
            self.refuse(
                "the Hub names a file's content by what is no digest",
                found=f"{name}: {printable(given[name])}",
                expected="40 or 64 hex digits",
            )

    def begin(self) -> None:
        """An answer is waited for from now on."""
        self._began, self._came = time.monotonic(), 0

    def take(self, n: int) -> None:
        """Count `n` bytes of an answer."""
        self._came += n
        if self._came > self.cap:
            self._too_much(f"over {self.cap}")
        if self.left() <= 0:
            self.late()
        if self.advance is not None:
            self.advance(n)

    def finish(self) -> None:
        """The answer is read, or given up."""
        self._began = None

    def _too_much(self, found: object) -> NoReturn:
        self.refuse("the Hub sends more than was asked for", found=f"{found} bytes", expected=f"at most {self.cap}")


def origin(url: str) -> tuple[str, str, int]:
    """Scheme, host and port of an address: what a token is given to."""
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        return "", "", 0
    return parts.scheme, (parts.hostname or "").lower(), port or (80 if parts.scheme == "http" else 443)


def printable(text: object, most: int = 160) -> str:
    """What a server says, on one line and without the characters that a terminal would obey."""
    return "".join(c if c.isprintable() else "?" for c in " ".join(str(text).split()))[:most]
