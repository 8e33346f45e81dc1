"""Writing so that a final name never holds half a file, and folders to write into.

What is being written goes by a hidden name beside its final one, which names the process that writes it: what a dead
process left is swept by the next one that writes there.
"""

from __future__ import annotations

import hashlib
import json
import math
import os
import platform
import re
import secrets
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import cache
from pathlib import Path
from typing import Any

from rrdyn.artifacts.errors import RrdynError
from rrdyn.artifacts.places import entries, existing, exists, is_file, is_folder, opened, said, shown, spelled
from rrdyn.artifacts.reading import read_json

__all__ = [
    "cannot_write", "dump_json", "existing", "make_folder", "output_file", "partial_of", "plain", "read_json",
    "replacing", "replacing_folder", "sha256", "sweep", "write_json", "write_text",
]  # fmt: skip

POSIX = os.name == "posix"
ABANDONED = 2 * 24 * 3600.0
"""Seconds after which an unfinished file of a process that cannot be asked for is taken for left behind."""
UNFINISHED = re.compile(r"^\.(?P<name>.*)\.(?P<host>[0-9a-f]{8})-(?P<pid>\d+)\.[0-9a-f]{6}\.(?P<kind>partial|old)")


def make_folder(path: Path | str) -> Path:
    """Create a folder (and its parents) that is going to be written to."""
    path = Path(path)
    try:
        path.mkdir(parents=True, exist_ok=True)
        writable = os.access(path, os.W_OK)
    except FileExistsError:
        raise _no_folder(path) from None
    except (OSError, ValueError) as error:
        raise cannot_write(path, error) from None
    if not writable:
        raise RrdynError(
            f"cannot write into {shown(path)}", found="a read-only folder", run="give another folder with --out"
        )
    return path


def cannot_write(path: Path | str, error: OSError | ValueError) -> RrdynError:
    """The error (exit code 1) for a place that refuses what is written."""
    return RrdynError(
        f"cannot write {shown(path)}",
        found=said(error),
        expected="a writable folder with free space",
        run="give another place with --out",
    )


def output_folder(path: Path | str) -> Path:
    """The path, if a folder is there or may be made; nothing is made yet. Raises RrdynError (exit code 1)."""
    path = Path(path)
    there = next((place for place in (path, *path.parents) if exists(place)), None)
    if there is not None and not is_folder(there):
        raise _no_folder(there)
    return path


def _no_folder(path: Path) -> RrdynError:
    return RrdynError(
        f"cannot write into {shown(path)}", found="something that is no folder", expected="a folder or a new name",
        run="give another place with --out",
    )  # fmt: skip


def output_file(path: Path | str, *, begins: bytes = b"") -> Path:
    """The path, if a file may be written there: nothing is there, or an ordinary file that may be replaced.

    A folder, a device, a pipe or a socket is never replaced. `begins` is what files of the kind to be written begin
    with: a file that begins otherwise is none of ours, and is not replaced either. Raises RrdynError (exit code 1).
    """
    path = Path(path)
    try:
        os.lstat(path)
        there = True
    except (FileNotFoundError, NotADirectoryError):
        there = False
    except (OSError, ValueError) as error:  # a name too long, a NUL byte in it
        raise cannot_write(path, error) from None
    if is_folder(path):
        raise RrdynError(f"{shown(path)} is a folder", expected="the name of a file", run="give a file with --out")
    if there and not is_file(path):
        raise RrdynError(
            f"{shown(path)} is not a file that may be replaced",
            found="a link that leads to no file" if path.is_symlink() else "a device, a pipe or a socket",
            expected="a new name, or a file written before", run="give another place with --out",
        )  # fmt: skip
    if there and begins:
        with opened(path) as stream:
            head = stream.read(len(begins))
        if head and head != begins:
            raise RrdynError(
                f"{shown(path)} is there already and is no file of ours", found=f"a file that begins with {head!r}",
                expected="a new name, or a file written before", run="give another place with --out, or move it away",
            )  # fmt: skip
    return path


@contextmanager
def replacing(path: Path | str, *, begins: bytes = b"") -> Iterator[Path]:
    """Yield a temporary path beside `path`; on success flush it to disk and rename it over `path`.

    Whatever happens in between, the final name holds either the old file or the whole new one. `begins` as in
    `output_file`: what is there is replaced only where it is of the same kind.
    """
    path = output_file(path, begins=begins)
    make_folder(path.parent)
    sweep_once(path.parent)
    partial = partial_of(path)
    try:
        yield partial
        _sync(partial)
        output_file(path)  # again: it may have become a folder meanwhile
        os.replace(partial, path)
        _sync_folder(path.parent)
    except OSError as error:
        raise cannot_write(path, error) from None
    finally:
        with suppress(OSError):
            partial.unlink(missing_ok=True)


