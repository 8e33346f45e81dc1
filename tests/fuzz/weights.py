"""Mutations of checkpoints: torch's zip of pickled tensors, and safetensors."""

from __future__ import annotations

import io
import json
import struct
from random import Random
from typing import Any

import torch
from tests.fuzz.arrays import Harmful, pickled, unzip, zipped, zips
from tests.fuzz.texts import any_bytes
from tests.fuzz.values import WEIRD, dump, mutated


def torch_bytes(data: bytes, rng: Random) -> tuple[bytes, str]:
    """A torch file with a wrong tensor, a wrong member, or a wrong zip around them."""
    action = rng.choice(["tensor", "tensor", "tensor", "tree", "tree", "member", "member", "member", "zip", "bytes"])
    if action == "bytes":
        return any_bytes(data, rng)
    if action == "zip":
        return zips(unzip(data), rng)
    if action == "member":
        return _member(unzip(data), rng)
    content = torch.load(io.BytesIO(data), map_location="cpu", weights_only=True)
    content, what = _tree(content, rng) if action == "tree" else _tensor(content, rng)
    stream = io.BytesIO()
    torch.save(content, stream)
    return stream.getvalue(), what


def _tensors(tree: Any) -> Any:
    items = tree.items() if isinstance(tree, dict) else enumerate(tree) if isinstance(tree, list) else ()
    for key, value in list(items):
        if isinstance(value, torch.Tensor):
            yield tree, key
        yield from _tensors(value)


TENSORS = {
    "NaN": lambda t: torch.full_like(t, float("nan")) if t.is_floating_point() else t - 1,
    "huge": lambda t: t * 1e38 if t.is_floating_point() else t,
    "zeros": torch.zeros_like,
    "float16": lambda t: t.half(),
    "bfloat16": lambda t: t.bfloat16(),
    "float64": lambda t: t.double(),
    "whole numbers": lambda t: t.long(),
    "complex": lambda t: t.to(torch.complex64),
    "flags": lambda t: t.bool(),
    "flat": lambda t: t.reshape(-1),
    "transposed": lambda t: t.movedim(0, -1) if t.ndim else t,
    "a row less": lambda t: t[1:] if t.ndim else t,
    "a row more": lambda t: torch.cat([t, t[:1]]) if t.ndim else t,
    "no rows": lambda t: t[:0] if t.ndim else t,
    "another axis": lambda t: t[None],
    "a scalar": lambda t: t.reshape(-1)[:1].sum(),
    "sparse": lambda t: t.to_sparse(),
    "a list": lambda t: t.reshape(-1)[:4].tolist(),
    "nothing": lambda t: None,
    "a view": lambda t: torch.zeros(1).expand(t.shape) if t.ndim else t,
}


def _tensor(content: Any, rng: Random) -> tuple[Any, str]:
    places = list(_tensors(content))
    if not places:
        return [], "no tensors"
    holder, key = rng.choice(places)
    action = rng.choice([*TENSORS, "missing", "another name", "a prefix", "a stranger"])
    if action == "missing":
        del holder[key]
    elif action == "another name" and isinstance(holder, dict):
        holder[f"{key}.x"] = holder.pop(key)
    elif action == "a prefix" and isinstance(holder, dict):
        prefix = rng.choice(["module.", "_orig_mod.", "model.", "net.", "."])
        changed = {f"{prefix}{name}": value for name, value in holder.items()}
        holder.clear()
        holder.update(changed)
    elif action == "a stranger" and isinstance(holder, dict):
        holder["stranger"] = torch.ones(3)
    elif action in TENSORS:
        holder[key] = TENSORS[action](holder[key])
    return content, f"tensor {key}: {action}"


