"""Files of `torch.save`, read without torch's reader: what they say as plain values, their tensors where they lie.

Two layouts: a zip with a pickle and one member a storage, and torch's older one of pickles and storages in a row. A
tensor is described before a byte of it is read; nothing is taken on a file's word that the file is not large enough
for.
"""

from __future__ import annotations

import io
import math
import zipfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import numpy as np
import torch
from torch import Tensor

from rrdyn.artifacts.errors import InputError, RrdynError
from rrdyn.artifacts.places import opened, said, shown
from rrdyn.models.pickles import Global, Harmful, Known, Record, read_pickle

PICKLE_LIMIT = 16 << 20
MOST_MEMBERS = 1 << 20
MAGIC = 0x1950A86A20F9469CFC6C
"""The first number in a file of torch's older layout."""
DTYPES = {
    "float32": "Float", "float64": "Double", "float16": "Half", "bfloat16": "BFloat16", "int64": "Long",
    "int32": "Int", "int16": "Short", "int8": "Char", "uint8": "Byte", "bool": "Bool", "complex64": "ComplexFloat",
    "complex128": "ComplexDouble", "uint16": "UInt16", "uint32": "UInt32", "uint64": "UInt64",
}  # fmt: skip
"""torch's types, and what its storages of them are called."""
BY_STORAGE = {f"torch.{storage}Storage": getattr(torch, name) for name, storage in DTYPES.items()}
BY_NAME = {f"torch.{name}": getattr(torch, name) for name in DTYPES}
NUMBERS = frozenset({"f8", "f4", "f2", "i8", "i4", "i2", "i1", "u8", "u4", "u2", "u1", "b1"})
"""numpy's codes of plain numbers."""


@dataclass(frozen=True)
class Storage:
    """A run of bytes of the file that tensors are views of."""

    key: str
    dtype: torch.dtype | None
    """None for bytes whose type the tensor says."""
    bytes: int


@dataclass(frozen=True)
class StoredTensor:
    """A tensor that has not been read."""

    storage: Storage
    dtype: torch.dtype
    offset: int
    shape: tuple[int, ...]
    stride: tuple[int, ...]

    @property
    def ndim(self) -> int:
        return len(self.shape)


@dataclass(frozen=True)
class TorchFile:
    """What a file of torch.save says."""

    path: Path
    value: Any
    """Plain values, `Record`s of foreign objects, and `StoredTensor`s."""
    places: Mapping[str, zipfile.ZipInfo | int]
    """Where each storage lies: a member of a zip, or its first byte in the file."""
    swapped: bool
    """Whether its numbers have the other order of bytes."""
    foreign: tuple[str, ...]
    """Classes and functions it names that were passed over."""

    def read(self, tensors: Mapping[str, StoredTensor]) -> dict[str, Tensor]:
        """The tensors themselves, views of one storage sharing it. Raises InputError where their bytes are damaged."""
        with opened(self.path) as stream, damaged_if_unreadable(self.path):
            load = _bytes_of(stream)
            kept: dict[str, bytearray] = {}
            found: dict[str, Tensor] = {}
            for name, tensor in tensors.items():
                storage = tensor.storage
                if storage.key not in kept:
                    kept[storage.key] = load(self.places[storage.key], storage.bytes)
                found[name] = _tensor(kept[storage.key], tensor, self.swapped)
            return found


def damaged(path: Path | str, why: object) -> InputError:
    """The error for a weight file that cannot be believed."""
    return InputError(
        f"{shown(path)} is damaged", found=" ".join(str(why).split())[:300], run="fetch or export it again"
    )


@contextmanager
def damaged_if_unreadable(path: Path) -> Iterator[None]:
    """Tell whatever goes wrong inside as a damaged file: zip, pickles and tensors raise many kinds."""
    try:
        yield
    except RrdynError:
        raise
    except Harmful as error:
        raise InputError(
            f"{shown(path)} would run code when it is read", found=error.name, expected="a file that holds tensors only"
        ) from None
    except Exception as error:
        raise damaged(path, said(error)) from None


