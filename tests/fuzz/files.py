"""Cases with a file that is wrong, or a folder with a wrong member."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path
from random import Random

from tests.fuzz import arrays, texts, values, weights
from tests.fuzz.case import Case, a_line, place_of, prepared
from tests.fuzz.corpus import Corpus


def mutated_file(rng: Random, corpus: Corpus, root: Path, short: bool) -> Case:
    """One file of a sound line is wrong."""
    line = a_line(rng, short, lambda line: bool(line.inputs))
    made = prepared(line, corpus, root)
    name = rng.choice(line.inputs)
    place = root / place_of(name)
    if place.is_dir() and rng.random() < 0.25:
        made.label = f"{name}: {_folder(place, rng)}"
        return made
    members = (
        [place] if place.is_file() else [path for path in place.rglob("*") if path.is_file() and path.name != ".lock"]
    )
    member = rng.choice(sorted(members))
    if member.is_symlink():
        member = member.resolve()
    data, what = mutate(member, rng)
    member.write_bytes(data)
    made.label = f"{os.path.relpath(member, root.resolve()).removeprefix('in/')}: {what}"
    return made


KINDS: dict[str, Callable[[bytes, Random], tuple[bytes, str]]] = {
    ".npz": arrays.npz_bytes, ".npy": arrays.npy_bytes, ".json": values.json_bytes, ".jsonl": values.jsonl_bytes,
    ".yaml": values.yaml_bytes, ".csv": texts.csv_bytes, ".txt": texts.text_bytes, ".pt": weights.torch_bytes,
    ".safetensors": weights.safetensors_bytes,
}  # fmt: skip


def mutate(path: Path, rng: Random) -> tuple[bytes, str]:
    """The content of a file with something wrong, and what that is."""
    data = path.read_bytes()
    kind = KINDS.get(path.suffix) or (weights.torch_bytes if data.startswith(b"PK") else texts.any_bytes)
    return kind(data, rng) if data and rng.random() < 0.85 else texts.any_bytes(data, rng)


def _folder(place: Path, rng: Random) -> str:
    """Something wrong with a folder itself."""
    members = sorted(place.rglob("*"))
    member = rng.choice(members)
    name = member.relative_to(place)
    action = rng.choice(["missing", "a folder", "a file", "a loop", "a FIFO", "closed", "another's", "emptied",
                         "a stranger", "a link to nothing", "a text that names a folder", "no folder",
                         "on a full disk"])  # fmt: skip
    if action == "a stranger":
        stranger = member.parent / rng.choice(["stranger.npz", "a\udcffb.json", "step_x", "step_99999999999999999999",
                                               "results_x.json", "x_meta.json", ".hidden.partial", "best"])  # fmt: skip
        if stranger.is_dir() or stranger.is_symlink():
            _remove(stranger)
        stranger.write_bytes(b"x")
        return f"a stranger beside {name}"
    if action == "closed":
        os.chmod(member, 0)
        return f"{name} is closed"
    if action == "another's" and member.is_file():
        member.write_bytes(rng.choice([path for path in members if path.is_file()]).read_bytes())
        return f"{name} is what another is"
    if action == "no folder":
        shutil.rmtree(place)
        place.write_bytes(b"")
        return "an empty file in its place"
    _remove(member)
    if action == "a folder":
        member.mkdir()
    elif action == "a file":
        member.write_bytes(b"")
    elif action == "a loop":
        member.symlink_to(member.name)
    elif action == "a FIFO":
        os.mkfifo(member)
    elif action == "on a full disk":
        member.symlink_to("/dev/full")
    elif action == "a link to nothing":
        member.symlink_to("gone")
    elif action == "a text that names a folder":
        member.write_text(rng.choice(["../checkpoints", ".", "..", "best", "/", "step_1", "\0", "x" * 255, "é"]))
    elif action == "emptied":
        member.write_bytes(b"")
    return f"{name} is {action}"


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink()
