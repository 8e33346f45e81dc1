"""A pickle read as data: what it names is never imported, what it calls is never called.

The instructions of a pickle are followed over plain values. Where one would make an object of a class, or call a
function, an inert `Record` of the name and the arguments stands in its place; the few calls that describe tensors and
containers are answered by functions of ours.
"""

from __future__ import annotations

import io
import pickletools
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

MOST_STEPS = 1 << 22
"""Instructions of one pickle: no checkpoint needs a hundredth of them."""
LONGEST_INTEGER = 4096
"""Bits of a whole number; states of random generators have some hundred."""
MOST_PLAIN, LONGEST_LIST, LONGEST_TEXT = 20_000, 100, 1000
"""What of a stranger's notes is kept."""
HARMFUL = frozenset({
    "os", "posix", "nt", "subprocess", "pty", "runpy", "importlib", "shutil", "socket", "ctypes", "webbrowser",
    "commands", "multiprocessing",
})  # fmt: skip
"""Modules whose functions no checkpoint has a reason to call."""
HARMFUL_BUILTINS = frozenset({"eval", "exec", "execfile", "compile", "open", "__import__", "breakpoint", "input"})
CONSTANTS = frozenset({
    "INT", "BININT", "BININT1", "BININT2", "LONG", "LONG1", "LONG4", "FLOAT", "BINFLOAT", "STRING", "BINSTRING",
    "SHORT_BINSTRING", "BINBYTES", "SHORT_BINBYTES", "BINBYTES8", "BYTEARRAY8", "UNICODE", "BINUNICODE",
    "SHORT_BINUNICODE", "BINUNICODE8",
})  # fmt: skip
FIXED: dict[str, Callable[[], Any]] = {
    "NONE": lambda: None, "NEWTRUE": lambda: True, "NEWFALSE": lambda: False, "EMPTY_TUPLE": tuple,
    "EMPTY_LIST": list, "EMPTY_DICT": dict, "EMPTY_SET": list,
}  # fmt: skip


class Harmful(ValueError):
    """The pickle would run a command, were it loaded: `name` is what it calls."""

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self.name = name


@dataclass(frozen=True)
class Global:
    """A class or function by its name, `module.name`."""

    name: str

    def __str__(self) -> str:
        return self.name


@dataclass(eq=False)
class Record:
    """An object of code that is not here: the name of its class, and what it was made of."""

    name: str
    arguments: tuple[Any, ...] = ()
    state: Any = None
    items: list[Any] = field(default_factory=list)
    entries: dict[Any, Any] = field(default_factory=dict)

    @property
    def fields(self) -> dict[str, object]:
        """Attributes by name, and what it holds where it is a mapping."""
        states = self.state if isinstance(self.state, tuple) else (self.state,)  # the second: attributes in slots
        found: dict[str, object] = {}
        for state in states:
            if isinstance(state, dict):
                inside = state.get("__dict__")  # as pydantic writes its models
                found |= inside if isinstance(inside, dict) else state
        return {key: value for key, value in (found | self.entries).items() if isinstance(key, str)}


def plain(value: Any, depth: int = 8) -> Any:
    """What can be written down of a value: text, numbers, lists and mappings, an object as the mapping of its fields.

    Bounded in depth and size; None for whatever is left out.
    """
    return _plain(value, depth, [MOST_PLAIN])


def _plain(value: Any, depth: int, left: list[int]) -> Any:
    left[0] -= 1
    if depth < 0 or left[0] < 0:
        return None
    if value is None or isinstance(value, bool | int | float):
        return value
    if isinstance(value, str):
        return value[:LONGEST_TEXT]
    if isinstance(value, Global):
        return value.name[:LONGEST_TEXT]
    if isinstance(value, list | tuple):
        return [_plain(item, depth - 1, left) for item in value[:LONGEST_LIST]]
    if isinstance(value, Record):
        value = value.fields
    if isinstance(value, dict):
        return {
            key[:LONGEST_TEXT]: _plain(item, depth - 1, left) for key, item in value.items() if isinstance(key, str)
        }
    return None


