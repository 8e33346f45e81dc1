"""Mutations of arrays, and of the npy and npz files that hold them."""

from __future__ import annotations

import io
import json
import pickle
import struct
import zipfile
from functools import cache
from random import Random

import numpy as np
from tests.fuzz.texts import any_bytes
from tests.fuzz.values import dump, mutated

HEADER = b"\x93NUMPY"


class Harmful:
    """Unpickled, it would leave a folder behind."""

    def __reduce__(self):
        import os

        return os.mkdir, ("evil",)


SHAPES = {
    "no rows": lambda a: a[:0],
    "a row less": lambda a: a[:-1],
    "a row more": lambda a: np.concatenate([a, a[-1:]]),
    "one row": lambda a: a[:1],
    "rows twice": lambda a: np.concatenate([a, a]),
    "flat": lambda a: a.ravel(),
    "transposed": lambda a: a.T,
    "another axis": lambda a: a[..., None],
    "an axis before": lambda a: a[None],
    "no columns": lambda a: a[..., :0],
    "a column": lambda a: a[..., :1],
    "a scalar": lambda a: a.ravel()[0] if a.size else np.array(0),
    "32 axes": lambda a: a.ravel()[:1].reshape((1,) * 32),
    "reversed": lambda a: a[::-1],
    "column order": np.asfortranarray,
    "constant": lambda a: np.zeros_like(a),
}
TYPES = ["float16", "float64", "int8", "uint64", "int64", "bool", "complex128", "U8", "S4", "O", ">f4", "longdouble"]
NUMBERS = [np.nan, np.inf, -np.inf, -1, 0, 1e300, 255, 10**9, 2**62]


def array(a: np.ndarray, rng: Random) -> tuple[np.ndarray, str]:
    """An array of another shape, type or content."""
    action = rng.choice(["shape", "type", "value", "value", "values", "kind", "random"])
    if action == "shape" and a.ndim:
        name = rng.choice(list(SHAPES))
        return SHAPES[name](a), name
    if action == "type":
        name = rng.choice(TYPES)
        with np.errstate(all="ignore"):
            return a.astype(name), f"of type {name}"
    if action == "kind":
        name, other = rng.choice(KINDS)
        return other(a), name
    if action == "random":
        return np.random.default_rng(rng.randrange(2**32)).integers(-3, 300, a.shape), "random whole numbers"
    number = rng.choice(NUMBERS)
    changed = a.astype(float) if a.dtype.kind in "biu" and not np.isfinite(number) else a.copy()
    if changed.size and changed.dtype.kind in "biuf":
        with np.errstate(all="ignore"):
            number = np.float64(number).astype(changed.dtype)
        flat = changed.reshape(-1)
        flat[slice(None) if action == "values" else rng.randrange(flat.size)] = number
    return changed, f"{'all' if action == 'values' else 'one'} {number}"


KINDS = [
    ("dates", lambda a: np.zeros(a.shape, "datetime64[s]")),
    ("records", lambda a: np.zeros(a.shape, [("a", "f4"), ("b", "i4")])),
    ("words", lambda a: np.full(a.shape, "x")),
    ("objects with code", lambda a: np.full(a.shape or (1,), Harmful(), dtype=object)),
    ("nothing", lambda a: np.array(None, dtype=object)),
    ("void", lambda a: np.zeros(a.shape, "V3")),
]


def npy(a: np.ndarray) -> bytes:
    """As an npy file."""
    stream = io.BytesIO()
    np.lib.format.write_array(stream, np.asarray(a), allow_pickle=True)
    return stream.getvalue()


def npy_bytes(data: bytes, rng: Random) -> tuple[bytes, str]:
    """An npy file with another array, or a header that lies."""
    if not data.startswith(HEADER) or rng.random() < 0.2:
        return any_bytes(data, rng)
    if rng.random() < 0.35:
        return lying(data, rng)
    changed, what = array(np.load(io.BytesIO(data), allow_pickle=False), rng)
    return npy(changed), what


LIES = {
    "a shape beyond memory": {"shape": (10**13,)},
    "a shape beyond numbers": {"shape": (10**30,)},
    "a shape that overflows": {"shape": (2**32, 2**32, 2**32)},
    "a negative shape": {"shape": (-4,)},
    "a shape of words": {"shape": ("x",)},
    "no shape": {"shape": None},
    "a shape of 1000 axes": {"shape": (1,) * 1000},
    "an unknown type": {"descr": "<q9"},
    "objects": {"descr": "|O"},
    "a type of no size": {"descr": "<U0"},
    "a type beyond memory": {"descr": "|S2000000000"},
    "records": {"descr": [("a", "<f4"), ("b", "|O")]},
    "an order of words": {"fortran_order": "yes"},
    "another key": {"extra": 1},
}


def lying(data: bytes, rng: Random) -> tuple[bytes, str]:
    """The content under another header."""
    if rng.random() < 0.2:
        version = rng.choice([b"\x09\x09", b"\x02\x00", b"\x03\x00", b"\x00\x00"])
        return HEADER + version + data[8:], f"version {tuple(version)}"
    length = struct.unpack("<H", data[8:10])[0]
    name = rng.choice(list(LIES))
    header = {"descr": "<f4", "fortran_order": False, "shape": (4,), **LIES[name]}
    text = repr(header).encode() + b"\n"
    return HEADER + b"\x01\x00" + struct.pack("<H", len(text)) + text + data[10 + length :], name


