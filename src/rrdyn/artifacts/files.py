"""Writing so that a final name never holds half a file, and reading with one clear message."""

from __future__ import annotations

import hashlib
import json
import math
import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from rrdyn.artifacts.errors import InputError, RrdynError


def make_folder(path: Path | str) -> Path:
    """Create a folder (and its parents) that is going to be written to."""
    path = Path(path)
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise cannot_write(path, error) from None
    if not os.access(path, os.W_OK):
        raise RrdynError(f"cannot write into {path}", found="a read-only folder", run="give another folder with --out")
    return path


def cannot_write(path: Path, error: OSError) -> RrdynError:
    """The error (exit code 1) for a place that refuses what is written."""
    return RrdynError(
        f"cannot write {path}",
        found=os.strerror(error.errno) if error.errno else str(error),
        expected="a writable folder with free space",
        run="give another place with --out",
    )


@contextmanager
def replacing(path: Path | str) -> Iterator[Path]:
    """Yield a temporary path beside `path`; on success flush it to disk and rename it over `path`.

    Whatever happens in between, the final name holds either the old file or the whole new one.
    """
    path = Path(path)
    make_folder(path.parent)
    partial = path.with_name(f".{path.name}.{os.getpid()}.{secrets.token_hex(3)}.partial")
    try:
        yield partial
        with open(partial, "rb") as stream:
            os.fsync(stream.fileno())
        os.replace(partial, path)
        _sync_folder(path.parent)
    except OSError as error:
        raise cannot_write(path, error) from None
    finally:
        partial.unlink(missing_ok=True)


def _sync_folder(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def write_text(path: Path | str, text: str) -> Path:
    """Write text whole or not at all; returns the path."""
    with replacing(path) as partial:
        partial.write_text(text, encoding="utf-8")
    return Path(path)


def write_json(path: Path | str, value: Any) -> Path:
    """Strict JSON: numpy scalars and arrays are unpacked, non-finite numbers become null."""
    return write_text(path, dump_json(value) + "\n")


def dump_json(value: Any, *, indent: int | None = 2) -> str:
    """Strict JSON: null for what is not finite; pydantic models, paths and numpy values as JSON's own types."""
    return json.dumps(plain(value), indent=indent, allow_nan=False, ensure_ascii=False)


def plain(value: Any) -> Any:
    """The value in JSON's own types, non-finite floats as None."""
    if isinstance(value, dict):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple | set):
        return [plain(item) for item in value]
    if isinstance(value, bool | int | str) or value is None:
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if hasattr(value, "tolist"):  # numpy and torch, without importing either
        return plain(value.tolist())
    if hasattr(value, "model_dump"):
        return plain(value.model_dump())
    return str(value)


def read_json(path: Path | str) -> Any:
    """The content of a JSON file. Raises InputError where it is missing or unreadable."""
    path = existing(path)
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (ValueError, OSError) as error:
        raise InputError(f"{path} is not readable JSON", found=error) from None


def existing(path: Path | str, *, run: str | None = None) -> Path:
    """The path, if something is there."""
    path = Path(path)
    try:
        if path.exists():
            return path
    except OSError as error:
        raise InputError(f"cannot read {path}", found=error.strerror) from None
    raise InputError(f"{path} does not exist", expected="an existing file or folder", run=run)


def sha256(path: Path | str) -> str:
    """Digest of a file, or of every file of a folder in name order."""
    path = Path(path)
    digest = hashlib.sha256()
    members = sorted(p for p in path.rglob("*") if p.is_file()) if path.is_dir() else [path]
    for member in members:
        if path.is_dir():
            digest.update(str(member.relative_to(path)).encode())
        with open(member, "rb") as stream:
            while chunk := stream.read(1 << 20):
                digest.update(chunk)
    return digest.hexdigest()
