"""Mutations of values: of the trees that JSON and YAML spell, and of how they are spelled."""

from __future__ import annotations

import json
import math
from random import Random
from typing import Any

import yaml

WEIRD: list[Any] = [
    None, True, False, 0, -1, 1, 2, 3.5, -0.0, 2**31, 2**63, -(2**63) - 1, 10**30, 10**400, 1e308, 1e-320, math.nan,
    math.inf, -math.inf, "", "x", "nan", "inf", "1", "1e3", "-1", "é", "\0", "\x1b[2J", "\ud800", "a" * 5000,
    "../../evil", "/dev/zero", "..", ".", "2024-01-01", "None", "true", [], {}, [[]], [None], [1, "x"], ["x"],
    [[1], [2, 3]], {"a": 1}, {"": {}}, [math.nan], list(range(300)), {"name": "trm"}, {"path": None},
    {str(i): i for i in range(50)},
]  # fmt: skip
"""What no field is made for."""


def mutated(tree: Any, rng: Random) -> tuple[Any, str]:
    """A tree with one thing wrong, and what that is."""
    places = list(_places(tree))
    if not places or rng.random() < 0.05:
        value = rng.choice(WEIRD)
        return value, f"the whole is {_short(value)}"
    near_the_root = [place for place in places if place[0] is tree]
    holder, key = rng.choice(near_the_root if rng.random() < 0.3 else places)
    name = f"[{key!r}]"
    action = rng.choice(["weird", "weird", "weird", "delete", "rename", "add", "wrap", "other", "deep", "near", "near"])
    if action == "delete":
        del holder[key]
        return tree, f"{name} is missing"
    if action == "rename" and isinstance(holder, dict):
        holder[rng.choice([f"{key}x", str(key).upper(), "", "é"])] = holder.pop(key)
        return tree, f"{name} has another name"
    if action == "add" and isinstance(holder, dict):
        value = rng.choice(WEIRD)
        holder[rng.choice(["extra", "", "__class__", "\0", "schema", "name"])] = value
        return tree, f"beside {name} stands {_short(value)}"
    if action == "wrap":
        holder[key] = rng.choice([[holder[key]], {"value": holder[key]}, [[holder[key]]] * 2])
        return tree, f"{name} is wrapped"
    if action == "other":
        other, place = rng.choice(places)
        holder[key] = json.loads(json.dumps(other[place], default=str))
        return tree, f"{name} is what is at [{place!r}]"
    if action == "deep":
        value: Any = holder[key]
        for _ in range(rng.choice([60, 900])):
            value = [value]
        holder[key] = value
        return tree, f"{name} lies deep"
    if action == "near" and isinstance(holder[key], int | float):
        value = holder[key]
        holder[key] = rng.choice([0, -value, value + 1, value * 10**6, float(value) + 0.5, str(value)])
        return tree, f"{name} is {_short(holder[key])} in the place of {_short(value)}"
    holder[key] = rng.choice(WEIRD)
    return tree, f"{name} is {_short(holder[key])}"


def _places(tree: Any) -> Any:
    """(holder, key) of every value in a tree; a long list counts by its first members."""
    items = tree.items() if isinstance(tree, dict) else enumerate(tree[:6]) if isinstance(tree, list) else ()
    for key, value in list(items):
        yield tree, key
        yield from _places(value)


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) < 40 else f"{text[:30]}... ({len(text)} characters)"


def json_bytes(data: bytes, rng: Random) -> tuple[bytes, str]:
    """A JSON file with a wrong value or a wrong spelling."""
    if rng.random() < 0.3:
        return spelling(data, rng)
    tree, what = mutated(json.loads(data), rng)
    return dump(tree, rng), what


def dump(tree: Any, rng: Random) -> bytes:
    """As JSON; NaN and lone surrogates are written as Python would."""
    return json.dumps(tree, ensure_ascii=rng.random() < 0.7).encode("utf-8", "surrogatepass")


