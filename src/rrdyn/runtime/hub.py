"""Files of the Hugging Face Hub: `hub://owner/repo/folder` or `hub://owner/repo@revision/folder`.

A pull asks the Hub for the commit behind the revision, fetches the folder's files of that commit into the usual cache
and only then notes the commit: offline, or when the Hub cannot be reached, the last complete copy is used.
HF_HOME, HF_ENDPOINT, HF_TOKEN and HF_HUB_OFFLINE mean what they always mean.
"""

from __future__ import annotations

import os
import re
import shutil
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from rrdyn.artifacts.errors import InputError, RrdynError, UsageError
from rrdyn.artifacts.files import existing, make_folder, replacing, write_text
from rrdyn.runtime.progress import Progress, say

SCHEME = "hub://"
PATTERN = re.compile(r"(?P<owner>[\w.-]+)/(?P<repo>[\w.-]+)(@(?P<revision>[\w.-]+(/pr/\d+)?))?(/(?P<inside>.+))?")
CODE = (".py", ".ipynb", ".pyc")
NOT_PUSHED = ["state.pt", "**/state.pt", "*.partial", ".*", "**/.*"]


@dataclass(frozen=True, kw_only=True)
class Ref:
    """A place on the Hub: a repository, a revision of it, a folder or file inside."""

    owner: str
    repo: str
    revision: str = "main"
    inside: str = ""

    @property
    def name(self) -> str:
        return f"{self.owner}/{self.repo}"

    def __str__(self) -> str:
        at = "" if self.revision == "main" else f"@{self.revision}"
        return f"{SCHEME}{self.name}{at}" + (f"/{self.inside}" if self.inside else "")


def parse(text: str) -> Ref:
    """Read `hub://owner/repo[@revision][/folder]`, the scheme being optional; raises UsageError."""
    match = PATTERN.fullmatch(re.sub(r"^hub:/+", "", text).strip("/"))  # a Path has lost the second slash
    inside = PurePosixPath((match and match["inside"]) or "")
    if match is None or ".." in (*inside.parts, match["revision"]):
        raise UsageError(
            f"{text} is not a place on the Hub",
            expected="hub://owner/repo/folder or hub://owner/repo@revision/folder",
        )
    inside_text = "" if str(inside) == "." else str(inside)
    return Ref(owner=match["owner"], repo=match["repo"], revision=match["revision"] or "main", inside=inside_text)


def pull(place: str | Ref, *, cache: Path | None = None, endpoint: str | None = None) -> Path:
    """Fetch a folder or a file of the Hub and return where it lies in the cache.

    With a model folder `{trm,hrm}_TASK` comes `data/TASK_*`, its puzzles. Python files are never fetched.
    Raises InputError for a repository, revision or file that is not there, RrdynError for a cut connection.
    """
    ref = place if isinstance(place, Ref) else parse(place)
    cache = cache or _default_cache()
    if _offline():
        return _cached(ref, cache, why="HF_HUB_OFFLINE is set")
    try:
        commit, sizes = _listing(ref, endpoint)
    except _Unreachable as error:
        return _cached(ref, cache, why=f"the Hub cannot be reached ({error})")
    wanted = _wanted(ref, sizes)
    known = _commit_file(ref, cache)
    before = known.read_text(encoding="utf-8").strip() if known.is_file() else None
    if before and before != commit:
        say(f"{ref} has changed on the Hub: was {before[:10]}, now {commit[:10]}")
    _fetch(ref, commit, {name: sizes[name] for name in wanted}, cache, endpoint)
    write_text(known, commit)
    return _snapshot(ref, cache, commit)


class _Unreachable(Exception):
    """The Hub did not answer."""


def _default_cache() -> Path:
    home = os.environ.get("HF_HOME") or Path(os.environ.get("XDG_CACHE_HOME", "~/.cache")) / "huggingface"
    return Path(os.environ.get("HF_HUB_CACHE") or Path(home) / "hub").expanduser()


def _offline() -> bool:
    return os.environ.get("HF_HUB_OFFLINE", "").upper() in ("1", "ON", "YES", "TRUE")


def _endpoint(endpoint: str | None) -> str | None:
    return endpoint or os.environ.get("HF_ENDPOINT")


def _store(ref: Ref, cache: Path) -> Path:
    return cache / f"models--{ref.owner}--{ref.repo}"


def _commit_file(ref: Ref, cache: Path) -> Path:
    return _store(ref, cache) / "refs" / ref.revision


def _snapshot(ref: Ref, cache: Path, commit: str) -> Path:
    return _store(ref, cache) / "snapshots" / commit / ref.inside


def _cached(ref: Ref, cache: Path, *, why: str) -> Path:
    """The last complete copy; a full commit hash stands for itself."""
    known = _commit_file(ref, cache)
    commit = known.read_text(encoding="utf-8").strip() if known.is_file() else ref.revision
    path = _snapshot(ref, cache, commit)
    if not path.exists():
        raise InputError(
            f"{ref} is not in the cache, and cannot be fetched",
            found=why,
            expected=f"a copy under {_store(ref, cache)}",
            run=f"rrdyn hub pull {ref}, once with a connection",
        )
    say(f"{why}: using the cached copy of {ref}, commit {commit[:10]}")
    return path


def _api(endpoint: str | None) -> Any:
    from huggingface_hub import HfApi
    from huggingface_hub.utils import disable_progress_bars

    disable_progress_bars()
    return HfApi(endpoint=_endpoint(endpoint), library_name="rrdyn")


def _listing(ref: Ref, endpoint: str | None) -> tuple[str, dict[str, int]]:
    """The commit behind the revision, and the size of each of its files."""
    try:
        info = _api(endpoint).repo_info(ref.name, revision=ref.revision, files_metadata=True, timeout=30)
    except Exception as error:  # the client raises its own, its HTTP library's and the system's kinds
        raise _explained(error, ref) from None
    return str(info.sha), {member.rfilename: member.size or 0 for member in info.siblings or []}