def read_zip(path: Path, size: int) -> TorchFile:
    """A file of torch's zip layout of `size` bytes. Raises InputError for another zip or a damaged one."""
    with opened(path) as stream, damaged_if_unreadable(path), zipfile.ZipFile(stream) as archive:
        if any("/code/" in member.filename for member in archive.infolist()):
            raise InputError(
                f"{shown(path)} is a compiled program (TorchScript)", expected="a state dict written by torch.save",
                run="torch.save(torch.jit.load(FILE).state_dict(), 'weights.pt') in an environment that trusts it",
            )  # fmt: skip
        members = _checked(archive.infolist(), path, size)
        pickles = [name for name in members if name == "data.pkl" or name.endswith("/data.pkl")]
        if len(pickles) != 1 or members[pickles[0]].file_size > PICKLE_LIMIT:
            raise InputError(f"{shown(path)} is not a torch file", found="a zip file", expected="one data.pkl inside")
        root = pickles[0].removesuffix("data.pkl")
        order = members.get(f"{root}byteorder")
        swapped = order is not None and _is_big(archive, order)

        places: dict[str, zipfile.ZipInfo | int] = {}

        def storage(reference: Any) -> Storage:
            dtype, key, numel = _reference(reference)
            places[key] = member = members[f"{root}data/{key}"]
            return _storage(key, dtype, numel, member.file_size)

        reader = _Reader(storage, size)
        value = reader.read(io.BytesIO(archive.read(members[pickles[0]])))
        return TorchFile(path, value, places, swapped, tuple(reader.foreign))


def read_legacy(path: Path, size: int) -> TorchFile:
    """A file of torch's older layout: five pickles, then each storage behind its length."""
    with opened(path) as stream, damaged_if_unreadable(path):
        head = io.BytesIO(stream.read(PICKLE_LIMIT))
        sizes: dict[str, tuple[torch.dtype, int]] = {}

        def storage(reference: Any) -> Storage:
            dtype, key, numel = _reference(reference)
            if dtype is None:
                raise ValueError("a storage without a type")
            sizes.setdefault(key, (dtype, numel))
            return _storage(key, dtype, numel, size)

        reader = _Reader(storage, size)
        _, _, about, value, keys = (reader.read(head) for _ in range(5))
        at = head.tell()
        places: dict[str, zipfile.ZipInfo | int] = {}
        for key in keys:
            dtype, numel = sizes[key]
            stream.seek(at)
            if int.from_bytes(stream.read(8), "little") != numel:
                raise ValueError(f"storage {key} is not as long as announced")
            places[key] = at + 8
            at += 8 + numel * dtype.itemsize
        if at > size:
            raise ValueError(f"cut short at {size} bytes of {at}")
        swapped = isinstance(about, dict) and about.get("little_endian") is False
        return TorchFile(path, value, places, swapped, tuple(reader.foreign))


def is_legacy(head: bytes) -> bool:
    """Whether a file that begins so is of torch's older layout."""
    return head.startswith(b"\x80") and MAGIC.to_bytes(10, "little") in head


def _checked(members: list[zipfile.ZipInfo], path: Path, size: int) -> dict[str, zipfile.ZipInfo]:
    if len(members) > MOST_MEMBERS or len({member.filename for member in members}) < len(members):
        raise damaged(path, "its directory names a member twice")
    if any(member.compress_type != zipfile.ZIP_STORED for member in members):
        raise InputError(f"{shown(path)} is not a torch file", found="compressed members", expected="stored members")
    if sum(member.file_size for member in members) > size:
        raise damaged(path, "its directory promises more bytes than the file has")
    return {member.filename: member for member in members}


def _is_big(archive: zipfile.ZipFile, member: zipfile.ZipInfo) -> bool:
    order = archive.read(member) if member.file_size <= 16 else b"..."
    if order not in (b"little", b"big"):
        raise ValueError(f"its byteorder member says {order!r}")
    return order == b"big"


# ---- what the pickle says of tensors ---------------------------------------------------------------------------------


