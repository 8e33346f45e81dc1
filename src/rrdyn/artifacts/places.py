"""What lies at a path: questions that never raise, and doors that open only what can be read.

A path from outside may be missing, too long, a loop of links, closed to us, or hold a NUL byte; what lies there may be
a folder, a pipe or a device. All of that is one `InputError` naming the path, what was found and what was expected.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from rrdyn.artifacts.errors import InputError

WEIGHTS, META, STATE = "model.safetensors", "meta.json", "state.pt"
"""What a folder of a checkpoint holds; a run's state to go on from is not in all of them."""
LONGEST_SHOWN = 240
READING = os.O_RDONLY
for name in ("O_NONBLOCK", "O_CLOEXEC", "O_BINARY"):  # the first two are of POSIX, the last of Windows
    READING |= getattr(os, name, 0)
LFS, POINTER = b"version https://git-lfs", 1024
"""How a Git-LFS pointer begins, and more bytes than one has."""
SPECIAL = {
    stat.S_IFDIR: "a folder",
    stat.S_IFIFO: "a named pipe",
    stat.S_IFSOCK: "a socket",
    stat.S_IFCHR: "a device",
    stat.S_IFBLK: "a device",
}


def is_writable(folder: Path | str) -> bool:
    """Whether files may be put into a folder: the system allows it, and it is not marked read-only for everybody.

    Whoever may write everywhere is not to write where nobody is meant to.
    """
    try:
        return os.access(folder, os.W_OK) and bool(os.stat(folder).st_mode & 0o222)
    except (OSError, ValueError):
        return False


def shown(path: Path | str) -> str:
    """A path as a message has it: in one line, without control characters, cut where nobody would read on."""
    text = str(path) or "''"
    text = text if text.isprintable() else repr(text)[1:-1]
    return text if len(text) <= LONGEST_SHOWN else f"{text[: LONGEST_SHOWN - 20]}... ({len(text)} characters)"


def spelled(name: Path | str) -> str:
    """A name as a file of text can hold it: bytes of it that are not UTF-8 as \\udcXX."""
    text = str(name)
    return text if text.isascii() else text.encode("utf-8", "backslashreplace").decode()


def said(error: BaseException) -> str:
    """What an exception says, in one line of bounded length; its kind where it says nothing."""
    if isinstance(error, OSError) and error.errno:
        return os.strerror(error.errno)
    text = " ".join(str(error).split())
    return (text if len(text) <= 300 else text[:300] + " ...") or type(error).__name__


def _status(path: Path | str) -> os.stat_result:
    """What the system says of a path, links followed; OSError whatever is wrong with it."""
    try:
        return os.stat(path)
    except ValueError as error:  # a NUL byte, or characters that no file name can have
        raise OSError(str(error)) from None


def exists(path: Path | str) -> bool:
    """Whether anything can be seen there; never raises."""
    try:
        _status(path)
    except OSError:
        return False
    return True


def is_file(path: Path | str) -> bool:
    """Whether a regular file is there; never raises."""
    try:
        return stat.S_ISREG(_status(path).st_mode)
    except OSError:
        return False


def is_folder(path: Path | str) -> bool:
    """Whether a folder is there; never raises."""
    try:
        return stat.S_ISDIR(_status(path).st_mode)
    except OSError:
        return False


def modified(path: Path | str) -> int | None:
    """When what is there was last written, in nanoseconds; None where nothing can be seen. Never raises."""
    try:
        return _status(path).st_mtime_ns
    except OSError:
        return None


def resolved(path: Path | str) -> Path:
    """The absolute path without links, as far as they can be followed; never raises."""
    try:
        return Path(path).resolve()
    except (OSError, RuntimeError, ValueError):  # a loop of links is a RuntimeError before Python 3.13
        return Path(os.path.abspath(path))


MAKES_CHECKPOINT = "rrdyn train sudoku makes one, rrdyn hub pull fetches one"


def existing(path: Path | str, *, run: str | None = None) -> Path:
    """The path, if something is there and can be looked at. `run` is what would make it."""
    _seen(path, run)
    return Path(path)


def _seen(path: Path | str, run: str | None) -> os.stat_result:
    try:
        return _status(path)
    except (FileNotFoundError, NotADirectoryError):
        raise InputError(f"{shown(path)} does not exist", expected="an existing file or folder", run=run) from None
    except OSError as error:
        raise InputError(f"cannot read {shown(path)}", found=said(error), expected="a path that can be read") from None


def regular(path: Path | str, *, most: int | None = None, run: str | None = None) -> Path:
    """The path, if an ordinary file of at most `most` bytes is there; nothing of it is read."""
    _check(path, _seen(path, run), most, run)
    return Path(path)


def _check(path: Path | str, status: os.stat_result, most: int | None, run: str | None) -> None:
    if not stat.S_ISREG(status.st_mode):
        found = SPECIAL.get(stat.S_IFMT(status.st_mode), "something that is no file")
        raise InputError(f"{shown(path)} is {found}", expected="an ordinary file", run=run)
    if most is not None and status.st_size > most:
        raise InputError(
            f"{shown(path)} is too large", found=f"{status.st_size} bytes", expected=f"at most {most} bytes"
        )


@contextmanager
def opened(path: Path | str, *, most: int | None = None, run: str | None = None) -> Iterator[IO[bytes]]:
    """An ordinary file of at most `most` bytes, open for reading; OSErrors inside are told as InputErrors of it."""
    path = regular(path, most=most, run=run)
    try:
        # not blocking: what was a file a moment ago may be a pipe nobody writes to
        handle = os.open(path, READING)
        with open(handle, "rb") as stream:
            _check(path, os.fstat(handle), most, run)
            _refuse_pointer(path, os.read(handle, POINTER))
            os.lseek(handle, 0, os.SEEK_SET)
            yield stream
    except OSError as error:
        raise InputError(
            f"cannot read {shown(path)}", found=said(error), expected="a file that can be read", run=run
        ) from None


def _refuse_pointer(path: Path | str, content: bytes) -> None:
    """Git-LFS leaves a few lines in the place of a large file that was not fetched."""
    if content.startswith(LFS) and len(content) < POINTER:
        raise InputError(
            f"{shown(path)} is not here yet: it is a Git-LFS pointer", found=f"{len(content)} bytes that name a larger "
            "file", expected="the file itself", run="git lfs pull, or fetch the file from the page of its repository",
        )  # fmt: skip


def entries(folder: Path | str) -> list[Path]:
    """What lies in a folder, in name order. Raises InputError where it cannot be listed."""
    folder = existing(folder)
    try:
        return sorted(folder / name for name in os.listdir(folder))
    except OSError as error:
        raise InputError(f"cannot list {shown(folder)}", found=said(error), expected="a folder") from None
