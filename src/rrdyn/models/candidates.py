"""Which of the weights in a file: a checkpoint may hold the model, its moving average, and the state of optimisers."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from torch import Tensor

from rrdyn.artifacts.errors import InputError, notice
from rrdyn.artifacts.places import shown
from rrdyn.models.archives import StoredTensor
from rrdyn.models.pickles import Record

Described = Tensor | StoredTensor
"""A tensor, or one that is described and not read yet."""
DEEPEST = 6
MOST_PLACES = 20_000
LISTED = 8
WRAPPERS = ("_orig_mod.", "_forward_module.", "_fsdp_wrapped_module.", "_checkpoint_wrapped_module.")
"""Put before a part of a name by compilers and by what spreads a model over devices, at any depth."""
PREFIXES = ("module.", "model.", "net.", "network.", "ema_model.", "online_model.", ".")
AVERAGE = re.compile(r"(^|[._])(ema|shadow|averaged?|avg|swa)([._]|$)", re.IGNORECASE)
COUNTER = "n_averaged"
"""torch's AveragedModel counts here what it averages over."""
CURRENT = "current_model_state"
"""Where Lightning keeps the raw weights when `state_dict` is their average."""
NOT_WEIGHTS = ("decay", "num_updates", "initted", "step", COUNTER)
"""Numbers that averages keep beside the weights."""


@dataclass(frozen=True, eq=False)
class Candidate:
    """Tensors by name that may be the weights of a model."""

    key: str
    """Where they stand in the file, "" for its top level."""
    tensors: Mapping[str, Described]
    average: bool
    """Whether they are a moving average of weights."""

    @property
    def called(self) -> str:
        return self.key or "the file itself"


@dataclass(frozen=True)
class Choice:
    """Which weights were taken."""

    taken: Candidate
    tensors: dict[str, Described]
    """By the model's names."""
    among: list[Candidate]
    """All that the model could have been read from."""


def find_candidates(value: Any) -> list[Candidate]:
    """Every set of named tensors in what a file says, in its order, the outer ones first."""
    found: list[Candidate] = []
    level, seen, places = [("", value)], {id(value)}, 0
    for _ in range(DEEPEST):
        below: list[tuple[str, Any]] = []
        for key, item in level:
            inside = _inside(item)
            found += _split(key, {name: entry for name, entry in inside.items() if isinstance(entry, Described)})
            for name, entry in inside.items():
                places += 1
                if isinstance(entry, dict | Record) and id(entry) not in seen and places < MOST_PLACES:
                    seen.add(id(entry))
                    below.append((f"{key}.{name}" if key else name, entry))
        level = below
    if any(candidate.key == CURRENT for candidate in found):
        found = [Candidate(c.key, c.tensors, c.average or c.key == "state_dict") for c in found]
    return found


def _inside(item: Any) -> dict[str, object]:
    """What a mapping or a foreign object holds by name; of a whole module its state dict."""
    if isinstance(item, dict):
        return {name: entry for name, entry in item.items() if isinstance(name, str)}
    if not isinstance(item, Record):
        return {}
    fields = item.fields
    return module_tensors(item) if "_modules" in fields and "_parameters" in fields else fields


def module_tensors(module: Record, depth: int = 0) -> dict[str, object]:
    """The state dict of a module that was pickled whole."""
    fields = module.fields
    left_out = fields.get("_non_persistent_buffers_set")
    found: dict[str, object] = {}
    for kind in ("_parameters", "_buffers"):
        entries = fields.get(kind)
        for name, entry in entries.items() if isinstance(entries, dict) else ():
            if isinstance(entry, Described) and not (isinstance(left_out, list) and name in left_out):
                found[str(name)] = entry
    parts = fields.get("_modules")
    for name, part in parts.items() if isinstance(parts, dict) and depth < 32 else ():
        if isinstance(part, Record):
            found |= {f"{name}.{inner}": entry for inner, entry in module_tensors(part, depth + 1).items()}
    return found


