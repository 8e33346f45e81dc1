"""Odd places: paths that are not what they seem, in a folder of a case."""

from __future__ import annotations

import os
import shutil
import socket
import stat
from collections.abc import Callable
from pathlib import Path

from tests.fuzz import disks

GOOD, BAD = True, False
FULL = "full"
"""A folder on a disk without room."""


def _nothing(folder: Path, source: Path) -> str:
    return str(folder / "nothing" / source.name)


def _too_long(folder: Path, source: Path) -> str:
    return str(folder / ("n" * 300 + source.suffix))


def _far_too_long(folder: Path, source: Path) -> str:
    return str(folder) + "/n" * 3000 + source.suffix


def _nul(folder: Path, source: Path) -> str:
    return str(folder / f"a\0b{source.suffix}")


def _loop(folder: Path, source: Path) -> str:
    place = folder / f"loop{source.suffix}"
    place.symlink_to(place)
    return str(place)


def _below_loop(folder: Path, source: Path) -> str:
    (folder / "loop").symlink_to(folder / "loop")
    return str(folder / "loop" / source.name)


def _dangling(folder: Path, source: Path) -> str:
    place = folder / f"dangling{source.suffix}"
    place.symlink_to(folder / "gone" / source.name)
    return str(place)


def _fifo(folder: Path, source: Path) -> str:
    os.mkfifo(folder / f"fifo{source.suffix}")
    return str(folder / f"fifo{source.suffix}")


def _socket(folder: Path, source: Path) -> str:
    here = os.getcwd()
    os.chdir(folder)  # the name of a socket may not be long
    try:
        with socket.socket(socket.AF_UNIX) as made:
            made.bind(f"socket{source.suffix}")
    finally:
        os.chdir(here)
    return str(folder / f"socket{source.suffix}")


def _device(folder: Path, source: Path) -> str:
    """A node of our own: a command that replaces what it should not must not meet the machine's."""
    place = folder / f"device{source.suffix}"
    os.mknod(place, stat.S_IFCHR | 0o666, os.makedev(1, 3))
    return str(place)


def _folder(folder: Path, source: Path) -> str:
    place = folder / f"folder{source.suffix}"
    place.mkdir()
    (place / "mine.txt").write_text("a user's file")
    return str(place)


def _file(folder: Path, source: Path) -> str:
    place = folder / f"file{source.suffix}"
    place.write_text("a user's file")
    return str(place)


def _below_file(folder: Path, source: Path) -> str:
    return str(Path(_file(folder, source)) / source.name)


def _closed(folder: Path, source: Path) -> str:
    place = _copy(folder, source, source.name)
    os.chmod(place, 0)
    return place


def _in_closed(folder: Path, source: Path) -> str:
    (folder / "closed").mkdir()
    place = _copy(folder / "closed", source, source.name)
    os.chmod(folder / "closed", 0)
    return place


def _read_only(folder: Path, source: Path) -> str:
    (folder / "read-only").mkdir()
    os.chmod(folder / "read-only", 0o555)
    return str(folder / "read-only" / source.name)


def _copy(folder: Path, source: Path, name: str) -> str:
    place = folder / name
    if source.is_dir():
        shutil.copytree(source, place, symlinks=True)
    elif source.exists():
        shutil.copyfile(source, place)
    return str(place)


def _full(folder: Path, source: Path) -> str:
    if not disks.possible():
        raise OSError("no disk can be mounted here")
    (folder / FULL).mkdir()
    return str(folder / FULL / f"result{source.suffix}")


def _named(name: str) -> Callable[[Path, Path], str]:
    def made(folder: Path, source: Path) -> str:
        return _copy(folder, source, f"{name}{source.suffix}")

    return made


def _linked(folder: Path, source: Path) -> str:
    place = folder / f"link{source.suffix}"
    place.symlink_to(os.path.relpath(source, folder))
    return str(place)


READ: dict[str, tuple[Callable[[Path, Path], str], bool]] = {
    "nothing": (_nothing, BAD),
    "an empty name": (lambda folder, source: "", BAD),
    "too long a name": (_too_long, BAD),
    "too long a path": (_far_too_long, BAD),
    "a NUL": (_nul, BAD),
    "a loop of links": (_loop, BAD),
    "below a loop of links": (_below_loop, BAD),
    "a link to nothing": (_dangling, BAD),
    "a FIFO": (_fifo, BAD),
    "a socket": (_socket, BAD),
    "/dev/null": (lambda folder, source: "/dev/null", BAD),
    "/dev/zero": (lambda folder, source: "/dev/zero", BAD),
    "/dev/full": (lambda folder, source: "/dev/full", BAD),
    "/proc/self/mem": (lambda folder, source: "/proc/self/mem", BAD),
    "/proc/self/fd": (lambda folder, source: "/proc/self/fd", BAD),
    "a folder": (_folder, BAD),
    "a file": (_file, BAD),
    "below a file": (_below_file, BAD),
    "no permission": (_closed, BAD),
    "no permission for its folder": (_in_closed, BAD),
    "a name with a blank": (_named("a b"), GOOD),
    "a name with a line end": (_named("a\nb"), GOOD),
    "a name that is not UTF-8": (_named("a\udcffb"), GOOD),
    "a name of other letters": (_named("κύκλος"), GOOD),
    "a name with a command to the terminal": (_named("a\x1b[31mb"), GOOD),
    "a name with brackets": (_named("a[0-9]*b"), GOOD),
    "a name with braces": (_named("a{b}%s$c"), GOOD),
    "a name with a quote": (_named("a'b\"c"), GOOD),
    "a link": (_linked, GOOD),
    "a tilde": (lambda folder, source: "~nobody/x", BAD),
}
"""What can stand where a file is read; GOOD ones hold the very file under an odd name."""

WRITTEN: dict[str, tuple[Callable[[Path, Path], str], bool]] = {
    "an empty name": (lambda folder, source: "", BAD),
    "too long a name": (_too_long, BAD),
    "too long a path": (_far_too_long, BAD),
    "a NUL": (_nul, BAD),
    "a loop of links": (_loop, BAD),
    "below a loop of links": (_below_loop, BAD),
    "a FIFO": (_fifo, BAD),
    "a socket": (_socket, BAD),
    "a device": (_device, BAD),
    "below a device": (lambda folder, source: f"/dev/null/x{source.suffix}", BAD),
    "a folder of the user's": (_folder, BAD),
    "a file of the user's": (_file, BAD),
    "below a file": (_below_file, BAD),
    "a read-only folder": (_read_only, BAD),
    "below /proc": (lambda folder, source: f"/proc/x{source.suffix}", BAD),
    "a name with a blank": (lambda folder, source: str(folder / f"a b{source.suffix}"), GOOD),
    "a name that is not UTF-8": (lambda folder, source: str(folder / f"a\udcffb{source.suffix}"), GOOD),
    "a name of other letters": (lambda folder, source: str(folder / f"κύκλος{source.suffix}"), GOOD),
    "a name with a line end": (lambda folder, source: str(folder / f"a\nb{source.suffix}"), GOOD),
    "a new folder": (lambda folder, source: str(folder / "a" / "b" / source.name), GOOD),
    "a full disk": (_full, BAD),
    "a name that only just fits": (lambda folder, source: str(folder / f"{'a' * 235}{source.suffix}"), GOOD),
}
"""What can stand where a file or folder is written; nothing that is there may be lost."""

OF_THE_MACHINE = ("/dev/", "/proc/")
"""Places that are only ever read."""