Known = Mapping[str, Callable[..., Any]]
"""What stands for a call, by the name that is called."""


def read_pickle(
    stream: io.BytesIO, known: Known, persistent: Callable[[Any], Any], foreign: dict[str, None] | None = None
) -> Any:
    """The value of the pickle that begins at the stream's position, which is left behind it.

    `known` answers calls by name; `persistent` says what a reference to something outside the pickle stands for; the
    names of all other calls are noted in `foreign`. Raises Harmful, or any exception for a damaged pickle.
    """
    return _Machine({**CONTAINERS, **known}, persistent, {} if foreign is None else foreign).run(stream)


class _Machine:
    def __init__(self, known: Known, persistent: Callable[[Any], Any], foreign: dict[str, None]) -> None:
        self.known, self.persistent, self.foreign = known, persistent, foreign
        self.stack: list[Any] = []
        self.below: list[list[Any]] = []
        self.memo: dict[int, Any] = {}

    def run(self, stream: io.BytesIO) -> Any:
        for steps, (opcode, argument, _) in enumerate(pickletools.genops(stream)):
            if steps >= MOST_STEPS:
                raise ValueError(f"more than {MOST_STEPS} instructions")
            name = opcode.name
            if name == "STOP":
                return self.stack.pop()
            if name in CONSTANTS:
                if isinstance(argument, int) and argument.bit_length() > LONGEST_INTEGER:
                    raise ValueError("a whole number beyond all use")
                self.stack.append(argument)
            elif name in FIXED:
                self.stack.append(FIXED[name]())
            elif argument is None:
                getattr(self, f"_{name.lower()}")()
            else:
                getattr(self, f"_{name.lower()}")(argument)
        raise ValueError("no end")

    def _since_mark(self) -> list[Any]:
        items, self.stack = self.stack, self.below.pop()
        return items

    # ---- the stack and the memo -------------------------------------------------------------------------------------

    def _mark(self) -> None:
        self.below.append(self.stack)
        self.stack = []

    def _pop(self) -> None:
        if self.stack:
            self.stack.pop()
        else:
            self._since_mark()

    def _pop_mark(self) -> None:
        self._since_mark()

    def _dup(self) -> None:
        self.stack.append(self.stack[-1])

    def _binput(self, index: int) -> None:
        self.memo[index] = self.stack[-1]

    _long_binput = _put = _binput

    def _memoize(self) -> None:
        self.memo[len(self.memo)] = self.stack[-1]

    def _binget(self, index: int) -> None:
        self.stack.append(self.memo[index])

    _long_binget = _get = _binget

    def _proto(self, _: int) -> None:
        pass

    _frame = _proto

    # ---- containers -------------------------------------------------------------------------------------------------

    def _tuple(self) -> None:
        items = self._since_mark()
        self.stack.append(tuple(items))

    def _tuple1(self) -> None:
        self.stack[-1:] = [tuple(self.stack[-1:])]

    def _tuple2(self) -> None:
        self.stack[-2:] = [tuple(self.stack[-2:])]

    def _tuple3(self) -> None:
        self.stack[-3:] = [tuple(self.stack[-3:])]

    def _list(self) -> None:
        items = self._since_mark()
        self.stack.append(items)

    _frozenset = _list  # sets are lists here: nothing of a stranger is hashed

    def _dict(self) -> None:
        items = self._since_mark()
        self.stack.append({})
        self._fill(items)

    def _append(self) -> None:
        item = self.stack.pop()
        self._extend([item])

    def _appends(self) -> None:
        self._extend(self._since_mark())

    _additems = _appends

    def _setitem(self) -> None:
        value, key = self.stack.pop(), self.stack.pop()
        self._fill([key, value])

    def _setitems(self) -> None:
        self._fill(self._since_mark())

    def _extend(self, items: list[Any]) -> None:
        target = self.stack[-1]
        (target.items if isinstance(target, Record) else _of(list, target)).extend(items)

    def _fill(self, items: list[Any]) -> None:
        target = self.stack[-1]
        entries = target.entries if isinstance(target, Record) else _of(dict, target)
        for key, value in zip(items[::2], items[1::2], strict=True):
            entries[_as_key(key)] = value

    # ---- names, calls, objects --------------------------------------------------------------------------------------

    def _global(self, name: str) -> None:
        self.stack.append(Global(name.replace(" ", ".")))

    def _stack_global(self) -> None:
        name, module = _of(str, self.stack.pop()), _of(str, self.stack.pop())
        self.stack.append(Global(f"{module}.{name}"))

    def _reduce(self) -> None:
        arguments, called = self.stack.pop(), self.stack.pop()
        self.stack.append(self._call(called, _of(tuple, arguments)))

    _newobj = _reduce

    def _newobj_ex(self) -> None:
        _, arguments, called = self.stack.pop(), self.stack.pop(), self.stack.pop()
        self.stack.append(self._call(called, _of(tuple, arguments)))

    def _obj(self) -> None:
        called, *arguments = self._since_mark()
        self.stack.append(self._call(called, tuple(arguments)))

    def _inst(self, name: str) -> None:
        arguments = self._since_mark()
        self.stack.append(self._call(Global(name.replace(" ", ".")), tuple(arguments)))

    def _call(self, called: Any, arguments: tuple[Any, ...]) -> Any:
        if isinstance(called, Record):  # what a call returned, called again
            return Record(called.name, arguments)
        name = _of(Global, called).name
        module, _, leaf = name.rpartition(".")
        if module.split(".")[0] in HARMFUL or (module in ("builtins", "__builtin__") and leaf in HARMFUL_BUILTINS):
            raise Harmful(name)
        if name in self.known:
            return self.known[name](*arguments)
        self.foreign[name] = None
        return Record(name, arguments)

    def _build(self) -> None:
        state = self.stack.pop()
        if isinstance(target := self.stack[-1], Record):
            target.state = state

    def _binpersid(self) -> None:
        self.stack.append(self.persistent(self.stack.pop()))

    def _persid(self, reference: str) -> None:
        self.stack.append(self.persistent(reference))


