"""Files of the Hugging Face Hub: pulled whole and checked, pushed without what stays here.

A pull asks the Hub for the commit behind the revision and for its files, lets `huggingface_hub` fetch those of that
commit into its usual cache, holds each against the announced digest, and only then has the commit noted: offline, or
when the Hub cannot be reached, the last complete copy is used. All of it runs under a guard (`runtime/guard.py`).
HF_HOME, HF_ENDPOINT, HF_TOKEN and HF_HUB_OFFLINE mean what they always mean.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from rrdyn.artifacts.errors import InputError, RrdynError
from rrdyn.artifacts.files import make_folder, replacing
from rrdyn.artifacts.places import entries, existing, is_file, is_folder, regular, shown
from rrdyn.runtime.guard import COMMIT, Guard, Late, Limits, Unreachable, printable
from rrdyn.runtime.hub_address import Ref, endpoint, is_address, parse
from rrdyn.runtime.hub_client import under
from rrdyn.runtime.hub_errors import told
from rrdyn.runtime.hub_files import Entry, as_announced, checked, fetched, is_plain, kept, named
from rrdyn.runtime.progress import Progress, say

__all__ = [
    "Listing", "Pulled", "Ref", "Unreachable", "ask", "cached", "copy_out", "fetch", "is_address", "offline", "parse",
    "pull", "push",
]  # fmt: skip

CARD = "README.md"
"""What the Hub shows of a repository or a folder."""
CODE = (".py", ".ipynb", ".pyc")
NOT_PUSHED = ["state.pt", "**/state.pt", "*.partial", ".*", "**/.*"]
ANSWER = 30.0
"""Seconds that the Hub has to say which files there are."""
LISTING = 32_000_000
"""Bytes that this answer may have."""
MOST = 10_000
"""Files that one pull may bring."""


@dataclass(frozen=True, kw_only=True)
class Listing:
    """The commit behind a revision, and its files by name."""

    commit: str
    files: dict[str, Entry]


@dataclass(frozen=True, kw_only=True)
class Pulled:
    """A complete copy in the cache."""

    root: Path
    """The top of the repository; not all of it is there."""
    commit: str


def pull(place: str | Path | Ref) -> Path:
    """Fetch a folder or a file of the Hub and return where it lies in the cache.

    With a model folder `{trm,hrm}_TASK` comes `data/TASK_*`, its puzzles. Python files are never fetched.
    Raises InputError for a repository, revision or file that is not there, Unreachable for a Hub that does not answer
    or not to the end, RrdynError for one that does not answer as it should.
    """
    ref = place if isinstance(place, Ref) else parse(place)
    return fetch(ref).root / ref.inside


def fetch(ref: Ref, only: Collection[str] = (), *, listing: Listing | None = None) -> Pulled:
    """As `pull`, of the repository's files `only` these if any are named. A known `listing` is not asked for again."""
    if offline():
        return cached(ref, only, why="HF_HUB_OFFLINE is set")
    if listing is None:
        try:
            listing = ask(ref)
        except Unreachable as error:
            return _instead(ref, only, error)
    wanted = {name: listing.files[name] for name in _wanted(ref, listing, only)}
    cache = _cache()
    with told(ref, f"fetching {ref}", f"rrdyn hub pull {ref}  (what is complete is kept)"):
        before = _last(ref, cache)
        if before is not None and before.name != listing.commit:
            say(f"{ref} has changed on the Hub: was {before.name[:10]}, now {listing.commit[:10]}")
        paths = _all_files(ref, listing.commit, wanted, cache)
        if ref.revision != listing.commit and (before is None or before.name != listing.commit):
            _note(ref, listing.commit, next(iter(wanted)), cache)
    name, path = next(iter(paths.items()))
    return Pulled(root=path.parents[len(PurePosixPath(name).parts) - 1], commit=listing.commit)


def ask(ref: Ref, *, seconds: float = ANSWER) -> Listing:
    """What the Hub has of a repository at a revision. Raises Unreachable where it does not say within `seconds`."""
    guard = _guard(ref, Limits.from_environment(seconds))
    guard.cap = LISTING

    def listing() -> Listing:
        info = _api().repo_info(
            ref.name, repo_type=ref.kind, revision=ref.revision, files_metadata=True, timeout=seconds
        )
        if not isinstance(info.sha, str) or not COMMIT.fullmatch(info.sha):
            guard.refuse("the Hub names a commit by what is none", found=printable(info.sha), expected="40 hex digits")
        members = info.siblings or []
        files = {member.rfilename: Entry.of(member) for member in members if is_plain(member.rfilename)}
        if len(files) < len(members):
            say(f"{len(members) - len(files)} files of {ref.name} have names that are no paths in it: left out")
        return Listing(commit=info.sha, files=files)

    with told(ref, f"asking for {ref.name}", guard.run):
        try:
            return under(guard, listing)
        except Late:
            raise Unreachable(
                f"{ref.name} cannot be reached", found=f"no answer in {guard.limits.seconds:g} seconds", run=guard.run
            ) from None