class _Reader:
    def __init__(self, storage: Callable[[Any], Storage], size: int) -> None:
        self.storage, self.size = storage, size
        self.foreign: dict[str, None] = {}
        rebuild: dict[str, Callable[..., Any]] = {
            "torch._utils._rebuild_tensor": self._view,
            "torch._utils._rebuild_tensor_v2": self._view,
            "torch._utils._rebuild_tensor_v3": self._typed_view,
            "torch._utils._rebuild_parameter": lambda data, *_: data,
            "torch._utils._rebuild_parameter_with_state": lambda data, *_: data,
            "torch._tensor._rebuild_from_type_v2": self._of_subclass,
            "torch.Size": lambda items=(), *_: tuple(items),
            "torch.nn.parameter.Parameter": lambda data=None, *_: data,
            "numpy.core.multiarray.scalar": _number,
            "numpy._core.multiarray.scalar": _number,
        }
        self.known: Known = rebuild

    def read(self, stream: io.BytesIO) -> Any:
        return read_pickle(stream, self.known, self.storage, self.foreign)

    def _view(self, storage: Any, offset: Any, shape: Any, stride: Any, *_: Any) -> StoredTensor:
        return self._stored(storage, storage.dtype, offset, shape, stride)

    def _typed_view(
        self, storage: Any, offset: Any, shape: Any, stride: Any, grad: Any, hooks: Any, dtype: Any, *_: Any
    ) -> StoredTensor:
        return self._stored(storage, BY_NAME[dtype.name], offset, shape, stride)

    def _of_subclass(self, rebuild: Any, kind: Any, arguments: Any, *_: Any) -> Any:
        return self.known[rebuild.name](*arguments)

    def _stored(self, storage: Any, dtype: Any, offset: Any, shape: Any, stride: Any) -> StoredTensor:
        if not isinstance(storage, Storage) or not isinstance(dtype, torch.dtype):
            raise ValueError("a tensor without a storage")
        shape, stride = tuple(shape), tuple(stride)
        if len(shape) != len(stride) or len(shape) > 64 or not all(_is_size(n) for n in (offset, *shape, *stride)):
            raise ValueError("a tensor of no shape")
        last = offset + sum((extent - 1) * step for extent, step in zip(shape, stride))
        # a view may repeat its storage (stride 0); what a copy of it takes counts
        if math.prod(shape) * dtype.itemsize > self.size:
            raise ValueError("its tensors claim more bytes than the file has")
        if math.prod(shape) and (last + 1) * dtype.itemsize > storage.bytes:
            raise ValueError("a tensor claims more bytes than its storage has")
        return StoredTensor(storage, dtype, offset, shape, stride)


def _is_size(value: Any) -> bool:
    return isinstance(value, int) and 0 <= value < 1 << 60


def _reference(reference: Any) -> tuple[torch.dtype | None, str, int]:
    """Type, key and length in elements of a storage, from what stands for it in the pickle."""
    what, kind, key, _, numel, *view = reference
    if view and view[0] is not None:
        raise ValueError("a storage that is a part of another")
    if what != "storage" or not isinstance(kind, Global) or not isinstance(key, str) or not _is_size(numel):
        raise ValueError("a reference to no storage")
    if kind.name == "torch.storage.UntypedStorage":
        return None, key, numel
    return BY_STORAGE[kind.name], key, numel


def _storage(key: str, dtype: torch.dtype | None, numel: int, has: int) -> Storage:
    claims = numel * (1 if dtype is None else dtype.itemsize)
    if claims > has:
        raise ValueError("its tensors claim more bytes than the file has")
    return Storage(key, dtype, claims)


def _number(dtype: Any, content: Any, *_: Any) -> Any:
    """A number of numpy, from its type and its bytes."""
    code = dtype.arguments[0] if isinstance(dtype, Record) and dtype.arguments else None
    if code not in NUMBERS or not isinstance(content, bytes):
        return Record("numpy scalar", (dtype, content))
    return np.frombuffer(content, dtype=f"<{code}", count=1)[0].item()


# ---- bytes -----------------------------------------------------------------------------------------------------------


def _bytes_of(stream: IO[bytes]) -> Callable[[zipfile.ZipInfo | int, int], bytearray]:
    archive = zipfile.ZipFile(stream) if zipfile.is_zipfile(stream) else None

    def read(place: zipfile.ZipInfo | int, count: int) -> bytearray:
        if isinstance(place, int):
            stream.seek(place)
            return bytearray(stream.read(count))
        if archive is None:
            raise ValueError("it has changed while it was read")
        return bytearray(archive.read(place))

    return read


def _tensor(content: bytearray, tensor: StoredTensor, swapped: bool) -> Tensor:
    if not math.prod(tensor.shape):
        return torch.empty(tensor.shape, dtype=tensor.dtype)
    width = tensor.dtype.itemsize // (2 if tensor.dtype.is_complex else 1)
    raw = torch.frombuffer(content, dtype=torch.uint8)[: tensor.storage.bytes]
    if swapped and width > 1:
        raw = raw.view(-1, width).flip(1).flatten()
    whole = raw[: len(raw) // tensor.dtype.itemsize * tensor.dtype.itemsize].view(tensor.dtype)
    return whole.as_strided(tensor.shape, tensor.stride, tensor.offset)
