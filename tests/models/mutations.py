"""Broken and hostile weights files, drawn from a seed; run as a program, it opens a number of them.

In a process of its own, so that a crash of a library is a result and not the end of the tests.
"""

from __future__ import annotations

import io
import json
import os
import random
import sys
import zipfile
from pathlib import Path
from typing import NamedTuple

import torch
from model_cases import FAMILIES, drawn

from rrdyn.artifacts.errors import InputError
from rrdyn.models import load, save
from rrdyn.models.exporting import export


class Evil:
    """Pickled, a call of a shell."""

    def __init__(self, target: Path) -> None:
        self.target = target

    def __reduce__(self):
        return os.system, (f"touch {self.target}",)


class Original(NamedTuple):
    """A sound file, and what lies beside it."""

    name: str
    content: bytes
    beside: dict[str, str]


def originals(folder: Path) -> list[Original]:
    """Weights files of every layout that is read."""
    model = drawn({**FAMILIES["trm_att"], "hidden_size": 8, "puzzle_emb_ndim": 8})
    ours = save(model, folder / "ours", {"step": 1})
    one = export(model, folder / "net.pt", "pt")[0]
    step, config = export(model, folder / "upstream", "upstream")
    content = {"config": model.config.model_dump(), "weights": model.state_dict(), "optimizer": {"lr": 1e-3}}
    torch.save(content, folder / "legacy.pt", _use_new_zipfile_serialization=False)
    meta = (ours / "meta.json").read_text()
    safetensors = (ours / "model.safetensors").read_bytes()
    return [
        Original("model.safetensors", safetensors, {"meta.json": meta}),
        Original("net.pt", one.read_bytes(), {}),
        Original("step_0", step.read_bytes(), {"all_config.yaml": config.read_text()}),
        Original("lone.safetensors", safetensors, {}),
        Original("legacy.pt", (folder / "legacy.pt").read_bytes(), {}),
    ]


def rezipped(source: bytes, change) -> bytes:
    """The zip with each member's content changed by `change(name, content)`; None drops it. Its checksums are right."""
    out = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(source)) as old, zipfile.ZipFile(out, "w") as new:
        for member in old.infolist():
            content = change(member.filename, old.read(member))
            if content is not None:
                new.writestr(member.filename, content)
    return out.getvalue()


def mutated(rng: random.Random, content: bytes, other: bytes) -> bytes:
    """Flip bytes, cut, insert, or splice in a part of another file."""
    kind, data = rng.randrange(5), bytearray(content)
    if kind == 0:
        for _ in range(rng.choice([1, 1, 4, 64])):
            data[rng.randrange(len(data))] ^= 1 << rng.randrange(8)
    elif kind == 1:
        del data[rng.randrange(len(data)) :]
    elif kind == 2:
        start = rng.randrange(len(data))
        data[start : start + rng.randrange(1, 200)] = rng.randbytes(rng.randrange(200))
    elif kind == 3:  # the head is where the structure is
        for _ in range(3):
            data[rng.randrange(min(len(data), 900))] = rng.randrange(256)
    else:
        start = rng.randrange(len(data))
        data[start:] = other[rng.randrange(len(other)) :]
    return bytes(data)


def inside_mutated(rng: random.Random, content: bytes, target: Path) -> bytes:
    """A torch zip that is sound as a zip, with one or two members changed, dropped or made hostile."""
    names = zipfile.ZipFile(io.BytesIO(content)).namelist()
    pickles = [name for name in names if name.endswith("data.pkl")]
    small = [name for name in names if "/data/" not in name]
    chosen = {rng.choice(pickles if rng.random() < 0.6 else small if rng.random() < 0.7 else names)}
    chosen |= {rng.choice(names)} if rng.random() < 0.2 else set()
    shell = b"cos\nsystem\n(U" + bytes([len(str(target)) + 6]) + f"touch {target}".encode() + b"tR"

    def change(name: str, member: bytes) -> bytes | None:
        if name not in chosen:
            return member
        kind = rng.randrange(7)
        if kind == 0:
            return None
        if kind == 1:
            return rng.choice([b"big", b"little", b"BIG", b"", b"middle", b"\0" * 9, b"999", b"-1", rng.randbytes(40)])
        if kind == 2 and name.endswith("data.pkl"):
            at = rng.randrange(2, len(member))
            return member[:at] + shell + member[at:]
        if kind == 3:
            return member[: rng.randrange(len(member) + 1)]
        if kind == 4:
            return member * rng.randrange(2, 9)
        return mutated(rng, member or b"x", content)

    return rezipped(content, change)


def swapped(rng: random.Random, state: dict) -> dict:
    """A state with swapped, retyped, renamed or shortened tensors."""
    state = dict(state)
    a, b = rng.sample(sorted(state), 2)
    kind = rng.randrange(4)
    if kind == 0:
        state[a], state[b] = state[b], state[a]
    elif kind == 1:
        state[a] = state[a].to(rng.choice([torch.int32, torch.bool, torch.complex64, torch.uint8]))
    elif kind == 2:
        state["inner." + a] = state.pop(a)
    else:
        state[a] = state[a].flatten()[: rng.randrange(state[a].numel())]
    return state


def refused_or_sound(path: Path) -> bool:
    """Loading gives one message, or a model whose weights are finite; True where it was refused."""
    model, message = None, ""
    try:
        model = load(path)
    except InputError as error:
        message = str(error)
    assert model is not None or message
    assert model is None or all(torch.isfinite(tensor).all() for tensor in model.state_dict().values())
    return model is None


def main(folder: Path, seed: int, count: int) -> dict[str, int]:
    """Open `count` broken files of each kind in turn; how many of each were accepted as a model."""
    rng, target = random.Random(seed), folder / "ran"
    files = originals(folder)
    zips = [file for file in files if file.content.startswith(b"PK")]
    accepted = {file.name: 0 for file in files} | {"inside": 0, "swapped": 0}
    model = drawn({**FAMILIES["trm_att"], "hidden_size": 8, "puzzle_emb_ndim": 8})
    for number in range(count):
        place = folder / str(number)
        place.mkdir()
        kind = number % 3
        file = rng.choice(zips if kind == 1 else files)
        for other, text in file.beside.items():
            (place / other).write_text(text)
        path, name = place / file.name, file.name
        if kind == 0:
            content = mutated(rng, file.content, rng.choice(files).content)
            path.write_bytes(content)
        elif kind == 1:
            path.write_bytes(content := inside_mutated(rng, file.content, target))
            name = "inside"
        else:
            path, name, content = place / "swapped.pt", "swapped", b""
            (place / "swapped.json").write_text(json.dumps(model.config.model_dump()))
            torch.save(swapped(rng, model.state_dict()), path)
        print(path, flush=True)  # the last line before a crash
        if content != file.content:
            accepted[name] += not refused_or_sound(path)
        path.unlink()
    assert not target.exists()
    return accepted


if __name__ == "__main__":
    print(json.dumps(main(Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]))))