def cached(ref: Ref, only: Collection[str] = (), *, why: str) -> Pulled:
    """The last complete copy. Raises InputError where there is none."""
    cache = _cache()
    with told(ref, f"looking for {ref}", f"rrdyn hub pull {ref}"):
        root = _last(ref, cache)
        parts = [root / name for name in only or (ref.inside,)] if root else []
        if root is None or not all(part.exists() for part in parts):
            raise InputError(
                f"{ref} is not in the cache, and cannot be fetched",
                found=why,
                expected=f"a copy in the Hub's cache, {cache}",
                run=f"rrdyn hub pull {ref}, once with a connection",
            )
        members = [path for part in parts for path in ([part] if part.is_file() else part.rglob("*")) if path.is_file()]
        for path in members:
            if named(path) and not as_announced(path, Entry(size=0, digest=None)):
                raise RrdynError(f"{path} is damaged", expected="the digest in its name", run=f"rrdyn hub pull {ref}")
    say(f"{why}: using the cached copy of {ref}, commit {root.name[:10]}")
    return Pulled(root=root, commit=root.name)


def offline() -> bool:
    """Whether the Hub is not to be asked."""
    return os.environ.get("HF_HUB_OFFLINE", "").upper() in ("1", "ON", "YES", "TRUE")


def _instead(ref: Ref, only: Collection[str], error: Unreachable) -> Pulled:
    """The copy in the cache in the place of a Hub that cannot be reached; the first error where there is none."""
    try:
        return cached(ref, only, why=f"the Hub cannot be reached ({error.found})")
    except InputError as missing:
        raise Unreachable(
            f"{ref} cannot be reached, and is not in the cache", found=error.found, expected=missing.expected,
            run=f"rrdyn hub pull {ref}, later",
        ) from None  # fmt: skip


def _cache() -> Path:
    """The cache of huggingface_hub, by its own rules."""
    home = os.environ.get("HF_HOME") or Path(os.environ.get("XDG_CACHE_HOME", "~/.cache")) / "huggingface"
    return Path(os.environ.get("HF_HUB_CACHE") or Path(home) / "hub").expanduser()


def _guard(ref: Ref, limits: Limits) -> Guard:
    return Guard(endpoint(), limits, run=f"rrdyn hub pull {ref}")


def _api() -> Any:
    from huggingface_hub import HfApi
    from huggingface_hub.utils.tqdm import disable_progress_bars

    disable_progress_bars()
    return HfApi(endpoint=endpoint(), library_name="rrdyn")


def _wanted(ref: Ref, listing: Listing, only: Collection[str]) -> list[str]:
    names = [name for name in listing.files if not name.endswith(CODE) and not name.startswith(".git")]
    inside = ref.inside
    if only:
        wanted = [name for name in only if name in listing.files]
    else:
        wanted = [name for name in names if not inside or name == inside or name.startswith(inside + "/")]
    if not wanted or len(wanted) < len(only):
        tops = sorted({name.split("/")[0] + ("/" if "/" in name else "") for name in names})
        lacking = next((name for name in only if name not in wanted), inside or "files")
        raise InputError(
            f"{ref.name} has no {lacking} at revision {ref.revision}",
            found=", ".join(tops[:12]) or "an empty repository",
            expected="one of its folders or files",
            run=f"rrdyn hub pull {Ref(owner=ref.owner, repo=ref.repo, kind=ref.kind)}",
        )
    task = inside.partition("_")[2]
    if task and "/" not in inside and not only:
        wanted += [name for name in names if name.startswith(f"data/{task}_")]
    if len(wanted) > MOST:
        raise InputError(f"{ref} holds too many files", found=len(wanted), expected=f"a folder of at most {MOST}")
    return wanted


def _all_files(ref: Ref, commit: str, wanted: dict[str, Entry], cache: Path) -> dict[str, Path]:
    """Where each wanted file lies, all of them there and as announced."""
    paths = {name: path for name, entry in wanted.items() if (path := kept(ref, commit, name, entry, cache))}
    missing = {name: entry for name, entry in wanted.items() if name not in paths}
    if not missing:
        return paths
    total, limits = sum(entry.size for entry in missing.values()), Limits.from_environment()
    if total > limits.bytes:
        raise RrdynError(
            f"{ref} is too large to be fetched",
            found=_megabytes(total),
            expected=f"at most {_megabytes(limits.bytes)}",
            run="a part of it alone, or RRDYN_HUB_BYTES=N to allow more",
        )
    say(f"fetching {len(missing)} files of {ref}, {_megabytes(total)}")
    guard = _guard(ref, limits)
    guard.commit = commit
    with Progress(total, "fetched bytes") as progress:

        def one_after_another() -> None:
            for name, entry in missing.items():
                guard.cap = entry.size or limits.bytes
                guard.advance = lambda n, name=name: progress.advance(min(n, max(0, total - progress.done)), name)
                with told(ref, f"fetching {name} of {ref}", f"{guard.run}  (what is complete is kept)", file=name):
                    paths[name] = checked(fetched(ref, commit, name, cache), name, entry, cache, guard)

        under(guard, one_after_another)
    return paths


