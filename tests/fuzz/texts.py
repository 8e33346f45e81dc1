"""Mutations of tables and plain texts, and of bytes whatever they mean."""

from __future__ import annotations

import gzip
from random import Random

CELLS = [
    "", " ", "nan", "inf", "-1", "0", "1e999", "99999999999999999999", "x", "é", "\x1b[2J", '"', '""', "1,5", "0x10",
    "1_0", "None", "\t", "١", "1 2", "a" * 200_000, "../../evil",
]  # fmt: skip


def csv_bytes(data: bytes, rng: Random) -> tuple[bytes, str]:
    """A table with a wrong cell, row, column or spelling."""
    rows = [line.split(",") for line in data.decode().splitlines()]
    action = rng.choice(["cell", "cell", "cell", "cell", *WHOLE, *ROWS])
    number = rng.randrange(len(rows))
    if action == "cell":
        column = rng.randrange(len(rows[number]))
        value = rng.choice(CELLS)
        rows[number][column] = value
        return _join(rows), f"row {number}, column {column} is {value[:20]!r}"
    if action in WHOLE:
        return WHOLE[action](data), action
    rows = ROWS[action](rows, number)
    return _join(rows), f"{action} (row {number})"


def _join(rows: list[list[str]]) -> bytes:
    return "\n".join(",".join(row) for row in rows).encode() + b"\n"


ROWS = {
    "no header": lambda rows, n: rows[1:],
    "header alone": lambda rows, n: rows[:1],
    "a column twice": lambda rows, n: [[*row, row[0]] for row in rows],
    "a column less": lambda rows, n: [row[1:] for row in rows],
    "a short row": lambda rows, n: [*rows[:n], rows[n][:1], *rows[n + 1 :]],
    "a long row": lambda rows, n: [*rows[:n], rows[n] * 3, *rows[n + 1 :]],
    "a blank row": lambda rows, n: [*rows[:n], [""], *rows[n:]],
    "a row twice": lambda rows, n: [*rows[: n + 1], *rows[n:]],
    "the header again": lambda rows, n: [*rows, rows[0]],
    "names in capitals": lambda rows, n: [[name.upper() for name in rows[0]], *rows[1:]],
    "names quoted": lambda rows, n: [[f'" {name} "' for name in rows[0]], *rows[1:]],
    "an open quote": lambda rows, n: [*rows[:n], ['"' + ",".join(rows[n])], *rows[n + 1 :]],
    "reversed": lambda rows, n: [rows[0], *rows[:0:-1]],
}
WHOLE = {
    "semicolons": lambda data: data.replace(b",", b";"),
    "tabs": lambda data: data.replace(b",", b"\t"),
    "a byte-order mark": lambda data: b"\xef\xbb\xbf" + data,
    "UTF-16": lambda data: data.decode().encode("utf-16"),
    "Latin-1": lambda data: data.replace(b"e", b"\xe9"),
    "NULs": lambda data: data.replace(b",", b",\0", 3),
    "old Mac line ends": lambda data: data.replace(b"\n", b"\r"),
    "no end of line": lambda data: data.rstrip(),
    "one line": lambda data: data.replace(b"\n", b","),
}


def text_bytes(data: bytes, rng: Random) -> tuple[bytes, str]:
    """A text with other characters than it should have."""
    name = rng.choice(list(TEXTS))
    return TEXTS[name](data), name


TEXTS = {
    "empty": lambda data: b"",
    "one character less": lambda data: data[1:],
    "twice": lambda data: data + data,
    "letters": lambda data: b"hello, world\n",
    "NULs": lambda data: b"\0" * len(data),
    "not UTF-8": lambda data: b"\xff\xfe" + data,
    "a byte-order mark": lambda data: b"\xef\xbb\xbf" + data,
    "wide digits": lambda data: "١٢٣".encode() + data,
    "a ragged grid": lambda data: data.replace(b"\n", b" \n", 1),
    "lines of blanks": lambda data: b" \n" * 40,
    "long": lambda data: data * 5000,
    "JSON": lambda data: b'{"puzzle": [1, 2, 3]}',
}

STRANGERS = {
    "an empty file": b"",
    "one byte": b"\0",
    "a million NULs": bytes(1_000_000),
    "a Git-LFS pointer": b"version https://git-lfs.github.com/spec/v1\noid sha256:" + b"0" * 64 + b"\nsize 12345\n",
    "a web page": b"<!DOCTYPE html>\n<html><head><title>404</title></head></html>\n",
    "a picture": b"\x89PNG\r\n\x1a\n" + bytes(64),
    "an empty zip": b"PK\x05\x06" + bytes(18),
    "a zip cut short": b"PK\x03\x04" + bytes(26),
    "gzip": gzip.compress(b"x" * 100, mtime=0),
    "a pickle": b"\x80\x04\x8c\x05posix\x8c\x05mkdir\x93\x8c\x04evil\x85R.",
    "JSON": b'{"a": 1}',
    "a number": b"7\n",
    "a text": b"these are not the numbers you are looking for\n",
    "UTF-16 text": "rows,columns\n1,2\n".encode("utf-16"),
    "an npy file cut short": b"\x93NUMPY\x01\x00v\x00{'descr': '<f8', 'fortran_order': False, 'shape': (1,), }",
}  # fmt: skip


def any_bytes(data: bytes, rng: Random) -> tuple[bytes, str]:
    """Bytes changed without a thought of what they mean."""
    action = rng.choice(["stranger", "cut", "flip", "flip", "zero", "insert", "repeat", "swap", "tail", "head"])
    size = len(data)
    if action == "stranger" or size < 8:
        name = rng.choice(list(STRANGERS))
        return STRANGERS[name], name
    start = rng.randrange(size)
    some = bytes(rng.randrange(256) for _ in range(rng.choice([1, 4, 64])))
    if action == "cut":
        return data[:start], f"cut after {start} of {size} bytes"
    if action == "flip":
        changed = bytearray(data)
        for _ in range(rng.choice([1, 8, 100])):
            changed[rng.randrange(size)] ^= 1 << rng.randrange(8)
        return bytes(changed), "bits flipped"
    if action == "zero":
        end = min(size, start + rng.choice([1, 16, 512]))
        return data[:start] + bytes(end - start) + data[end:], f"zeros from byte {start} to {end}"
    if action == "insert":
        return data[:start] + some + data[start:], f"{len(some)} bytes inserted at {start}"
    if action == "repeat":
        return data[:start] + data[start // 2 :], f"a stretch before {start} repeated"
    if action == "swap":
        half = size // 2
        return data[half:] + data[:half], "halves swapped"
    return (data + some if action == "tail" else some + data), f"{len(some)} bytes at the {action}"