def _split(key: str, tensors: dict[str, Described]) -> list[Candidate]:
    """One candidate, or two where the names of one dict begin with those of an average and of its model."""
    counted = COUNTER in tensors
    whole = {name: tensor for name, tensor in tensors.items() if name.rpartition(".")[2] not in NOT_WEIGHTS}
    firsts = dict.fromkeys(name.partition(".")[0] for name in whole if "." in name)
    found: list[Candidate] = []
    for first in filter(AVERAGE.search, firsts):
        inside = {name.removeprefix(f"{first}."): whole[name] for name in whole if name.startswith(f"{first}.")}
        others = {name.partition(".")[2] for name in whole if not name.startswith(f"{first}.")}
        others |= {name.replace(".", "") for name in others}
        if len(inside) == len(whole) or not others.isdisjoint(inside):
            found.append(Candidate(f"{key}.{first}" if key else first, inside, True))
            whole = {name: tensor for name, tensor in whole.items() if not name.startswith(f"{first}.")}
    if whole:
        found.insert(0, Candidate(key, whole, counted or bool(AVERAGE.search(key))))
    return found


def choose(candidates: Iterable[Candidate], wanted: Mapping[str, Tensor], which: str | None, path: Path) -> Choice:
    """The weights meant, and their tensors by the model's names.

    which : "raw", "ema", the key of one, or None for the average where there is one. A notice tells what was taken
    where others would fit as well. What an average leaves out of the model's buffers comes from the raw weights.
    """
    fitting = {c: matched(c.tensors, wanted, path) for c in candidates if c.tensors}
    if not fitting:
        raise InputError(f"{shown(path)} holds no tensors", expected="weights by name")
    most = max(_common(names, wanted) for names in fitting.values())
    usable = [c for c, names in fitting.items() if 2 * _common(names, wanted) > most] if most else [next(iter(fitting))]
    chosen = _meant(usable, which, path)
    tensors = fitting[chosen]
    if chosen.average:
        raw = next((fitting[c] for c in usable if not c.average), {})
        tensors = {**{name: raw[name] for name in wanted if name in raw}, **tensors}
    if which is None and len(usable) > 1:
        others = ", ".join(c.called for c in usable if c is not chosen)
        kind = "the moving average" if chosen.average else "weights"
        notice(f"{shown(path)}: {kind} {chosen.called} taken; it holds {others} too (--weights raw, ema or a key)")
    return Choice(chosen, tensors, usable)


def _meant(usable: list[Candidate], which: str | None, path: Path) -> Candidate:
    averages, raws = [c for c in usable if c.average], [c for c in usable if not c.average]
    choices = {"ema": averages, "raw": raws, None: averages or raws}.get(which)
    if choices is None:
        choices = [c for c in usable if c.key == which]
    if not choices:
        raise InputError(
            f"{shown(path)} holds no weights called {which}",
            found=", ".join(f"{c.called}{' (average)' if c.average else ''}" for c in usable[:LISTED]),
            expected="raw, ema, or the key of one",
            run="rrdyn inspect lists them",
        )
    return choices[0]


def _common(names: Mapping[str, Described], wanted: Mapping[str, Tensor]) -> int:
    return sum(name in names and tuple(names[name].shape) == tuple(tensor.shape) for name, tensor in wanted.items())


def matched(tensors: Mapping[str, Described], wanted: Iterable[str], path: Path) -> dict[str, Described]:
    """The tensors by the names a model has, without what compilers and wrappers put before them, in any order.

    A tensor of no wanted name keeps what is left without any. Raises InputError where two get one name.
    """
    wanted = set(wanted)
    dotless = {name.replace(".", ""): name for name in wanted}  # as some averages must write them
    front = _front(tensors, wanted)
    found: dict[str, Described] = {}
    for key, tensor in tensors.items():
        name = key if key in wanted else _bare(key.removeprefix(front), wanted)
        name = name if "." in name else dotless.get(name, name)
        if name in found:
            raise InputError(f"{shown(path)} holds {name} twice", found=key, expected="one tensor a name")
        found[name] = tensor
    return found


def _bare(name: str, wanted: set[str]) -> str:
    for wrapper in WRAPPERS:
        name = name.replace(wrapper, "")
    while name not in wanted and (prefix := next((p for p in PREFIXES if name.startswith(p)), None)):
        name = name.removeprefix(prefix)
    return name


def _front(tensors: Mapping[str, Described], wanted: set[str]) -> str:
    """What stands before all names, where that is a wrapper nobody has heard of."""
    if any(_bare(key, wanted) in wanted for key in tensors):
        return ""
    longest = max(wanted, key=len, default="")
    return next((key.removesuffix(longest) for key in tensors if longest and key.endswith(f".{longest}")), "")