def _megabytes(size: int) -> str:
    return f"{size / 1e6:.1f} MB"


def _note(ref: Ref, commit: str, name: str, cache: Path) -> None:
    """Have the cache remember that the revision is this commit, by asking for one of its files under that name."""
    guard = _guard(ref, Limits.from_environment(ANSWER))
    guard.commit = commit
    try:
        with told(ref, f"asking for {name} of {ref}", guard.run, file=name):
            under(guard, lambda: fetched(ref, ref.revision, name, cache))
    except Unreachable as error:
        say(f"offline, {ref} will be looked for in vain: {error.problem}")


def _last(ref: Ref, cache: Path) -> Path | None:
    """The folder of the commit that the cache remembers for a revision; it bears the commit's name."""
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import LocalEntryNotFoundError

    folder: str | None
    try:
        folder = snapshot_download(
            ref.name, repo_type=ref.kind, revision=ref.revision, cache_dir=cache, local_files_only=True
        )
    except LocalEntryNotFoundError as error:  # the library calls a copy incomplete that lacks what we leave out
        folder = getattr(error, "snapshot_path", None)
    return Path(folder) if folder and COMMIT.fullmatch(Path(folder).name) else None


def copy_out(path: Path, ref: Ref, out: Path) -> Path:
    """Copy what was pulled out of the cache as plain files, under `out` as they lie in the repository."""
    depth = len(PurePosixPath(ref.inside).parts)
    root = path.parents[depth - 1] if depth else path
    members = [p for p in path.rglob("*") if p.is_file()] if path.is_dir() else [path]
    if depth == 1 and (task := ref.inside.partition("_")[2]):
        members += (root / "data").glob(f"{task}_*")
    for member in sorted(members):
        target = out / member.relative_to(root)
        make_folder(target.parent)
        with replacing(target) as partial:
            shutil.copyfile(member, partial)
    return out / ref.inside


def _to_send(path: Path) -> int:
    """Bytes of the files that `push` sends. Raises InputError where there are none, or one may not be read."""
    sent = [one for one in _below(path) if not any(one.match(pattern) for pattern in NOT_PUSHED)]
    if not sent:
        raise InputError(f"{shown(path)} holds nothing to send")
    for one in sent:
        if not os.access(one, os.R_OK):
            raise InputError(f"{shown(one)} may not be read")
    return sum(one.stat().st_size for one in sent)


def _below(path: Path) -> list[Path]:
    """A regular file, or those in a folder and its folders."""
    if not is_folder(path):
        return [path] if is_file(path) else []
    return [file for one in entries(path) if not (one.is_symlink() and is_folder(one)) for file in _below(one)]


def push(
    path: Path | str, place: str | Ref, *, private: bool = False, message: str | None = None, card: str | None = None
) -> str:
    """Send a folder or a file to the Hub, making the repository where needed; returns the URL of the commit.

    `card`: text of a README.md beside what is sent, left out where the Hub has one there. The training state
    (`state.pt`) stays here. Raises RrdynError for a refused or cut connection.
    """
    path, ref = existing(path), place if isinstance(place, Ref) else parse(place)
    path = path if is_folder(path) else regular(path)
    message = message or f"rrdyn: {path.name}"

    def send() -> Any:
        api = _api()
        api.create_repo(ref.name, repo_type=ref.kind, private=private, exist_ok=True)
        common = {"repo_id": ref.name, "repo_type": ref.kind, "revision": ref.revision}
        page = f"{ref.inside}/{CARD}".lstrip("/")
        if card is not None and api.file_exists(ref.name, page, repo_type=ref.kind, revision=ref.revision):
            say(f"{ref} has a {CARD}: it stays as it is")
        elif card is not None:
            try:
                api.upload_file(**common, path_or_fileobj=card.encode(), path_in_repo=page, commit_message="Model card")
            except ValueError as error:  # the Hub reads a card before it takes it
                raise InputError(f"{ref.name} does not take this model card", found=printable(error, 300)) from None
        if is_folder(path):
            return api.upload_folder(
                **common, folder_path=path, path_in_repo=ref.inside or None, commit_message=message,
                ignore_patterns=NOT_PUSHED,
            )  # fmt: skip
        inside = f"{ref.inside}/{path.name}".lstrip("/")
        return api.upload_file(**common, path_or_fileobj=path, path_in_repo=inside, commit_message=message)

    guard, total = Guard(endpoint(), Limits.from_environment(), run="the same command again"), _to_send(path)
    with told(ref, f"sending {path} to {ref}", guard.run), Progress(total, "sent bytes") as progress:
        guard.sent = lambda n: progress.advance(min(n, max(0, total - progress.done)))
        done = under(guard, send)
    return printable(getattr(done, "commit_url", done), 1000)
