"""Batches: group-wise and endless for training, in order for evaluation; sharded over ranks, resumable to the batch."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Any

import numpy as np
from pydantic import Field, ValidationError

from rrdyn.artifacts.errors import InputError, UsageError
from rrdyn.artifacts.record import Meta, Record
from rrdyn.data.folder import PuzzleSplit
from rrdyn.data.metadata import IGNORED
from rrdyn.data.puzzle import Symmetries
from rrdyn.runtime.streams import generator

NO_EXAMPLE = -1
BATCHES_A_ROUND = 64
PHILOX_BLOCK = 4
Batch = dict[str, np.ndarray]
Natural = Annotated[int, Field(ge=0, lt=1 << 62)]
Word = Annotated[int, Field(ge=0, lt=1 << 64)]


class PhiloxWords(Record):
    """Counter and key of a Philox generator."""

    counter: Annotated[list[Word], Field(min_length=4, max_length=4)]
    key: Annotated[list[Word], Field(min_length=2, max_length=2)]


class PhiloxState(Record):
    """A Philox generator, in numpy's terms."""

    state: PhiloxWords
    buffer: Annotated[list[Word], Field(min_length=4, max_length=4)]
    buffer_pos: Annotated[int, Field(ge=0, le=4)]
    has_uint32: Annotated[int, Field(ge=0, le=1)]
    uinteger: Annotated[int, Field(ge=0, lt=1 << 32)]


class SamplerState(Record):
    """Where a sampler stands (`Sampler.state_dict`), and what it samples."""

    round: Annotated[int, Field(ge=1, lt=1 << 62)]
    at: Natural
    batch: Natural
    rng: PhiloxState
    dataset: str
    seed: Natural
    global_batch: Natural
    epochs_per_round: Natural
    augment: bool