def npz_bytes(data: bytes, rng: Random) -> tuple[bytes, str]:
    """An npz file with a wrong member, a wrong meta, or a wrong zip around them."""
    action = rng.choice(["array", "array", "array", "array", "meta", "meta", "meta", "members", "npy", "zip", "bytes"])
    members = unzip(data)
    if action == "bytes" or not members:
        return any_bytes(data, rng)
    if action == "zip":
        return zips(members, rng)
    if action == "meta" and "meta.npy" in members:
        members["meta.npy"], what = _meta(members["meta.npy"], rng)
        return zipped(members), f"meta: {what}"
    if action == "members":
        members, what = _members(members, rng)
        return zipped(members), what
    name = rng.choice([name for name in members if name != "meta.npy"] or list(members))
    if action == "npy":
        members[name], what = lying(members[name], rng) if rng.random() < 0.7 else any_bytes(members[name], rng)
        return zipped(members), f"{name}: {what}"
    changed, what = array(np.load(io.BytesIO(members[name]), allow_pickle=False), rng)
    members[name] = npy(changed)
    return zipped(members), f"{name}: {what}"


def _meta(member: bytes, rng: Random) -> tuple[bytes, str]:
    text = str(np.load(io.BytesIO(member), allow_pickle=False))
    if rng.random() < 0.2:
        other = rng.choice(["", "{", "[]", "7", "null", "[" * 100_000, '{"schema": 5}', '{"schema": null}', "\0"])
        return npy(np.array(other)), repr(other[:20])
    if rng.random() < 0.1:
        a, what = array(np.array([1.0, 2.0]), rng)
        return npy(a), f"an array, {what}"
    tree, what = mutated(json.loads(text), rng)
    try:
        return npy(np.array(dump(tree, rng).decode("utf-8", "surrogatepass"))), what
    except UnicodeEncodeError:
        return npy(np.array("{}")), "empty"


def _members(members: dict[str, bytes], rng: Random) -> tuple[dict[str, bytes], str]:
    name, other = rng.choice(list(members)), rng.choice(list(members))
    action = rng.choice(["missing", "another name", "a stranger", "swapped", "out of the file", "no suffix", "emptied"])
    if action == "missing":
        del members[name]
    elif action == "another name":
        members[name.upper()] = members.pop(name)
    elif action == "a stranger":
        members["stranger.npy"] = npy(np.arange(3))
    elif action == "swapped":
        members[name], members[other] = members[other], members[name]
    elif action == "out of the file":
        members["../../evil.npy"] = members[name]
    elif action == "no suffix":
        members[name.removesuffix(".npy")] = members.pop(name)
    else:
        members[name] = b""
    return members, f"{name}: {action}"


def unzip(data: bytes) -> dict[str, bytes]:
    """The members of a zip, in order."""
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def zipped(members: dict[str, bytes], method: int = zipfile.ZIP_STORED) -> bytes:
    """As a zip."""
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", method) as archive:
        for name, content in members.items():
            archive.writestr(zipfile.ZipInfo(name), content, method)
    return stream.getvalue()


def zips(members: dict[str, bytes], rng: Random) -> tuple[bytes, str]:
    """A zip that another program, or nobody honest, would write."""
    name = rng.choice(["deflated", "LZMA", "BZ2", "encrypted", "an unknown method", "a bomb", "sizes that lie",
                       "checksum", "a member twice", "text before it", "its directory alone",
                       "folders inside"])  # fmt: skip
    first = next(iter(members))
    if name in ("deflated", "LZMA", "BZ2"):
        method = {"deflated": zipfile.ZIP_DEFLATED, "LZMA": zipfile.ZIP_LZMA, "BZ2": zipfile.ZIP_BZIP2}[name]
        return zipped(members, method), name
    plain = bytearray(zipped(members))
    local, central = 0, plain.index(b"PK\x01\x02")
    if name == "encrypted":
        plain[local + 6] |= 1
        plain[central + 8] |= 1
    elif name == "an unknown method":
        plain[local + 8 : local + 10] = plain[central + 10 : central + 12] = struct.pack("<H", 99)
    elif name == "a bomb":
        return bomb(first), name
    elif name == "sizes that lie":
        plain[central + 20 : central + 28] = struct.pack("<II", *rng.choice([(0, 0), (2**31, 2**31), (10, 2**32 - 2)]))
    elif name == "checksum":
        plain[central + 16] ^= 0xFF
    elif name == "a member twice":
        return bytes(plain) if len(members) < 2 else zipped({**members, f"./{first}": members[first]}), name
    elif name == "text before it":
        return b"#!/bin/sh\nexit\n" + plain, name
    elif name == "its directory alone":
        return bytes(plain[central:]), name
    elif name == "folders inside":
        return zipped({f"a/b/{key}": value for key, value in members.items()}), name
    return bytes(plain), name


@cache
def bomb(name: str) -> bytes:
    """A zip of a few megabytes that holds an array of more than the memory of a case."""
    text = b"{'descr': '<f4', 'fortran_order': False, 'shape': (750000000,), }"
    stream = io.BytesIO()
    with (
        zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive,
        archive.open(name, "w", force_zip64=True) as member,
    ):
        member.write(HEADER + b"\x01\x00" + struct.pack("<H", 118) + text + b" " * (117 - len(text)) + b"\n")
        for _ in range(3000):
            member.write(bytes(1_000_000))
    return stream.getvalue()


def pickled(value: object) -> bytes:
    """As a pickle, of the protocol that torch uses."""
    return pickle.dumps(value, protocol=2)
