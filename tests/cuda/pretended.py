"""A CUDA device that is none: real numbers on the CPU under tensors that say they lie on cuda:0.

It refuses what a card refuses (tensors of both sides in one operation, `.numpy()` of its own), and keeps a ledger of
what costs time there: moments at which the host waits for the device, operations that would be a launch at least, calls
of a solver, each under the file and line of rrdyn that made it. It knows nothing of how long anything takes, of kernels
that round otherwise, or of memory.

    with PretendedCard() as card:
        main(["diagnose", ...])
    card.waits, card.launches, card.solves      # Counters by "file.py:line"

C++ sees CPU tensors (autograd and autocast run as they do there); Python sees `.device == cuda:0`.
"""

from __future__ import annotations

import sys
import weakref
from collections import Counter
from collections.abc import Callable
from contextlib import ExitStack
from functools import cache
from typing import Any
from unittest import mock

import torch
from torch.overrides import TorchFunctionMode
from torch.utils._python_dispatch import TorchDispatchMode

CUDA = torch.device("cuda", 0)
HOST = torch.device("cpu")
SOURCE = "/src/rrdyn/"

NO_KERNEL = {
    "_local_scalar_dense", "_pin_memory", "_reshape_alias", "_to_copy_alias", "alias", "as_strided", "chunk",
    "detach", "detach_", "diagonal", "empty", "empty_like", "empty_strided", "expand", "is_pinned", "is_same_size",
    "lift_fresh", "new_empty", "new_empty_strided", "permute", "resize_", "select", "slice", "split",
    "split_with_sizes", "squeeze", "t", "transpose", "unbind", "unfold", "unsafe_chunk", "unsafe_split",
    "unsqueeze", "view", "_unsafe_view", "view_as_complex", "view_as_real",
}  # fmt: skip
"""Operations that launch nothing: views, memory without content, questions."""
WAITS = {"nonzero", "masked_select", "unique_dim", "unique_consecutive", "_unique", "_unique2", "equal", "is_nonzero"}
"""Operations whose result the host needs to go on: its shape, or itself."""
SOLVERS = {
    "cholesky_inverse", "linalg_cholesky_ex", "linalg_eig", "linalg_eigh", "linalg_inv_ex", "linalg_lu",
    "linalg_lu_factor_ex", "linalg_qr", "linalg_solve_triangular", "linalg_svd", "_linalg_eigh", "_linalg_solve_ex",
    "_linalg_svd", "triangular_solve",
}  # fmt: skip
INDEXED = {"index", "index_put", "index_put_", "_index_put_impl_", "_unsafe_index"}


class Refused(RuntimeError):
    """What a real device would refuse too."""