def _of(kind: type, value: Any) -> Any:
    if not isinstance(value, kind):
        raise ValueError(f"{type(value).__name__} in place of {kind.__name__}")
    return value


def _as_key(key: Any) -> Any:
    """A key that can be hashed without looking deep into it."""
    if isinstance(key, tuple) and all(isinstance(part, str | int | float | None) for part in key):
        return key
    if isinstance(key, str | bytes | int | float | Record | Global | None):
        return key
    return Record("a key", (key,))


def _as_dict(pairs: Any = (), *_: Any) -> dict[Any, Any]:
    items = pairs.items() if isinstance(pairs, dict) else pairs
    return {_as_key(key): value for key, value in items}


def _as_bytes(text: Any = "", *_: Any) -> bytes:
    return bytes(text) if isinstance(text, bytes | bytearray) else _of(str, text).encode("latin1")


def _as_list(items: Any = (), *_: Any) -> list[Any]:
    return list(_of(list, items) if not isinstance(items, tuple) else items)


def _as_object(kind: Any, base: Any, state: Any = None, *_: Any) -> Record:
    """An object of a protocol before 2, which names its class and what that inherits from."""
    return Record(_of(Global, kind).name, () if state is None else (state,))


CONTAINERS: Known = {
    "collections.OrderedDict": _as_dict,
    "collections.defaultdict": lambda *_: {},
    "collections.Counter": _as_dict,
    "_codecs.encode": _as_bytes,
    "copy_reg._reconstructor": _as_object,
    "copyreg._reconstructor": _as_object,
    **{
        f"{builtins}.{name}": make
        for builtins in ("builtins", "__builtin__")
        for name, make in (
            ("set", _as_list), ("frozenset", _as_list), ("list", _as_list), ("dict", _as_dict),
            ("tuple", lambda items=(), *_: tuple(_as_list(items))), ("bytearray", _as_bytes), ("bytes", _as_bytes),
        )
    },
}  # fmt: skip
