"""Reading tensors from files of strangers: no code is run, and no memory is taken before the sizes are known.

A `.pt` file is a zip with a pickle that describes its tensors. Before torch reads it (with `weights_only`), the
zip directory, the names the pickle calls for and the extent of every tensor are checked here.
"""

from __future__ import annotations

import pickletools
import zipfile
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from rrdyn.artifacts.errors import InputError
from rrdyn.artifacts.files import existing

SIZE_LIMIT = 16 << 30
PICKLE_LIMIT = 16 << 20
STORAGES = ("Float", "Double", "Half", "BFloat16", "Long", "Int", "Short", "Char", "Byte", "Bool")
DTYPES = ("float32", "float64", "float16", "bfloat16", "int64", "int32", "Size")
CALLABLE = {
    "collections OrderedDict",
    "torch._utils _rebuild_tensor_v2",
    "torch._utils _rebuild_parameter",
    "torch.storage UntypedStorage",
    "torch.storage TypedStorage",
    *(f"torch {kind}Storage" for kind in STORAGES),
    *(f"torch {kind}" for kind in DTYPES),
}
FLOATS = (torch.float32, torch.bfloat16, torch.float16, torch.float64)
PREFIXES = ("_orig_mod.", "module.", "model.")
NESTED = ("weights", "state_dict", "model_state_dict", "model")


@dataclass(frozen=True, kw_only=True)
class Contents:
    """Tensors by the names of the file, and what else it says."""

    tensors: dict[str, Tensor]
    about: dict[str, Any] = field(default_factory=dict)


def read_weights(path: Path) -> Contents:
    """The tensors of a torch or safetensors file, on the CPU.

    Raises InputError for a file that is missing, damaged, too large, that calls for code, or that holds no tensors.
    """
    path = existing(path)
    size = path.stat().st_size
    if not path.is_file() or size == 0:
        raise InputError(f"{path} holds no weights", found="a folder" if path.is_dir() else "an empty file")
    if size > SIZE_LIMIT:
        raise InputError(f"{path} is too large", found=f"{size >> 30} GiB", expected=f"at most {SIZE_LIMIT >> 30} GiB")
    if zipfile.is_zipfile(path):
        return _named(_read_torch(path, size), path)
    if path.suffix == ".safetensors" or _begins_like_safetensors(path, size):
        tensors, about = _read_safetensors(path)
        return Contents(tensors=_tensors(tensors, path), about=about)
    with open(path, "rb") as stream:
        head = stream.read(16)
    if head.startswith(b"PK"):
        raise damaged(path, f"a zip file cut short at {size} bytes")
    raise InputError(
        f"{path} is not a checkpoint",
        found=f"{size} bytes that begin with {head!r}",
        expected="a .pt file as torch.save writes it (zip format), or .safetensors",
    )


def damaged(path: Path, why: object) -> InputError:
    """The error for a weight file that cannot be believed."""
    return InputError(f"{path} is damaged", found=" ".join(str(why).split())[:300], run="fetch or export it again")


def _begins_like_safetensors(path: Path, size: int) -> bool:
    with open(path, "rb") as stream:
        head = stream.read(9)
    return len(head) == 9 and head[8:] == b"{" and int.from_bytes(head[:8], "little") < size


def _read_safetensors(path: Path) -> tuple[dict[str, Tensor], dict[str, Any]]:
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, framework="pt", device="cpu") as members:  # checks every offset against the file
            return {key: members.get_tensor(key) for key in members.keys()}, dict(members.metadata() or {})  # noqa: SIM118
    except (SafetensorError, OSError, ValueError, RuntimeError, KeyError, AttributeError, TypeError) as error:
        raise damaged(path, error) from None


def _read_torch(path: Path, size: int) -> Any:
    _check_zip(path, size)
    try:
        # First without data: what would be allocated is known before it is.
        _check_extents(torch.load(path, map_location="meta", weights_only=True), path, size)
        return torch.load(path, map_location="cpu", weights_only=True)
    except InputError:
        raise
    except Exception as error:  # torch's reader raises a dozen kinds for a damaged file
        raise damaged(path, error) from None


