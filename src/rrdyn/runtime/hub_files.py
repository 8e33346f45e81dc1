"""One file of the Hub in the cache of `huggingface_hub`: looked up, fetched, and held against its digest."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rrdyn.runtime.guard import DIGEST, Guard, printable
from rrdyn.runtime.hub_address import Ref, endpoint


@dataclass(frozen=True, kw_only=True)
class Entry:
    """What the Hub announces of a file."""

    size: int
    digest: str | None
    """SHA-256 of the content, or git's SHA-1 of it; None where the listing names none."""

    @classmethod
    def of(cls, member: Any) -> Entry:
        """From a member of the library's listing. Raises ValueError for what no Hub says."""
        digest = member.lfs.sha256 if member.lfs else member.blob_id
        size = member.size or 0
        if type(size) is not int or size < 0 or not isinstance(digest, str | None):
            raise ValueError(f"a file of {printable(size)} bytes and digest {printable(digest)}")
        return cls(size=size, digest=digest if digest and DIGEST.fullmatch(digest) else None)


def is_plain(name: object) -> bool:
    """Whether a file's name in a repository may become a path below it."""
    if not isinstance(name, str) or not name.isprintable() or "\\" in name or len(name.encode()) > 1024:
        return False
    return all(part not in ("", ".", "..") and len(part.encode()) <= 255 for part in name.split("/"))


def kept(ref: Ref, commit: str, name: str, entry: Entry, cache: Path) -> Path | None:
    """A file that is in the cache already; one that is not as announced is thrown out."""
    from huggingface_hub import try_to_load_from_cache

    found = try_to_load_from_cache(ref.name, name, cache_dir=cache, revision=commit, repo_type=ref.kind)
    if not isinstance(found, str):
        return None
    if as_announced(Path(found), entry):
        return Path(found)
    _discard(Path(found), cache)
    return None


def fetched(ref: Ref, revision: str, name: str, cache: Path) -> Path:
    """A file in the cache, from the Hub where it is not there; to be called under a guard."""
    from huggingface_hub import hf_hub_download

    return Path(
        hf_hub_download(
            ref.name, name, repo_type=ref.kind, revision=revision, cache_dir=cache, endpoint=endpoint(),
            library_name="rrdyn",
        )
    )  # fmt: skip


def checked(path: Path, name: str, entry: Entry, cache: Path, guard: Guard) -> Path:
    """A file that has just been fetched; refused, and thrown out, where it is not as announced."""
    if not as_announced(path, entry):
        size = path.stat().st_size
        _discard(path, cache)
        guard.refuse(
            f"{name} is not what the Hub announced",
            found=f"{size} bytes of another digest",
            expected=f"{entry.size} bytes of digest {entry.digest or 'as its name in the cache'}",
            run=guard.run,
        )
    return path


def as_announced(path: Path, entry: Entry) -> bool:
    """Whether a file has the announced size and digest; where none is announced, the one that the cache calls it by."""
    blob = path.resolve()
    digest = entry.digest or named(path)
    size = blob.stat().st_size
    if (entry.size and size != entry.size) or digest is None:
        return False
    hasher = hashlib.sha256() if len(digest) == 64 else hashlib.sha1(b"blob %d\0" % size)
    with open(blob, "rb") as stream:
        while chunk := stream.read(1 << 20):
            hasher.update(chunk)
    return hasher.hexdigest() == digest


def named(path: Path) -> str | None:
    """The digest that the cache calls a file by; None where it keeps a file without one."""
    name = path.resolve().name
    return name if DIGEST.fullmatch(name) else None


def _discard(path: Path, cache: Path) -> None:
    blob = path.resolve()
    path.unlink(missing_ok=True)
    if blob.is_relative_to(cache.resolve()):
        blob.unlink(missing_ok=True)
