"""Reading npy and npz without trusting them: what a header announces is checked before memory is taken for it.

Never a pickle; no member that is no array, twice there, encrypted or a link; nothing larger than the memory at hand.
"""

from __future__ import annotations

import math
import os
import stat
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, Any

import numpy as np

from rrdyn.artifacts.errors import InputError, RrdynError
from rrdyn.artifacts.pasting import quoted
from rrdyn.artifacts.places import opened, said, shown

DAMAGED = "write it again with the command that made it"
METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
MOST_MEMBERS = 4096
BOMB_BYTES, BOMB_RATIO = 1 << 30, 100
"""A member of more bytes than this must not unpack to more than so many times its size."""
WEIGHTS = ".safetensors"
PICKLED = "a pickle can run code when it is read"


def read_npy(path: Path | str, *, mmap: bool = False, run: str | None = None) -> np.ndarray:
    """The array of an npy file; `mmap` leaves it on the disk, read-only. Raises InputError for anything else."""
    with opened(path, run=run) as stream, _as_input_error(path, "npy"):
        _check_header(stream, os.fstat(stream.fileno()).st_size, shown(path))
        if mmap:
            return _native(np.load(path, mmap_mode="r", allow_pickle=False))
        _check_room(os.fstat(stream.fileno()).st_size, shown(path))
        stream.seek(0)
        return _native(np.lib.format.read_array(stream, allow_pickle=False))


def read_arrays(
    path: Path | str, *, run: str | None = None, wanted: Callable[[str, int], bool] = lambda name, size: True
) -> dict[str, np.ndarray]:
    """Every array of an npz file by name. Raises InputError for a damaged, foreign, pickled or oversized file.

    wanted : by name and bytes, which are read. Of the others the header is: zeros of their shape and type stand in for
        them, which take no memory.
    """
    with opened(path, run=run) as stream, _as_input_error(path, "npz"):
        if not zipfile.is_zipfile(stream):
            if Path(path).suffix == WEIGHTS:
                raise _a_checkpoint(path)
            stream.seek(0)
            found = _first_bytes(stream.read(16), os.fstat(stream.fileno()).st_size)
            raise InputError(f"{shown(path)} is not a readable npz file", found=found, expected="a zip of npy arrays")
        with zipfile.ZipFile(stream) as archive:
            members = archive.infolist()
            if any(member.filename.endswith("/data.pkl") for member in members):
                raise _a_checkpoint(path)
            _check_members(members, os.fstat(stream.fileno()).st_size, shown(path))
            named = {member.filename.removesuffix(".npy"): member for member in members}
            read = {name for name, member in named.items() if wanted(name, member.file_size)}
            _check_room(sum(named[name].file_size for name in read), shown(path))
            return {
                name: _read_member(archive, member, path) if name in read else _stand_in(archive, member, path)
                for name, member in named.items()
            }


def _a_checkpoint(path: Path | str) -> InputError:
    """What a measurement is asked for and weights are given."""
    return InputError(
        f"{shown(path)} is a checkpoint", found="weights", expected="an npz file that a measurement of it wrote",
        run=f"rrdyn diagnose {quoted(path)}, then this command with its diag.npz",
    )  # fmt: skip


def array_names(path: Path | str, *, run: str | None = None) -> list[str]:
    """The names of the arrays of an npz file, of which none is read."""
    with opened(path, run=run) as stream, _as_input_error(path, "npz"), zipfile.ZipFile(stream) as archive:
        members = archive.infolist()
        _check_members(members, os.fstat(stream.fileno()).st_size, shown(path))
        return [member.filename.removesuffix(".npy") for member in members]


def _read_member(archive: zipfile.ZipFile, member: zipfile.ZipInfo, path: Path | str) -> np.ndarray:
    where = f"{shown(path)}: {member.filename[:80]}"
    with archive.open(member) as stream:
        _check_header(stream, member.file_size, where)
    with archive.open(member) as stream:
        array = np.lib.format.read_array(stream, allow_pickle=False)
        stream.read(1)  # at the end the checksum is compared
    return _native(array)


def _stand_in(archive: zipfile.ZipFile, member: zipfile.ZipInfo, path: Path | str) -> np.ndarray:
    with archive.open(member) as stream:
        shape, dtype = _check_header(stream, member.file_size, f"{shown(path)}: {member.filename[:80]}")
    return np.broadcast_to(np.zeros((), dtype.newbyteorder("=")), shape)


def _native(array: np.ndarray) -> np.ndarray:
    """The same numbers in the order of bytes of this machine, the only one that torch and numba take."""
    return array if array.dtype.isnative else array.astype(array.dtype.newbyteorder("="))


