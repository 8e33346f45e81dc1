"""Where a result came from: versions, command, seed, config and the digest of every input."""

from __future__ import annotations

import hashlib
import platform
import subprocess
import sys
from collections.abc import Iterable
from importlib import metadata
from pathlib import Path
from typing import Any

from rrdyn.artifacts.files import dump_json, sha256
from rrdyn.artifacts.places import exists, spelled
from rrdyn.artifacts.record import Meta
from rrdyn.version import __version__

LIBRARIES = ("torch", "numpy", "scipy", "matplotlib", "polars")


def provenance(
    *,
    seed: int | None = None,
    config: Any = None,
    inputs: Iterable[Path | str] = (),
    device: str | None = None,
    dtype: str | None = None,
    **extra: Any,
) -> Meta:
    """The `meta` of an artifact. No clock time is kept, so that equal runs write equal files."""
    record: dict[str, object] = {
        "rrdyn_version": __version__,
        "git_commit": git_commit(),
        "command": command_line(),
        "seed": seed,
        "config_hash": None if config is None else digest(config),
        "inputs": {str(path): sha256(path) for path in inputs},
        "device": device,
        "dtype": dtype,
        "libraries": library_versions(),
    }
    return {**record, **extra}


def digest(value: Any) -> str:
    """sha256 of the canonical JSON of a config."""
    return hashlib.sha256(dump_json(value, indent=None).encode()).hexdigest()


def command_line() -> str:
    """The command under way, as typed."""
    return spelled(" ".join(["rrdyn", *sys.argv[1:]]))


def library_versions() -> dict[str, str]:
    """Name -> version of Python and of the libraries that decide numbers."""
    versions = {"python": platform.python_version()}
    for name in LIBRARIES:
        try:
            versions[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return versions


def git_commit() -> str | None:
    """Commit of the source tree rrdyn runs from, with "+changes" where the tree differs; None from a wheel."""
    root = Path(__file__).resolve().parents[3]
    if not exists(root / ".git"):
        return None
    try:
        head = _git(root, "rev-parse", "HEAD")
        return head + ("+changes" if _git(root, "status", "--porcelain", "--untracked-files=no") else "")
    except (OSError, ValueError, subprocess.SubprocessError):
        return None


def _git(root: Path, *arguments: str) -> str:
    done = subprocess.run(["git", *arguments], cwd=root, capture_output=True, text=True, timeout=10, check=True)
    return done.stdout.strip()