def _check_zip(path: Path, size: int) -> None:
    try:
        with zipfile.ZipFile(path) as archive:
            members = archive.infolist()
            if any(member.compress_type != zipfile.ZIP_STORED for member in members):
                raise InputError(f"{path} is not a torch file", found="compressed members", expected="stored members")
            if sum(member.file_size for member in members) > size:
                raise damaged(path, "its directory promises more bytes than the file has")
            pickles = [member for member in members if member.filename.endswith("data.pkl")]
            if len(pickles) != 1 or pickles[0].file_size > PICKLE_LIMIT:
                raise InputError(f"{path} is not a torch file", found="a zip file", expected="one data.pkl inside")
            _check_pickle(archive.read(pickles[0]), path)
            broken = archive.testzip()
    except InputError:
        raise
    except Exception as error:  # zipfile, too, raises many kinds
        raise damaged(path, error) from None
    if broken:
        raise damaged(path, f"the checksum of {broken} does not match its content")


def _check_pickle(content: bytes, path: Path) -> None:
    """Refuse a pickle that calls for anything but tensors, without running it."""
    for opcode, argument, _ in pickletools.genops(content):
        if opcode.name in ("STACK_GLOBAL", "INST", "OBJ", "NEWOBJ", "NEWOBJ_EX", "EXT1", "EXT2", "EXT4") or (
            opcode.name == "GLOBAL" and argument not in CALLABLE
        ):
            called = str(argument).replace(" ", ".") if argument else f"an object ({opcode.name})"
            raise InputError(
                f"{path} would run code when it is read", found=called, expected="a file that holds tensors only"
            )


def _check_extents(value: Any, path: Path, size: int) -> None:
    """Refuse tensors, read without data, that claim more bytes than the file has."""
    stack, seen, total = [value], set(), 0
    while stack:
        item = stack.pop()
        if isinstance(item, Tensor):
            if item.layout != torch.strided or item.is_quantized:
                raise InputError(
                    f"{path} holds a tensor of another layout", found=item.layout, expected="dense tensors"
                )
            storage = item.untyped_storage()
            if storage._cdata not in seen:
                seen.add(storage._cdata)
                total += storage.nbytes()
            # A view may repeat its storage (stride 0); what a copy of it takes counts.
            if item.numel() * item.element_size() > size or total > size:
                raise damaged(path, "its tensors claim more bytes than the file has")
        elif isinstance(item, dict):
            stack.extend(item.values())
        elif isinstance(item, list | tuple):
            stack.extend(item)


def _named(value: Any, path: Path) -> Contents:
    if not isinstance(value, dict):
        raise InputError(
            f"{path} is not a checkpoint", found=type(value).__name__, expected="a dict of tensors by name"
        )
    about: dict[str, Any] = {}
    if {"trainer", "sampler"} <= value.keys():
        raise InputError(
            f"{path} is a training state, to resume from",
            expected="the checkpoint beside it",
            run=f"give {path.parent}",
        )
    while not any(isinstance(item, Tensor) for item in value.values()):
        inside = next((key for key in NESTED if isinstance(value.get(key), dict) and value[key] is not value), None)
        if inside is None:
            raise InputError(f"{path} holds no tensors", found=", ".join(map(str, value)) or "an empty dict")
        about = {key: item for key, item in value.items() if key != inside}
        value = value[inside]
    return Contents(tensors=_tensors(value, path), about=about)


def _tensors(value: dict[Any, Any], path: Path) -> dict[str, Tensor]:
    for key, tensor in value.items():
        if not isinstance(tensor, Tensor) or not isinstance(key, str):
            raise InputError(f"{path}: {key} is not a tensor", found=type(tensor).__name__)
    if not value:
        raise InputError(f"{path} holds no tensors")
    return value


def matched(tensors: Mapping[str, Tensor], wanted: Collection[str], path: Path) -> dict[str, Tensor]:
    """The tensors by the names a model has, without the prefixes that compilers and wrappers put before them.

    A tensor of no wanted name keeps what is left without any. Raises InputError where two get one name.
    """
    found: dict[str, Tensor] = {}
    for key, tensor in tensors.items():
        name = key
        while name not in wanted and (prefix := next((p for p in PREFIXES if name.startswith(p)), None)):
            name = name.removeprefix(prefix)
        if name in found:
            raise InputError(f"{path} holds {name} twice", found=key, expected="one tensor a name")
        found[name] = tensor
    return found