def _check_members(members: list[zipfile.ZipInfo], size: int, where: str) -> None:
    names = [member.filename for member in members]
    if len(members) > MOST_MEMBERS or len(set(names)) < len(names):
        found = f"{len(names)} members" if len(members) > MOST_MEMBERS else "two members of one name"
        raise InputError(f"{where} is not a readable npz file", found=found, expected="each array once")
    for member in members:
        odd = _oddity(member)
        if odd:
            raise InputError(f"{where} is not a readable npz file", found=f"{odd}: {shown(member.filename)[:80]}",
                             expected="a zip of npy arrays")  # fmt: skip
    if sum(member.compress_size for member in members) > size:
        raise InputError(f"{where} is damaged", found="members that overlap", run=DAMAGED)


def _oddity(member: zipfile.ZipInfo) -> str | None:
    name = member.filename
    if not name.endswith(".npy"):
        return "a member that is no array"
    if name.startswith(("/", "\\")) or ".." in name.replace("\\", "/").split("/") or not name.isprintable():
        return "a member named like a path"
    if stat.S_ISLNK(member.external_attr >> 16):
        return "a link"
    if member.flag_bits & 1:
        return "an encrypted member"
    if member.compress_type not in METHODS:
        return "a member packed in another way"
    if member.file_size > BOMB_BYTES and member.file_size > BOMB_RATIO * max(member.compress_size, 1):
        return f"a member that unpacks to {member.file_size} bytes"
    return None


def _check_header(stream: IO[bytes], size: int, where: str) -> tuple[tuple[int, ...], np.dtype[Any]]:
    """Shape and type of an npy header; refuses one that announces objects, or other than the bytes that are there."""
    version = np.lib.format.read_magic(stream)
    read: Any = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
    shape, _, dtype = read(stream)
    if dtype.hasobject:
        raise InputError(f"{where} holds pickled objects", expected=f"plain arrays only: {PICKLED}")
    there = size - stream.tell()
    announced = math.prod(shape) * dtype.itemsize
    if any(not isinstance(length, int) or length < 0 for length in shape) or announced != there:
        raise InputError(
            f"{where} is damaged", found=f"{there} bytes of data",
            expected=f"{announced} bytes, as its header announces ({dtype}, shape {_short(shape)})", run=DAMAGED,
        )  # fmt: skip
    if dtype.itemsize == 0 and math.prod(shape) > size:
        raise InputError(f"{where} is damaged", found=f"{_short(shape)} values of no size", run=DAMAGED)
    return shape, dtype


def _short(shape: tuple[int, ...]) -> str:
    text = str(shape)
    return text if len(text) <= 60 else text[:60] + " ..."


def _check_room(size: int, where: str) -> None:
    room = memory_left()
    if room is not None and size > room:
        raise InputError(
            f"{where} does not fit into memory", found=f"{size / 1e9:.2f} GB", expected=f"at most {room / 1e9:.2f} GB"
        )


def memory_left() -> int | None:
    """Bytes that this process can still take without swapping, of the machine and of its control group, if known."""
    known = []
    with suppress(OSError, ValueError, IndexError):
        text = Path("/proc/meminfo").read_text()
        known.append(1024 * int(text.split("MemAvailable:")[1].split()[0]))
    with suppress(OSError, ValueError):
        group = Path("/sys/fs/cgroup")
        known.append(int((group / "memory.max").read_text()) - int((group / "memory.current").read_text()))
    return max(0, min(known)) if known else None


def _first_bytes(head: bytes, size: int) -> str:
    if size == 0:
        return "an empty file"
    if head.startswith(b"PK"):
        return f"a zip file cut short at {size} bytes"
    return f"a file of {size} bytes that begins with {head!r}"


@contextmanager
def _as_input_error(path: Path | str, kind: str) -> Iterator[None]:
    """Whatever numpy and zipfile raise over a file, as one InputError of it."""
    try:
        yield
    except (RrdynError, OSError):  # told already; the door tells the system's own
        raise
    except MemoryError:
        raise InputError(f"{shown(path)} does not fit into memory") from None
    except ValueError as error:
        if "allow_pickle" in str(error):
            raise InputError(f"{shown(path)} holds pickled objects", expected=f"plain arrays only: {PICKLED}") from None
        raise InputError(f"{shown(path)} is not a readable {kind} file", found=said(error)) from None
    except Exception as error:  # zipfile, zlib, struct, ast and tokenize have a dozen kinds
        raise InputError(f"{shown(path)} is damaged", found=said(error), run=DAMAGED) from None
