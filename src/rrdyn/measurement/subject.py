"""What is measured: a checkpoint with its puzzles."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from rrdyn.artifacts.errors import InputError, notice
from rrdyn.artifacts.files import sha256
from rrdyn.artifacts.places import exists, is_file, is_folder, is_writable
from rrdyn.artifacts.provenance import provenance
from rrdyn.artifacts.record import Meta
from rrdyn.data.defaults import supply
from rrdyn.data.finding import find_dataset
from rrdyn.data.folder import PuzzleSplit, open_split
from rrdyn.data.record import identifier_difference, read_identifiers
from rrdyn.models.checkpoints import load
from rrdyn.models.model import Model
from rrdyn.runtime import devices
from rrdyn.runtime.hub_address import is_address
from rrdyn.runtime.progress import detail
from rrdyn.runtime.streams import generator

HERE = Path()
"""Where a command is run."""


@dataclass(frozen=True, kw_only=True)
class Questions:
    """A batch of puzzles on the model's device."""

    inputs: Tensor
    """(B,L) int32 tokens."""
    labels: Tensor
    """(B,L) int64 right tokens, -100 where nothing is asked."""
    identifiers: Tensor
    """(B,) int32 puzzle identifiers."""
    idx: np.ndarray
    """(B,) indices in the dataset split; they key the random streams."""

    def __len__(self) -> int:
        return len(self.inputs)


@dataclass(frozen=True, kw_only=True)
class Subject:
    """A model, the dataset split it is measured on, and where both came from."""

    model: Model
    split: PuzzleSplit
    weights: Path
    device: torch.device

    def choose(self, n: int, seed: int, after: int = 0) -> np.ndarray:
        """Indices (n,) of puzzles drawn without replacement, ascending; a smaller n of the same seed is a subset.

        `after` leaves out as many puzzles that come first in the drawing: those of `choose(after, seed)`.
        """
        order = generator(seed, "puzzles").permutation(len(self.split))
        return np.sort(order[after : after + n]).astype(np.int64)

    def questions(self, idx: np.ndarray) -> Questions:
        def tensor(array: np.ndarray, kind: Any) -> Tensor:
            return devices.moved(torch.from_numpy(np.ascontiguousarray(array).astype(kind)), self.device)

        identifiers = np.asarray(self.split.example_identifiers[idx])
        if len(identifiers):
            self.model.require_identifiers(int(identifiers.max()))
        return Questions(
            inputs=tensor(self.split.inputs[idx], np.int32),
            labels=tensor(self.split.answers(idx), np.int64),
            identifiers=tensor(self.split.example_identifiers[idx], np.int32),
            idx=np.asarray(idx),
        )

    def valid(self, idx: np.ndarray, preds: np.ndarray) -> np.ndarray | None:
        """What the kind's own checker says of predictions (N,...,L), without the labels; None where it has none."""
        name = self.split.puzzle.validity
        if name is None:
            return None
        between = preds.shape[1:-1]
        inputs = np.asarray(self.split.inputs[idx])
        repeated = np.repeat(inputs, int(np.prod(between, dtype=int)), axis=0)
        flags = self.split.puzzle.check(repeated, preds.reshape(-1, preds.shape[-1]))[name]
        return flags.reshape(len(idx), *between)

    def validity(self, idx: np.ndarray, preds: np.ndarray) -> dict[str, np.ndarray]:
        """The column `valid` of an artifact, for mazes `path_valid` too; none where the kind has no checker."""
        flags = self.valid(idx, preds)
        if flags is None:
            return {}
        return {"valid": flags, **({"path_valid": flags} if self.split.puzzle.validity == "path_valid" else {})}

    def asked(self, idx: np.ndarray) -> np.ndarray:
        """(N,) how many cells each puzzle asks for: 0 where it has no label, and cannot be right or wrong."""
        return np.asarray((self.split.answers(idx) >= 0).sum(axis=1).astype(np.int64))

    def fingerprint(self, idx: np.ndarray, settings: Mapping[str, object], **more: Any) -> dict[str, object]:
        """Everything a result depends on: two runs with equal fingerprints write equal arrays, on one machine."""
        return {
            **more,
            **self.taken(),
            "settings": settings,
            "weights": sha256(self.weights),
            "dataset": self.split.digest,
            "puzzles": hashlib.sha256(np.ascontiguousarray(idx).tobytes()).hexdigest(),
            "device": self.device.type,
            "torch": torch.__version__,
        }

    def taken(self) -> dict[str, str]:
        """Which weights were taken, of a file that holds several."""
        source = self.model.source
        several = source is not None and len(source.choices) > 1
        return {"taken": source.weights or "the file itself"} if source is not None and several else {}

    def meta(self, *, seed: int, settings: Mapping[str, object], dtype: str, **extra: Any) -> Meta:
        source = self.model.source
        return provenance(
            seed=seed,
            config=settings,
            inputs=[self.weights],
            device=device_name(self.device),
            dtype=dtype,
            settings=settings,
            step=None if source is None else source.step,
            **self.taken(),
            model=self.model.config.model_dump(),
            dataset={
                "name": self.split.name,
                "path": str(self.split.path),
                "split": self.split.split,
                "digest": self.split.digest,
                "puzzles": len(self.split),
            },
            **extra,
        )


