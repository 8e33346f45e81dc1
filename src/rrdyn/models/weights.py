"""Reading what a weights file of a stranger says: no code is run, and no memory is taken before the sizes are known."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import torch
from torch import Tensor

from rrdyn.artifacts.errors import InputError
from rrdyn.artifacts.places import existing, is_folder, opened, regular, said, shown
from rrdyn.artifacts.record import Meta
from rrdyn.models.archives import StoredTensor, TorchFile, damaged, is_legacy, read_legacy, read_zip
from rrdyn.models.candidates import Candidate, Described, find_candidates
from rrdyn.models.pickles import Record, plain

SIZE_LIMIT = 16 << 30
FLOATS = (torch.float32, torch.bfloat16, torch.float16, torch.float64)
PAGES = (b"<!doc", b"<html", b"<?xml")
HEAD = 64


@dataclass(frozen=True, kw_only=True)
class Contents:
    """Everything a weights file says, its tensors described but not read."""

    candidates: list[Candidate]
    """Sets of tensors that may be weights, by the names of the file."""
    about: Meta = field(default_factory=dict)
    """What stands beside them, by name, as plain values; objects of foreign classes as mappings of their fields."""
    foreign: tuple[str, ...] = ()
    """Classes and functions that the file names and that nobody looked at."""
    file: TorchFile | None = None

    @property
    def tensors(self) -> dict[str, Described]:
        """All tensors, by where they stand and their name."""
        return {
            f"{c.key}.{name}" if c.key else name: tensor for c in self.candidates for name, tensor in c.tensors.items()
        }

    def read(self, tensors: Mapping[str, Described]) -> dict[str, Tensor]:
        """Tensors of this file, on the CPU. Raises InputError where their bytes are damaged."""
        stored = {name: tensor for name, tensor in tensors.items() if isinstance(tensor, StoredTensor)}
        here = {name: tensor for name, tensor in tensors.items() if isinstance(tensor, Tensor)}
        if stored:
            assert self.file is not None
            here |= self.file.read(stored)
        return {name: here[name] for name in tensors}


def read_weights(path: Path) -> Contents:
    """What a torch or safetensors file says.

    Raises InputError for a file that is missing, damaged, too large, that would run commands, or that holds no tensors.
    """
    path = existing(path)
    if is_folder(path):
        raise InputError(f"{shown(path)} holds no weights", found="a folder")
    path = regular(path, most=SIZE_LIMIT)
    with opened(path) as stream:
        head = stream.read(HEAD)
        size = stream.seek(0, 2)
    if size == 0:
        raise InputError(f"{shown(path)} holds no weights", found="an empty file")
    if head.startswith(b"PK"):
        return _contents(read_zip(path, size), path)
    if is_legacy(head):
        return _contents(read_legacy(path, size), path)
    if path.suffix == ".safetensors" or (head[8:9] == b"{" and int.from_bytes(head[:8], "little") < size):
        tensors, about = _read_safetensors(path)
        return Contents(candidates=find_candidates(tensors), about=about)
    page = head.lstrip().lower().startswith(PAGES)
    raise InputError(
        f"{shown(path)} is not a checkpoint",
        found="a web page" if page else f"{size} bytes that begin with {head[:16]!r}",
        expected="a file of torch.save, or .safetensors",
    )


def _read_safetensors(path: Path) -> tuple[dict[str, Tensor], Meta]:
    from safetensors import safe_open

    try:
        with (
            opened(path) as stream,  # by its number where its name is odd: the library takes names of UTF-8 only
            safe_open(f"/dev/fd/{stream.fileno()}" if _odd(path) else path, framework="pt", device="cpu") as members,
        ):  # every offset is checked against the file
            return {key: members.get_tensor(key) for key in members.keys()}, dict(members.metadata() or {})  # noqa: SIM118
    except Exception as error:  # the library raises a dozen kinds
        raise damaged(path, said(error)) from None


def _odd(path: Path) -> bool:
    """Whether the name is no UTF-8."""
    try:
        str(path).encode()
    except UnicodeEncodeError:
        return True
    return False


def _contents(file: TorchFile, path: Path) -> Contents:
    value = file.value
    if isinstance(value, dict) and {"trainer", "sampler"} <= value.keys():
        raise InputError(
            f"{shown(path)} is a training state, to resume from",
            expected="the checkpoint beside it",
            run=f"give {shown(path.parent)}",
        )
    if not isinstance(value, dict | Record):
        raise InputError(
            f"{shown(path)} is not a checkpoint", found=type(value).__name__, expected="a dict of tensors by name"
        )
    entries = value if isinstance(value, dict) else value.fields
    about = plain({name: item for name, item in entries.items() if not isinstance(item, Described)})
    candidates = find_candidates(value)
    if not candidates:
        names = ", ".join(name for name in entries if isinstance(name, str))[:200] or "nothing"
        raise InputError(f"{shown(path)} holds no tensors", found=names, expected="weights by name")
    return Contents(candidates=candidates, about=about, foreign=file.foreign, file=file)