class CardTensor(torch.Tensor):
    """A tensor on the pretended card; `host` holds its numbers."""

    host: torch.Tensor

    @staticmethod
    def __new__(cls, host: torch.Tensor) -> CardTensor:
        whole = torch.Tensor._make_wrapper_subclass(
            cls, host.shape, strides=host.stride(), storage_offset=host.storage_offset(), dtype=host.dtype, device=HOST
        )
        whole.host = host
        return whole

    def __init__(self, host: torch.Tensor) -> None: ...

    def __repr__(self) -> str:
        return f"CardTensor({self.host!r})"

    @property
    def device(self) -> torch.device:
        return CUDA

    @property
    def is_cuda(self) -> bool:
        return True

    @property
    def is_cpu(self) -> bool:
        return False

    @property
    def data(self) -> CardTensor:
        return CardTensor(self.host.detach())

    @data.setter
    def data(self, other: CardTensor) -> None:
        if not isinstance(other, CardTensor):
            raise Refused(f"the data of a device tensor cannot be on the host, at {line()}")
        self.host = other.host

    def data_ptr(self) -> int:
        return self.host.untyped_storage()._cdata + self.host.storage_offset()

    def untyped_storage(self) -> torch.UntypedStorage:
        return self.host.untyped_storage()

    def numpy(self, *_: Any, **__: Any) -> Any:
        raise TypeError(f"can't convert cuda:0 device type tensor to numpy, at {line()}")

    __array__ = numpy

    def new_tensor(self, data: Any, *, dtype: torch.dtype | None = None, **_: Any) -> torch.Tensor:
        return _to(torch.tensor(data, dtype=dtype or self.dtype), CUDA)

    def tolist(self) -> Any:
        _noted("waits", "copied to the host")
        return self.host.detach().tolist()

    @classmethod
    def __torch_function__(cls, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        own = OF_PYTHON.get(func)
        if own is not None:
            return own(*args, **(kwargs or {}))
        with torch._C.DisableTorchFunctionSubclass():
            return func(*args, **(kwargs or {}))

    @classmethod
    def __torch_dispatch__(cls, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        return carried_out(func, args, kwargs or {})


def _to(tensor: torch.Tensor, *args: Any, copy: bool = False, non_blocking: bool = False, **more: Any) -> torch.Tensor:
    """`Tensor.to` where a tensor of the card is moved, or asked where it is; C++ would believe it on the CPU."""
    like = next((arg for arg in args if isinstance(arg, torch.Tensor)), None)
    device, dtype = more.get("device"), more.get("dtype")
    for arg in args:
        if isinstance(arg, str | torch.device | int) and not isinstance(arg, bool):
            device = arg
        elif isinstance(arg, torch.dtype):
            dtype = arg
    if like is not None:
        device, dtype = like.device, like.dtype
    device, dtype = tensor.device if device is None else torch.device(device), dtype or tensor.dtype
    device = CUDA if device.type == "cuda" else device
    there = device.type == tensor.device.type
    if there and dtype == tensor.dtype and not copy:
        return tensor
    if isinstance(tensor, CardTensor) and not there:
        _note_copy(tensor, to_card=False, relaxed=non_blocking)
        return tensor.host.detach().to(dtype, copy=True)
    with torch._C.DisableTorchFunctionSubclass():
        return torch.ops.aten._to_copy(tensor, dtype=dtype, device=device, non_blocking=non_blocking)


OF_PYTHON: dict[Any, Callable[..., Any]] = {
    torch.Tensor.to: _to,
    torch.Tensor.cpu: lambda tensor, **_: _to(tensor, HOST),
    torch.Tensor.cuda: lambda tensor, *_, **__: _to(tensor, CUDA),
}


class _Numbered(TorchFunctionMode):
    """`cuda` means `cuda:0`: a torch without CUDA cannot ask which device is the current one."""

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        if func is torch.Tensor.to:
            return _to(*args, **kwargs)
        device = kwargs.get("device")
        if device is not None and torch.device(device).type == "cuda":
            if func is torch.tensor:
                return _to(func(*args, **{**kwargs, "device": HOST}), CUDA)
            kwargs = {**kwargs, "device": CUDA}
        return func(*args, **kwargs)


class PretendedCard(TorchDispatchMode):
    """The device while it is there, and its ledger.

    free : bytes that it says are free.
    """

    here: PretendedCard | None = None

    def __init__(self, free: int = 40 << 30) -> None:
        super().__init__()
        self.free = free
        self.pinned: weakref.WeakValueDictionary[int, torch.Tensor] = weakref.WeakValueDictionary()
        self.waits: Counter[str] = Counter()
        """Moments at which the host waits, by line: "why at file.py:line"."""
        self.launches: Counter[str] = Counter()
        """Operations of at least one kernel, by line."""
        self.solves: Counter[str] = Counter()
        """Calls of a solver, by its name and line."""
        self.moved: Counter[str] = Counter()
        """Bytes copied between host and device, by line."""

    def reset(self) -> None:
        """Begin the ledger anew."""
        for counter in (self.waits, self.launches, self.solves, self.moved):
            counter.clear()

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        return carried_out(func, args, kwargs or {})

    def __enter__(self) -> PretendedCard:
        torch._C._ensureCUDADeviceGuardSet()
        self.undone = ExitStack()
        torch.__future__.set_overwrite_module_params_on_conversion(True)
        self.undone.callback(torch.__future__.set_overwrite_module_params_on_conversion, False)
        answers = {
            "_lazy_init": None, "is_available": True, "is_initialized": True, "device_count": 1, "current_device": 0,
            "mem_get_info": (self.free, 48 << 30), "get_device_name": "pretended card", "get_rng_state_all": [],
            "set_device": None, "empty_cache": None, "manual_seed_all": None,
            "is_bf16_supported": True, "get_device_capability": (8, 6),
        }  # fmt: skip
        for name, answer in answers.items():
            self.undone.enter_context(mock.patch.object(torch.cuda, name, lambda *_, said=answer, **__: said))
        waiting = mock.Mock(side_effect=lambda *_: _noted("waits", "asked to"))
        self.undone.enter_context(mock.patch.object(torch.cuda, "synchronize", waiting))
        products = torch.autocast
        self.undone.enter_context(mock.patch.object(torch, "autocast", lambda _, **how: products("cpu", **how)))
        self.undone.enter_context(mock.patch.object(torch.Tensor, "pin_memory", lambda host: self._pin(host)))
        self.undone.enter_context(mock.patch.object(torch.Tensor, "is_pinned", lambda host: self.holds(host)))
        PretendedCard.here = self
        super().__enter__()
        self.undone.enter_context(_Numbered())
        return self

    def __exit__(self, *error: Any) -> None:
        self.undone.close()
        super().__exit__(*error)
        PretendedCard.here = None

    def _pin(self, host: torch.Tensor) -> torch.Tensor:
        if isinstance(host, CardTensor):
            raise Refused(f"only dense CPU tensors can be pinned, at {line()}")
        pinned = host.clone()
        self.pinned[id(pinned)] = pinned
        return pinned

    def holds(self, host: torch.Tensor) -> bool:
        """Whether a tensor of the host lies in pinned memory."""
        return self.pinned.get(id(host)) is host

    def report(self, per: int = 1) -> str:
        """The ledger in words, divided by so many steps."""
        rows = [f"{sum(self.launches.values()) / per:.1f} launches, {sum(self.waits.values()) / per:.1f} waits"]
        for counter in (self.waits, self.solves):
            rows += [f"{count / per:9.2f}  {where}" for where, count in counter.most_common()]
        return "\n".join(rows)


def line() -> str:
    """The innermost line of rrdyn under way, as room/file.py:line."""
    frame: Any = sys._getframe(1)
    while frame is not None:
        name = frame.f_code.co_filename
        if SOURCE in name:
            return f"{name.split(SOURCE)[1]}:{frame.f_lineno}"
        frame = frame.f_back
    return "outside"


def _noted(ledger: str, what: str, count: int = 1) -> None:
    if PretendedCard.here is not None:
        getattr(PretendedCard.here, ledger)[f"{what} at {line()}" if what else line()] += count


@cache
def _name(func: Any) -> str:
    return str(func.overloadpacket._qualified_op_name).split("::")[1]


def carried_out(func: Any, args: Any, kwargs: dict[str, Any]) -> Any:
    """One operation: refused, noted, done on the host, and its result put where it belongs."""
    name = _name(func)
    tensors = [*_tensors(args), *_tensors(kwargs.values())]
    on_card = [isinstance(tensor, CardTensor) for tensor in tensors]
    asked = kwargs.get("device")
    target = None if asked is None else torch.device(asked).type
    if not any(on_card) and target != "cuda":
        return func(*args, **kwargs)
    if not all(on_card):
        _refuse_mixing(name, args, tensors)
    _note(name, args, kwargs, target)
    plain = {key: _bare(value) for key, value in kwargs.items()}
    if target == "cuda":
        plain["device"] = HOST
    out = func(*[_bare(arg) for arg in args], **plain)
    if name in ("_local_scalar_dense", "equal", "is_nonzero"):
        return out
    if name == "copy_":
        return args[0]
    known = {id(tensor.host): tensor for tensor in tensors if isinstance(tensor, CardTensor)}
    return _placed(out, known)


def _tensors(values: Any) -> list[torch.Tensor]:
    """The tensors among the arguments of an operation, which come alone or in lists."""
    found: list[torch.Tensor] = []
    for value in values:
        if isinstance(value, torch.Tensor):
            found.append(value)
        elif isinstance(value, list | tuple):
            found += [one for one in value if isinstance(one, torch.Tensor)]
    return found


def _bare(value: Any) -> Any:
    """The same on the host."""
    if isinstance(value, CardTensor):
        return value.host
    return [_bare(one) for one in value] if isinstance(value, list | tuple) else value


def _placed(value: Any, known: dict[int, CardTensor]) -> Any:
    if isinstance(value, list | tuple):
        return type(value)(_placed(one, known) for one in value)
    if not isinstance(value, torch.Tensor) or isinstance(value, CardTensor):
        return value
    return known[id(value)] if id(value) in known else CardTensor(value)


def _refuse_mixing(name: str, args: Any, tensors: list[torch.Tensor]) -> None:
    strangers = [tensor for tensor in tensors if not isinstance(tensor, CardTensor)]
    if len(strangers) == len(tensors) or name in ("copy_", "_to_copy"):
        return
    if name in INDEXED and isinstance(args[0], CardTensor):
        if all(isinstance(value, CardTensor) or value.ndim == 0 for value in _tensors(args[2:])):
            return  # indices may come from the host
    elif all(tensor.ndim == 0 for tensor in strangers):
        return  # a number of the host
    raise Refused(f"{name}: expected all tensors to be on the same device, but found cuda:0 and cpu, at {line()}")


def _note(name: str, args: Any, kwargs: dict[str, Any], target: str | None) -> None:
    if name == "_local_scalar_dense":
        _noted("waits", "a number read")
    elif name in WAITS:
        _noted("waits", name)
    elif name in SOLVERS:
        _noted("solves", name)
    elif name in INDEXED:
        _note_index(name, args)
    elif name == "_to_copy" and target == "cuda" and not isinstance(args[0], CardTensor):
        _note_copy(args[0], to_card=True, relaxed=bool(kwargs.get("non_blocking")))
    elif name == "copy_" and isinstance(args[0], CardTensor) != isinstance(args[1], CardTensor):
        _note_copy(args[1], to_card=isinstance(args[0], CardTensor), relaxed=len(args) > 2 and bool(args[2]))
    if name not in NO_KERNEL:
        _noted("launches", "")


def _note_index(name: str, args: Any) -> None:
    indices = [index for index in args[1] if index is not None]
    masks = [index for index in indices if index.dtype in (torch.bool, torch.uint8)]
    if any(not isinstance(index, CardTensor) for index in indices):
        _noted("waits", "an index copied to the device")
    if not masks:
        return
    filled = len(args) > 2 and args[2].numel() == 1 and len(indices) == 1  # masked_fill: no shape depends on it
    if not filled:
        _noted("waits", "a mask counted")


def _note_copy(source: torch.Tensor, *, to_card: bool, relaxed: bool) -> None:
    where = "to the device" if to_card else "to the host"
    _noted("moved", where, source.numel() * source.element_size())
    here = PretendedCard.here
    if not (relaxed and (not to_card or (here is not None and here.holds(source)))):
        _noted("waits", f"copied {where}")