def _tree(content: Any, rng: Random) -> tuple[Any, str]:
    """What stands beside the tensors."""
    if not isinstance(content, dict) or rng.random() < 0.1:
        return rng.choice(
            [[], 7, None, "x", {}, {"model": {}}, {"model": 3}, torch.ones(2), {1: torch.ones(2)}]
        ), "the whole"
    key = rng.choice(list(content))
    value = content[key]
    if isinstance(value, str) and value.startswith("{"):
        tree, what = mutated(json.loads(value), rng)
        content[key] = dump(tree, rng).decode("utf-8", "replace")
        return content, f"{key}: {what}"
    if isinstance(value, dict) and not list(_tensors(value)):
        content[key], what = mutated(value, rng)
        return content, f"{key}: {what}"
    if rng.random() < 0.3:
        del content[key]
        return content, f"{key} is missing"
    content[key] = rng.choice([weird for weird in WEIRD if not isinstance(weird, str) or weird.isprintable()])
    return content, f"{key} is {str(content[key])[:30]!r}"


def _member(members: dict[str, bytes], rng: Random) -> tuple[bytes, str]:
    top = next(iter(members)).split("/")[0]
    action = rng.choice(["byteorder", "byteorder", "missing", "cut", "longer", "bytes", "swapped", "code", "renamed",
                         "emptied", "version", "no top", "pickle"])  # fmt: skip
    name = rng.choice(list(members))
    if action == "byteorder":
        order = rng.choice([b"big", b"", b"middle", b"big\n", b"\xff", b"little" * 1000])
        return zipped({**members, f"{top}/byteorder": order}), f"byteorder {order[:12]!r}"
    if action == "missing":
        del members[name]
    elif action == "cut":
        members[name] = members[name][: len(members[name]) // 2]
    elif action == "longer":
        members[name] += bytes(64)
    elif action == "bytes":
        members[name], what = any_bytes(members[name], rng)
        return zipped(members), f"{name}: {what}"
    elif action == "swapped":
        other = rng.choice(list(members))
        members[name], members[other] = members[other], members[name]
    elif action == "code":
        members[f"{top}/data.pkl"] = pickled({"model": Harmful()})
    elif action == "pickle":
        members[f"{top}/data.pkl"] = pickled(rng.choice([None, [], {}, {"a": 1}, 10**30, "x" * 1000]))
    elif action == "renamed":
        members = {key.replace(top, "other", 1): value for key, value in members.items()}
    elif action == "no top":
        members = {key.partition("/")[2] or key: value for key, value in members.items()}
    elif action == "version":
        members[f"{top}/version"] = rng.choice([b"99999999999", b"x", b"", b"-1"])
    else:
        members[name] = b""
    return zipped(members), f"{name}: {action}"


def safetensors_bytes(data: bytes, rng: Random) -> tuple[bytes, str]:
    """A safetensors file with a wrong header, or a wrong tensor under a right one."""
    if rng.random() < 0.15:
        return any_bytes(data, rng)
    length = struct.unpack("<Q", data[:8])[0]
    header, body = json.loads(data[8 : 8 + length]), data[8 + length :]
    action = rng.choice(["length", "header", "header", "header", "content", "body", "depth", "overlap", "missing"])
    if action == "length":
        lie = rng.choice([0, 1, length - 1, length + 1, 2**32, 2**63, 2**64 - 1])
        return struct.pack("<Q", lie) + data[8:], f"header of {lie} bytes"
    if action == "depth":
        return _safe(b"[" * 50_000, body), "a deep header"
    names = [name for name in header if name != "__metadata__"]
    name = rng.choice(names)
    if action == "overlap":
        header[name]["data_offsets"] = header[rng.choice(names)]["data_offsets"]
        return _safe(json.dumps(header).encode(), body), f"{name} lies where another does"
    if action == "missing":
        del header[name]
        return _safe(json.dumps(header).encode(), body), f"{name} is missing"
    if action == "content":
        fill = rng.choice([b"\xff", b"\0", b"\x7f", b"\x00\x00\xc0\x7f"])
        return _safe(json.dumps(header).encode(), (fill * len(body))[: len(body)]), f"all {fill!r}"
    if action == "body":
        return _safe(json.dumps(header).encode(), rng.choice([body[:-1], body + b"\0", b""])), "another length"
    tree, what = mutated(header, rng)
    return _safe(dump(tree, rng), body), what


def _safe(header: bytes, body: bytes) -> bytes:
    return struct.pack("<Q", len(header)) + header + body