@contextmanager
def replacing_folder(path: Path | str) -> Iterator[Path]:
    """Yield a hidden folder beside `path` to fill; on success it takes the place of `path`, with all that was there.

    Killed between the two renames, the old folder is found and put back by the next `sweep` of the place.
    """
    path = Path(path)
    make_folder(path.parent)
    sweep_once(path.parent)
    partial = partial_of(path)
    old = partial.with_name(partial.name.removesuffix("partial") + "old")
    try:
        partial.mkdir()
        yield partial
        for member in partial.rglob("*"):
            if is_file(member):
                _sync(member)
        if os.path.lexists(path):
            os.replace(path, old)
        try:
            os.replace(partial, path)
        except OSError:
            if os.path.lexists(old):
                os.replace(old, path)
            raise
        _sync_folder(path.parent)
        _remove(old)
    except OSError as error:
        raise cannot_write(path, error) from None
    finally:
        _remove(partial)


def _sync(path: Path) -> None:
    with open(path, "rb" if POSIX else "rb+") as stream:  # Windows flushes only what may be written to
        os.fsync(stream.fileno())


def _sync_folder(folder: Path) -> None:
    if not POSIX:  # Windows opens no folders
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


# ---- what is unfinished ----------------------------------------------------------------------------------------------


def partial_of(path: Path | str) -> Path:
    """A hidden name beside `path` for its unfinished content, new at every call, that tells whose it is."""
    path = Path(path)
    name = path.name
    if len(os.fsencode(name)) > 180:  # with what is added it must stay a name that the system takes
        name = hashlib.sha256(os.fsencode(name)).hexdigest()[:16]
    return path.with_name(f".{name}.{_machine()}-{os.getpid()}.{secrets.token_hex(3)}.partial")


@cache
def _machine() -> str:
    """Where process numbers mean what they mean here: the host, and the container on it."""
    space = ""
    with suppress(OSError):
        space = os.readlink("/proc/self/ns/pid")
    return hashlib.sha256(f"{platform.node()} {space}".encode()).hexdigest()[:8]


def sweep(folder: Path | str, *, alone: bool = False) -> None:
    """Remove what processes that are gone left unfinished in a folder; an old folder without its successor is put back.

    A process of this machine is asked for; what belongs to another is left for two days. `alone`: nobody else writes
    there, so that whatever is unfinished was left behind.
    """
    for path in entries(folder):
        owner = UNFINISHED.match(path.name)
        if owner is None or not (alone or _left_behind(path, owner["host"], int(owner["pid"]))):
            continue
        final = path.with_name(owner["name"])
        if owner["kind"] == "old" and not os.path.lexists(final):
            with suppress(OSError):
                os.replace(path, final)
        _remove(path)


@cache
def sweep_once(folder: Path) -> None:
    """`sweep`, the first time that this process writes into a folder; a folder that cannot be listed is left alone."""
    with suppress(RrdynError):
        sweep(folder)


def _left_behind(path: Path, host: str, pid: int) -> bool:
    if host == _machine() and not _alive(pid):
        return True
    with suppress(OSError):
        return pid != os.getpid() and time.time() - path.lstat().st_mtime > ABANDONED
    return False


def _alive(pid: int) -> bool:
    if not POSIX:  # there, asking is a Ctrl-C
        return True
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except (OSError, OverflowError):  # somebody else's, or no number of a process
        return True
    return True


def _remove(path: Path) -> None:
    if is_folder(path) and not path.is_symlink():
        shutil.rmtree(path, ignore_errors=True)
    else:
        with suppress(OSError):
            path.unlink(missing_ok=True)


# ---- text and JSON ---------------------------------------------------------------------------------------------------


def write_text(path: Path | str, text: str, *, begins: bytes = b"") -> Path:
    """Write text whole or not at all; returns the path."""
    with replacing(path, begins=begins) as partial:
        partial.write_text(text, encoding="utf-8", errors="backslashreplace")
    return Path(path)


def write_json(path: Path | str, value: Any) -> Path:
    """Strict JSON: numpy scalars and arrays are unpacked, non-finite numbers become null."""
    text = dump_json(value) + "\n"
    return write_text(path, text, begins=text[:1].encode())


def dump_json(value: Any, *, indent: int | None = 2, ascii_only: bool = False) -> str:
    """Strict JSON: null for what is not finite; pydantic models, paths and numpy values as JSON's own types."""
    return json.dumps(plain(value), indent=indent, allow_nan=False, ensure_ascii=ascii_only)


def plain(value: Any) -> Any:
    """The value in JSON's own types, non-finite floats as None, bytes of a path that are not UTF-8 as \\udcXX."""
    if isinstance(value, dict):
        return {spelled(key): plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple | set):
        return [plain(item) for item in value]
    if isinstance(value, str):
        return spelled(value)
    if isinstance(value, bool | int) or value is None:
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if hasattr(value, "tolist"):  # numpy and torch, without importing either
        return plain(value.tolist())
    if hasattr(value, "model_dump"):
        return plain(value.model_dump())
    return spelled(value)


def sha256(path: Path | str) -> str:
    """Digest of a file, or of every file of a folder in name order. Raises InputError where one cannot be read."""
    path = existing(path)
    folder = is_folder(path)
    digest = hashlib.sha256()
    for member in sorted(p for p in path.rglob("*") if is_file(p)) if folder else [path]:
        if folder:
            digest.update(os.fsencode(str(member.relative_to(path))))
        with opened(member) as stream:
            while chunk := stream.read(1 << 20):
                digest.update(chunk)
    return digest.hexdigest()