def _wanted(ref: Ref, sizes: dict[str, int]) -> list[str]:
    names = [name for name in sizes if _is_plain(name) and not name.endswith(CODE) and not name.startswith(".git")]
    inside = ref.inside
    wanted = [name for name in names if not inside or name == inside or name.startswith(inside + "/")]
    if not wanted:
        tops = sorted({name.split("/")[0] + ("/" if "/" in name else "") for name in names})
        raise InputError(
            f"{ref.name} has no {inside or 'files'} at revision {ref.revision}",
            found=", ".join(tops[:12]) or "an empty repository",
            expected="one of its folders or files",
            run=f"rrdyn hub pull {SCHEME}{ref.name}",
        )
    task = inside.partition("_")[2]
    if task and "/" not in inside:
        wanted += [name for name in names if name.startswith(f"data/{task}_")]
    return wanted


def _is_plain(name: str) -> bool:
    """Whether a file's name stays inside the repository."""
    return not name.startswith("/") and ".." not in PurePosixPath(name).parts


def _fetch(ref: Ref, commit: str, sizes: dict[str, int], cache: Path, endpoint: str | None) -> None:
    from huggingface_hub import hf_hub_download

    folder = _store(ref, cache) / "snapshots" / commit
    missing = {name: size for name, size in sizes.items() if not (folder / name).exists()}
    if not missing:
        return
    say(f"fetching {len(missing)} files of {ref}, {_megabytes(sum(missing.values()))}")
    with Progress(sum(missing.values()), "fetched bytes") as progress:
        for name, size in missing.items():
            try:
                hf_hub_download(
                    ref.name, name, revision=commit, cache_dir=cache, endpoint=_endpoint(endpoint), library_name="rrdyn"
                )
            except Exception as error:  # as above
                explained = _explained(error, ref, name)
                if isinstance(explained, _Unreachable):
                    raise RrdynError(
                        f"the connection was cut while fetching {name} of {ref}",
                        found=explained,
                        run=f"rrdyn hub pull {ref}  (what is complete is kept)",
                    ) from None
                raise explained from None
            progress.advance(size, name)


def _megabytes(size: int) -> str:
    return f"{size / 1e6:.1f} MB"


def _explained(error: Exception, ref: Ref, file: str | None = None) -> Exception:
    """One message for what the client raised: of repository, revision, file, access or connection."""
    from huggingface_hub import errors

    text = " ".join(str(error).split())[:200] or type(error).__name__
    if isinstance(error, errors.GatedRepoError):
        return InputError(
            f"{ref.name} asks for consent before it is read", run="open its page once, then hf auth login"
        )
    if isinstance(error, errors.RepositoryNotFoundError):
        return InputError(
            f"there is no repository {ref.name} on the Hub, or it is private",
            found=text.split(". ")[0],
            expected="an existing owner/repo",
            run="check the spelling; for a private one, hf auth login",
        )
    if isinstance(error, errors.RevisionNotFoundError):
        return InputError(f"{ref.name} has no revision {ref.revision}", expected="a branch, a tag or a commit of it")
    if isinstance(error, errors.EntryNotFoundError) and not isinstance(error, errors.LocalEntryNotFoundError):
        return InputError(
            f"{ref.name} has no file {file} at revision {ref.revision}", run=f"rrdyn hub pull {ref} again"
        )
    status = getattr(getattr(error, "response", None), "status_code", None)
    if status in (401, 403):
        return RrdynError(f"the Hub refuses access to {ref.name}", found=f"HTTP {status}", run="hf auth login")
    if isinstance(error, errors.HFValidationError):
        return UsageError(f"{ref} is not a place on the Hub", found=text)
    return _Unreachable(f"HTTP {status}" if status else _cause(error))


def _cause(error: BaseException) -> str:
    """The innermost reason: clients wrap a refused connection several times."""
    while (inner := error.__cause__ or error.__context__) is not None:
        error = inner
    return f"{type(error).__name__}: {' '.join(str(error).split())[:160]}"


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


def push(
    path: Path | str,
    place: str | Ref,
    *,
    private: bool = False,
    message: str | None = None,
    endpoint: str | None = None,
) -> str:
    """Send a folder or a file to the Hub, making the repository where needed; returns the URL of the commit.

    The training state (`state.pt`) stays here. Raises RrdynError for a refused or cut connection.
    """
    path, ref = existing(path), place if isinstance(place, Ref) else parse(place)
    api = _api(endpoint)
    message = message or f"rrdyn: {path.name}"
    try:
        api.create_repo(ref.name, private=private, exist_ok=True)
        if path.is_dir():
            done = api.upload_folder(
                repo_id=ref.name, folder_path=path, path_in_repo=ref.inside or None, revision=ref.revision,
                commit_message=message, ignore_patterns=NOT_PUSHED,
            )  # fmt: skip
        else:
            done = api.upload_file(
                repo_id=ref.name, path_or_fileobj=path, revision=ref.revision, commit_message=message,
                path_in_repo=f"{ref.inside}/{path.name}".lstrip("/"),
            )  # fmt: skip
    except Exception as error:  # as above
        from huggingface_hub import errors

        if isinstance(error, errors.LocalTokenNotFoundError):
            raise RrdynError("no Hub token is set up", run="hf auth login") from None
        explained = _explained(error, ref)
        if isinstance(explained, _Unreachable):
            raise RrdynError(f"{path} did not reach {ref}", found=explained, run="try again") from None
        raise explained from None
    return str(getattr(done, "commit_url", done))