def jsonl_bytes(data: bytes, rng: Random) -> tuple[bytes, str]:
    """A file of JSON lines, one of them wrong."""
    lines = data.splitlines()
    number = rng.randrange(len(lines))
    action = rng.choice(["value", "value", "value", "cut", "blank", "twice", "spelling", "text", "number"])
    if action == "value":
        lines[number], what = json_bytes(lines[number], rng)
    elif action == "spelling":
        return spelling(data, rng)
    else:
        lines[number] = {
            "cut": lines[number][: len(lines[number]) // 2], "blank": b"", "twice": lines[number] * 2,
            "text": b"epoch 3 of 4", "number": b"7",
        }[action]  # fmt: skip
        what = action
    return b"\n".join(lines) + b"\n", f"line {number + 1}: {what}"


SPELLINGS = {
    "a byte-order mark": lambda data: b"\xef\xbb\xbf" + data,
    "UTF-16": lambda data: data.decode("utf-8", "replace").encode("utf-16"),
    "Latin-1 bytes": lambda data: data.replace(b"e", b"\xe9", 3),
    "a trailing comma": lambda data: data.rstrip()[:-1] + b",}",
    "a comment": lambda data: b"// a comment\n" + data,
    "100,000 brackets": lambda data: b"[" * 100_000,
    "100,000 closed brackets": lambda data: b"[" * 100_000 + b"]" * 100_000,
    "100,000 braces": lambda data: b'{"a":' * 100_000,
    "a number of 5,000 digits": lambda data: b'{"n": ' + b"9" * 5000 + b"}",
    "a key twice": lambda data: data.rstrip()[:-1] + b', "a": 1, "a": {}}',
    "single quotes": lambda data: data.replace(b'"', b"'"),
    "a NUL": lambda data: data[: len(data) // 2] + b"\0" + data[len(data) // 2 :],
    "old Mac line ends": lambda data: data.replace(b"\n", b"\r"),
    "two documents": lambda data: data + data,
    "infinities": lambda data: b'{"a": Infinity, "b": 1e999, "c": -NaN}',
}
YAML_SPELLINGS = {
    "tabs": b"train:\t\n\t- a",
    "code": b"!!python/object/apply:os.mkdir ['evil']\n",
    "code inside": b"model: !!python/object/new:subprocess.Popen [[touch, evil]]\n",
    "laughs": b"a: &a [x,x,x,x,x,x,x,x,x]\n"
    + b"".join(
        b"%c: &%c [%s]\n" % (98 + i, 98 + i, b",".join([b"*%c" % (97 + i)] * 9)) for i in range(8)
    ),
    "itself": b"a: &a {b: *a}\n",
    "an alias of nothing": b"a: *nothing\n",
    "a merge of nothing": b"<<: 5\na: 1\n",
    "a key that is a list": b"? [a, b]\n: c\n",
    "a key that is a mapping": b"{a: 1}: b\n",
    "keys of all kinds": b"1: a\nnull: b\ntrue: c\n2.5: d\n2024-01-01: e\n",
    "a date": b"seeds: 2024-01-01\nseed: 2024-01-01T10:00:00Z\n",
    "sixties": b"steps: 1:30:00\nlr: 1:30\n",
    "another version": b"%YAML 9.9\n---\na: 1\n",
    "two documents": b"a: 1\n---\nb: 2\n",
    "depth": b"[" * 50_000,
    "depth of dashes": b"- " * 3000 + b"x\n",
    "binary": b"a: !!binary aGk=\nb: !!set {x, y}\nc: !!omap [x: 1]\n",
    "a long number": b"steps: " + b"9" * 5000 + b"\n",
    "infinities": b"lr: .inf\nsteps: .nan\nseed: -.inf\n",
    "an unknown tag": b"a: !mine {b: 1}\n",
}  # fmt: skip


def spelling(data: bytes, rng: Random) -> tuple[bytes, str]:
    """The same file, or another, as some program or person would write it."""
    name = rng.choice(list(SPELLINGS))
    return SPELLINGS[name](data), name


def yaml_bytes(data: bytes, rng: Random) -> tuple[bytes, str]:
    """A YAML file with a wrong value or a wrong spelling."""
    if rng.random() < 0.25:
        name = rng.choice(list(YAML_SPELLINGS))
        after = rng.random() < 0.5
        return (data if after else b"") + YAML_SPELLINGS[name], f"{name}{' at the end' if after else ''}"
    if rng.random() < 0.15:
        return spelling(data, rng)
    tree, what = mutated(yaml.safe_load(data), rng)
    try:
        return yaml.safe_dump(tree, allow_unicode=True).encode("utf-8", "surrogatepass"), what
    except (yaml.YAMLError, RecursionError):
        return dump(tree, rng), f"{what}, as JSON"