class Sampler:
    """Endless training batches of one split, drawn as the upstream trainers draw them.

    A round is `epochs_per_round` random orders of the groups, one after another. Each group gives one of its puzzles,
    each puzzle its examples, until a batch is full; what is left at the end of a round and fills no batch is dropped.
    Round r draws from numpy's Philox generator seeded with `seed` + r, r from 1 on, as upstream.

    Each batch holds this rank's share: `inputs` (b, L) int32, `labels` (b, L) int32 with -100 where ignored,
    `puzzle_identifiers` (b,) int32 and `index` (b,) int64, the row of each example in the split.

    With `augment` every example is mapped by a random symmetry when it is drawn. The maps are drawn from a stream
    of their own by position in the round, so they depend neither on the batch size nor on the ranks.
    """

    def __init__(
        self,
        split: PuzzleSplit,
        global_batch: int,
        seed: int,
        rank: int = 0,
        world: int = 1,
        augment: bool | Symmetries | None = None,
        epochs_per_round: int | None = None,
    ) -> None:
        """`epochs_per_round` defaults to as many as fill BATCHES_A_ROUND batches, so that little is dropped."""
        if global_batch % world:
            raise UsageError(
                "the batch cannot be shared equally", found=f"{global_batch} over {world}", expected="a multiple"
            )
        self.split, self.global_batch, self.seed, self.rank, self.world = split, global_batch, seed, rank, world
        self.epochs_per_round = epochs_per_round or -(-BATCHES_A_ROUND * global_batch // max(split.groups, 1))
        self.symmetries = _symmetries(split, augment)
        self._puzzles = np.asarray(split.puzzle_indices, dtype=np.int64)
        self._groups = np.asarray(split.group_indices, dtype=np.int64)
        self._single = bool((np.diff(self._puzzles) == 1).all())
        if self._single and split.groups * self.epochs_per_round < global_batch:
            raise UsageError(
                "a round of the data does not fill one batch",
                found=f"{split.groups} groups x {self.epochs_per_round} epochs, batch {global_batch}",
                expected="more epochs a round or a smaller batch",
            )
        self._begin(1)

    def _begin(self, number: int) -> None:
        self.round, self.at, self.batch = number, 0, 0
        self._rng = np.random.Generator(np.random.Philox(seed=self.seed + number))
        self._order = np.concatenate([self._rng.permutation(self.split.groups) for _ in range(self.epochs_per_round)])

    def __iter__(self) -> Iterator[Batch]:
        while True:
            yield self.next()

    def next(self) -> Batch:
        """The next batch of this rank."""
        for _ in range(2):
            position = self.batch * self.global_batch
            rows, puzzles = self._draw()
            if len(rows) == self.global_batch:
                self.batch += 1
                return self._share(rows, puzzles, position)
            self._begin(self.round + 1)
        raise UsageError("a round of the data does not fill one batch", expected="more epochs a round")

    def _draw(self) -> tuple[np.ndarray, np.ndarray]:
        """Examples and puzzles of the next global batch; fewer than a batch at the end of a round."""
        if self._single:
            chosen = self._order[self.at : self.at + self.global_batch]
            self.at += len(chosen)
            puzzles = self._rng.integers(self._groups[chosen], self._groups[chosen + 1])
            return self._puzzles[puzzles], puzzles
        return self._draw_examples()

    def _draw_examples(self) -> tuple[np.ndarray, np.ndarray]:
        """The same where puzzles have several examples (ARC); these are drawn from a stream keyed by the position."""
        rows: list[np.ndarray] = []
        owners: list[np.ndarray] = []
        size = 0
        while self.at < len(self._order) and size < self.global_batch:
            group = self._order[self.at]
            puzzle = int(self._rng.integers(self._groups[group], self._groups[group + 1]))
            first, end = self._puzzles[puzzle : puzzle + 2]
            take = min(int(end - first), self.global_batch - size)
            inside = generator(self.seed, "examples", self.round, self.at)
            rows.append(first + inside.permutation(int(end - first))[:take])
            owners.append(np.full(take, puzzle))
            self.at += 1
            size += take
        if not rows:
            return np.empty(0, dtype=np.int64), np.empty(0, dtype=np.int64)
        return np.concatenate(rows), np.concatenate(owners)

    def _share(self, rows: np.ndarray, puzzles: np.ndarray, position: int) -> Batch:
        local = self.global_batch // self.world
        mine = slice(self.rank * local, (self.rank + 1) * local)
        rows, puzzles = rows[mine], puzzles[mine]
        inputs, labels = self.split.inputs[rows], self.split.labels[rows]
        if self.symmetries is not None:
            uniforms = self._uniforms(position + self.rank * local, local)
            inputs, labels = self.symmetries.apply(uniforms, inputs, labels)
        return collate(self.split, inputs, labels, self.split.puzzle_identifiers[puzzles], rows)

    def _uniforms(self, first: int, count: int) -> np.ndarray:
        """Numbers (count, draws) for positions from `first` on, found by advancing the round's stream to that place."""
        assert self.symmetries is not None
        blocks = -(-self.symmetries.draws // PHILOX_BLOCK)
        stream = generator(self.seed, "symmetry", self.round)
        stream.bit_generator.advance(first * blocks)  # type: ignore[attr-defined]
        return stream.random((count, blocks * PHILOX_BLOCK))

    def state_dict(self) -> Meta:
        """Where the sampler stands, in plain numbers and strings."""
        return {
            "round": self.round,
            "at": self.at,
            "batch": self.batch,
            "rng": _plain_state(self._rng),
            **self._identity(),
        }

    def load_state_dict(self, state: Meta) -> None:
        """Stand where another sampler stood; raises InputError where it sampled other data or otherwise."""
        try:
            saved = SamplerState.model_validate(state)
        except ValidationError as error:
            first = error.errors()[0]
            raise InputError(
                f"the saved state of the sampler is damaged: {'.'.join(map(str, first['loc']))}", expected=first["msg"]
            ) from None
        for key, here in self._identity().items():
            if getattr(saved, key) != here:
                raise InputError(
                    f"the saved state is of another {key.replace('_', ' ')}", found=getattr(saved, key), expected=here
                )
        self._begin(saved.round)
        self.at, self.batch = saved.at, saved.batch
        _restore(self._rng, saved.rng)

    def _identity(self) -> dict[str, object]:
        """What must be the same on resume; the number of ranks may differ."""
        return {
            "dataset": self.split.digest,
            "seed": self.seed,
            "global_batch": self.global_batch,
            "epochs_per_round": self.epochs_per_round,
            "augment": self.symmetries is not None,
        }


def in_order(split: PuzzleSplit, global_batch: int, rank: int = 0, world: int = 1) -> Iterator[Batch]:
    """Every example once, in order, each rank its share of each batch.

    As upstream, a short share is filled up with padding: `index` -1, labels -100, the blank identifier.
    """
    if global_batch % world:
        raise UsageError(
            "the batch cannot be shared equally", found=f"{global_batch} over {world}", expected="a multiple"
        )
    local = global_batch // world
    for start in range(0, len(split), global_batch):
        end = min(len(split), start + global_batch)
        rows = np.arange(min(start + rank * local, end), min(start + (rank + 1) * local, end))
        batch = collate(split, split.inputs[rows], split.labels[rows], split.example_identifiers[rows], rows)
        yield _padded(split, batch, local - len(rows))


def collate(
    split: PuzzleSplit, inputs: np.ndarray, labels: np.ndarray, identifiers: np.ndarray, rows: np.ndarray
) -> Batch:
    """A batch in the types that models take, ignored labels as -100."""
    return {
        "inputs": inputs.astype(np.int32),
        "labels": split.metadata.asked_labels(labels).astype(np.int32),
        "puzzle_identifiers": identifiers.astype(np.int32),
        "index": rows.astype(np.int64),
    }


def _padded(split: PuzzleSplit, batch: Batch, missing: int) -> Batch:
    if not missing:
        return batch
    fill = {
        "inputs": split.metadata.pad_id,
        "labels": IGNORED,
        "puzzle_identifiers": split.metadata.blank_identifier_id,
        "index": NO_EXAMPLE,
    }
    return {
        key: np.pad(array, [(0, missing)] + [(0, 0)] * (array.ndim - 1), constant_values=fill[key])
        for key, array in batch.items()
    }


def _symmetries(split: PuzzleSplit, augment: bool | Symmetries | None) -> Symmetries | None:
    if not augment:
        return None
    if augment is not True:
        return augment
    if split.puzzle.symmetries is None:
        raise UsageError(
            f"{split.puzzle.name} puzzles have no symmetries to shuffle by",
            found=split.name,
            expected="a kind that has symmetries, such as Sudoku or mazes, or no augmentation",
        )
    return split.puzzle.symmetries


def _plain_state(rng: np.random.Generator) -> dict[str, object]:
    """The state of a Philox generator without arrays, so that it fits into JSON."""
    state: dict[str, Any] = dict(rng.bit_generator.state)
    inner = {key: [int(word) for word in words] for key, words in state["state"].items()}
    rest = {key: int(value) for key, value in state.items() if key in ("buffer_pos", "has_uint32", "uinteger")}
    return {"state": inner, "buffer": [int(word) for word in state["buffer"]], **rest}


def _restore(rng: np.random.Generator, saved: PhiloxState) -> None:
    arrays = {key: np.array(words, dtype=np.uint64) for key, words in saved.state.model_dump().items()}
    plain = saved.model_dump(include={"buffer_pos", "has_uint32", "uinteger"})
    buffer = np.array(saved.buffer, dtype=np.uint64)
    rng.bit_generator.state = {"bit_generator": "Philox", **plain, "state": arrays, "buffer": buffer}