def open_subject(
    checkpoint: Path | str,
    *,
    data: Path | str | None = None,
    split: str = "test",
    dtype: torch.dtype = torch.float32,
    device: torch.device | str = "cpu",
    weights: str | None = None,
) -> Subject:
    """Load a checkpoint and open the dataset it names, or `data`; `weights`: which of several, as in `load`.

    Raises InputError where either is missing, damaged, or they do not fit each other.
    """
    device = torch.device(device)
    model = load(checkpoint, dataset=data, dtype=dtype, device=device, weights=weights)
    source = model.source
    assert source is not None
    named = dataset_of(model, data)
    if named is None:
        raise InputError(
            f"{checkpoint} does not say which dataset it was trained on",
            expected="a dataset folder",
            run="give one with --data",
        )
    if not exists(named):
        raise InputError(
            f"the dataset of {checkpoint} is not here",
            found=f"it names {named}",
            expected="that folder, or a copy of it given with --data",
            run="make it with `rrdyn data`, or give --data FOLDER",
        )
    puzzles = open_split(named, split)
    config = model.config
    puzzles.require_match(seq_len=config.seq_len, vocab_size=config.vocab_size, of=str(checkpoint))
    if model.puzzle_table is not None and source.dataset is not None and exists(source.dataset):
        told = identifier_difference(puzzles.identifiers, read_identifiers(Path(source.dataset)))
        if told is not None:
            notice(f"{named} has {told}: the model takes another puzzle's vector")
    detail(f"weights: {source.path}, layout {source.layout}, step {source.step}, {config.summary}")
    detail(f"puzzles: {puzzles.path}, {split}, digest {puzzles.digest}")
    return Subject(model=model, split=puzzles, weights=Path(source.path), device=device)


def dataset_of(model: Model, data: Path | str | None) -> Path | str | None:
    """The dataset to measure a model on: `data`, the one it names, or one that can only be its; None where none is."""
    source = model.source
    if data is not None or source is None:
        return data
    if source.dataset and source.dataset_digest:
        return _by_digest(source.dataset_digest, source.dataset, source.path)
    return source.dataset or supply(model.config.seq_len, model.config.vocab_size, source.training)


def _by_digest(digest: str, named: str, near: Path) -> Path | str:
    """The dataset of that digest, or the name of one that is not here; InputError where another one has its name."""
    found = find_dataset(digest, named, near)
    if found is None and exists(named):
        raise InputError(
            f"{named} is not the dataset that {near} was trained on",
            found="another training split under that name", expected=f"one with the digest {digest[:12]}",
            run=f"give it with --data FOLDER; or --data {named}, where these puzzles are meant",
        )  # fmt: skip
    return named if found is None else found


def device_name(device: torch.device) -> str:
    """The card's name, or "cpu": results on a CPU do not depend on its threads."""
    return "cpu" if device.type == "cpu" else devices.describe(device)


def default_outputs(checkpoints: Sequence[Path], kind: str) -> list[Path]:
    """Where each checkpoint's `kind`.npz goes: its run's folder for that kind, or beside it.

    A run folder gives RUN/diag/diag.npz, one of its checkpoints RUN/diag/diag_NAME.npz, any other file
    diag.npz beside it, or diag_NAME.npz where several of a call lie in one folder. What lies in a folder that is
    there to be read gives diag_NAME.npz where the command is run.
    """
    folder = {"diag": "diag"}.get(kind, "eval")

    def place(path: Path) -> tuple[Path, str]:
        if is_address(path):
            return Path(), path.name
        home, name = beside(path)
        above = next((one for one in (home, *home.parents) if is_folder(one)), Path())
        return (home, name) if is_writable(above) else (HERE, path.stem if is_file(path) else path.absolute().name)

    def beside(path: Path) -> tuple[Path, str]:
        if is_folder(path / "checkpoints"):
            return path / folder, ""
        home = path if path.parent.name == "checkpoints" else path.parent
        if home.parent.name == "checkpoints":
            return home.parent.parent / folder, home.name
        if home is path:
            return path.parent.parent / folder, path.name
        return (path, "") if is_folder(path) else (path.parent, path.stem)

    places = [place(path) for path in checkpoints]
    crowded = {home for home, _ in places if [other for other, _ in places].count(home) > 1}
    in_run = [home.name == folder or home is HERE for home, _ in places]
    return [
        home / (f"{kind}_{name}.npz" if name and (home in crowded or inside) else f"{kind}.npz")
        for (home, name), inside in zip(places, in_run)
    ]
